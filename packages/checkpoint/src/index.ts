export {
  decodeSafetensors,
  encodeSafetensors,
  openSafetensors,
  readSafetensors,
  writeSafetensors,
  type SafetensorsContent,
  type SafetensorsFile,
  type WriteSafetensorsOptions,
} from './safetensors.js';
export { type SafetensorsDtype, type WritableDtype } from './internal/dtypes.js';
export { type SafetensorsEntry } from './internal/header.js';
export { fetchModel, type FetchModelOptions } from './fetch-model.js';
export { openShardedSafetensors } from './sharded-safetensors.js';
export { listCheckpoints, type CheckpointFile } from './internal/checkpoint-folder.js';
export {
  latestCheckpoint,
  openCheckpoint,
  readCheckpoint,
  readCheckpointState,
  restoreCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type CheckpointState,
  type LoadedCheckpoint,
  type OpenedCheckpoint,
  type WriteCheckpointOptions,
} from './training-checkpoint.js';
export { openPyTorchCheckpoint, type PyTorchCheckpoint, type PyTorchCheckpointOptions } from './pytorch-checkpoint.js';
export { restoreVariables, type RestoreVariablesOptions } from './restore-variables.js';
export { snapshotVariables } from './snapshot-variables.js';
export {
  type TensorDescription,
  type TensorEntry,
  type TensorFile,
  type TensorSource,
  type WritableTensors,
} from './tensor-source.js';
export { variableTensors } from './variable-tensors.js';
export {
  openModel,
  writeModel,
  type ModelDescription,
  type OpenedModel,
  type WriteModelOptions,
} from './model-folder.js';
