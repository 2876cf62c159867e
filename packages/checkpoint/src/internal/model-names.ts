/** Name of the config file of a model folder, as on model hubs. */
export const configName = 'config.json';
/** Prefix of the names of all files with weights. */
export const modelStem = 'model';
/** Name of the single file with all weights. */
export const singleName = `${modelStem}.safetensors`;
/** Name of the index when weights are in several files. */
export const indexName = `${singleName}.index.json`;
