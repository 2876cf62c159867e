/** Files of a model's folder, as hubs name them. */
export const configName = 'config.json';
export const modelStem = 'model';
export const singleName = `${modelStem}.safetensors`;
export const indexName = `${singleName}.index.json`;
