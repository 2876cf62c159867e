/** What a checkpoint's metadata calls its parts, in one file and in the index of several. */
export const checksumName = 'vitvq.sha256';
export const formatName = 'vitvq.format';
export const stepName = 'vitvq.step';
export const stateName = 'vitvq.state';
