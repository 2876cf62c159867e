/** Metadata name of the checksum, in a single file and in the index of several. */
export const checksumName = 'vitvq.sha256';
/** Metadata name of the format. */
export const formatName = 'vitvq.format';
/** Metadata name of the step. */
export const stepName = 'vitvq.step';
/** Metadata name of the state in JSON. */
export const stateName = 'vitvq.state';
