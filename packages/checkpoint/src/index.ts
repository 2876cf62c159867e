export { listCheckpoints, type CheckpointFile } from './checkpoint-folder.js';
export { type SafetensorsDtype, type WritableDtype } from './dtypes.js';
export { fetchModel, type FetchModelOptions } from './fetch-model.js';
export { findModelFolders, modelRoleOf, type FoundModelFolders, type ModelRole } from './find-model-folders.js';
export { openFlaxCheckpoint, type FlaxCheckpoint } from './flax-checkpoint.js';
export { readJsonObject } from './internal/json-file.js';
export { type JsonObject, type JsonObjectLimits } from './internal/json-object.js';
export { type ModelDescription, type OpenedModel } from './model-description.js';
export { encodeModelFiles, openModelFiles, type ModelFiles } from './model-files.js';
export { openModel, writeModel, type WriteModelOptions } from './model-folder.js';
export {
  listCheckpointsInParts,
  openCheckpointInParts,
  type OpenCheckpointInPartsOptions,
  type OpenedCheckpointInParts,
} from './open-checkpoint-in-parts.js';
export { openWeights } from './open-weights.js';
export { type ProcessGroup } from './process-group.js';
export { openPyTorchCheckpoint, type PyTorchCheckpoint, type PyTorchCheckpointOptions } from './pytorch-checkpoint.js';
export { resolveModelFolder } from './resolve-model-folder.js';
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
export { openSafetensors, readSafetensors, writeSafetensors } from './safetensors.js';
export { openShardedSafetensors } from './sharded-safetensors.js';
export { snapshotVariables } from './snapshot-variables.js';
export { divideTensors, type TensorPiece } from './tensor-pieces.js';
export {
  type TensorDescription,
  type TensorEntry,
  type TensorFile,
  type TensorSource,
  type WritableTensors,
} from './tensor-source.js';
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
export { variableTensors } from './variable-tensors.js';
export {
  writeCheckpointInParts,
  type CheckpointInParts,
  type PieceSource,
  type WriteCheckpointInPartsOptions,
} from './write-checkpoint-in-parts.js';
