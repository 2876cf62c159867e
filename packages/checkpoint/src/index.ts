export {
  decodeSafetensors,
  encodeSafetensors,
  openSafetensors,
  readSafetensors,
  writeSafetensors,
  type SafetensorsContent,
  type SafetensorsFile,
} from './safetensors.js';
export { type SafetensorsDtype } from './internal/dtypes.js';
export { type SafetensorsEntry } from './internal/header.js';
export {
  latestCheckpoint,
  listCheckpoints,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type CheckpointFile,
  type LoadedCheckpoint,
  type WriteCheckpointOptions,
} from './training-checkpoint.js';
export { snapshotVariables } from './snapshot-variables.js';
