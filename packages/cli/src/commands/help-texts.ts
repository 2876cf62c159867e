/** Help on an option that names images. */
export const dataHelp = 'images: a folder, cifar10, cifar10:train, or the config of a source (required)';

/** Help on the run or model that a command is about. */
export const runHelp = 'folder of a run or of a model, or owner/name on a hub';
