// Names of the parts of a checkpoint in the metadata of its single file or of its index.

/** SHA-256 of the contents. */
export const checksumName = 'vitvq.sha256';

/** Name and version of the format. */
export const formatName = 'vitvq.format';

/** Number of optimizer steps. */
export const stepName = 'vitvq.step';

/** State as JSON. */
export const stateName = 'vitvq.state';
