/**
 * Safetensors files and model folders in memory, without Node.js: what a browser needs. The main
 * entry exports all of this too.
 */
export { type SafetensorsDtype, type WritableDtype } from './dtypes.js';
export { type ModelDescription, type OpenedModel } from './model-description.js';
export { encodeModelFiles, openModelFiles, type ModelFiles } from './model-files.js';
export { restoreVariables, type RestoreVariablesOptions } from './restore-variables.js';
export { type SafetensorsFile } from './safetensors-file.js';
export { type SafetensorsEntry } from './safetensors-header.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  openSafetensorsBytes,
  type SafetensorsContent,
  type WriteSafetensorsOptions,
} from './safetensors-memory.js';
export { snapshotVariables } from './snapshot-variables.js';
export {
  type TensorDescription,
  type TensorEntry,
  type TensorFile,
  type TensorSource,
  type WritableTensors,
} from './tensor-source.js';
export { variableTensors } from './variable-tensors.js';
