/** Files of a model's folder, as hubs name them. */
export const configName = 'config.json';
/** Beginning of the names of all files with weights. */
export const modelStem = 'model';
/** Name of the file with all weights. */
export const singleName = `${modelStem}.safetensors`;
/** Name of the index of several files. */
export const indexName = `${singleName}.index.json`;
