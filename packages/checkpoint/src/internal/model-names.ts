/** File of a model folder that says what the model is. */
export const configName = 'config.json';

/** Beginning of the names of the files that hold the tensors, as model hubs name them. */
export const modelStem = 'model';

/** File of a model folder that holds all tensors. */
export const singleName = `${modelStem}.safetensors`;

/** File of a model folder that lists which of several files holds a tensor. */
export const indexName = `${singleName}.index.json`;
