export { mergeConfigs, type ConfigObject, type ConfigValue } from './config/merge-config.js';
export { runJsonSchema } from './config/json-schema.js';
export {
  formatRunConfig,
  isOfClassifier,
  readAnyRunConfig,
  readRunConfig,
  resolveClassifierRunConfig,
  resolveRunConfig,
  type ReadRunConfigOptions,
} from './config/read-run-config.js';
export {
  runConfigSchema,
  type CodesConfig,
  type ConditionConfig,
  type EvaluationConfig,
  type MeasuringConfig,
  type ProbeConfig,
  type ResolvedRunConfig,
  type RunConfig,
  type RunDataConfig,
  type SamplesConfig,
  type ShownImagesConfig,
  type StageTrainingConfig,
  type TokenizerStageConfig,
  type TransformerStageConfig,
} from './config/run-config.js';
export {
  classifierRunConfigSchema,
  type ClassifierRunConfig,
  type ClassifierStageConfig,
  type ResolvedClassifierRunConfig,
} from './config/classifier-run-config.js';
export { someOf, openRunImages, type RunImages } from './run-images.js';
export { assertSameImages, differentImages, type ImageSets } from './same-images.js';
export { openTrialImages, type TrialImages, type TrialImagesOptions } from './open-trial-images.js';
export { trainWithView, type TrainWithViewOptions, type ViewedTrainer } from './train-with-view.js';
export { RunFolder, type RunFolderOptions, type StageResult } from './run-folder.js';
export { silentView, type Progress, type ProgressOptions, type ProgressReport, type RunView } from './run-progress.js';
export { shellCommand } from './shell-command.js';
export { abortOnCtrlC, StoppedError } from './stop-program.js';
export { type RunResults } from './run-results.js';
export { imagesFile, metricsFile, runConfigFile } from './run-files.js';
export { trainRun, type TrainedRun, type TrainRunOptions } from './train-run.js';
export { type ClassifierResult } from './stages/classifier-stage.js';
export { trainClassifierRun, type TrainedClassifierRun } from './train-classifier-run.js';
export { dataFromText } from './data-from-text.js';
export { evaluate, type EvaluatedRun, type EvaluateOptions } from './evaluate.js';
export { formatFigures } from './format-figures.js';
export { findModel, type ModelRole } from './find-model.js';
export { loadRunTokenizer, loadRunTransformer, openRun, type OpenedRun } from './open-run.js';
export { probeModels, type ProbeModelsOptions, type ProbeResult } from './probe-models.js';
export { type ProbedModels } from './probed-features.js';
export { probe, type ProbeOptions } from './probe.js';
export { reconstruct, type ReconstructedImages, type ReconstructOptions } from './reconstruct.js';
export { sample, type SampledImage, type SampledImages, type SampleOptions } from './sample.js';
export { tokenize, type TokenizedImages, type TokenizeOptions } from './tokenize.js';
export { imageSizeOf } from './image-size.js';
export { inspect, type Inspection } from './inspect.js';
export { watchRun, type WatchedRun, type WatchRunOptions } from './watch/serve-run.js';
export { plan, type PlanOptions, type SimulationOptions, type SmallerSchedule, type TrainingPlan } from './plan.js';
export { simulateDevices, type DeviceLinks, type SimulatedStep, type SimulatedTraining } from './simulate-devices.js';
export { loadGenerator, type LoadedGenerator, type LoadGeneratorOptions } from './load-generator.js';
export { writeHubFolders, type HubFolder, type WriteHubFoldersOptions } from './write-hub-folders.js';
export { verifyTokens, type VerifyTokensOptions } from './verify-tokens.js';
export { lendDevices, readProcesses } from './several-processes.js';
export { workerShare, type WorkerPlace } from './worker-share.js';
export { unpack, type UnpackedImages, type UnpackOptions } from './unpack.js';
export { climbLadder, type ClimbedLadder, type ClimbedRung, type ClimbLadderOptions } from './ladder/climb-ladder.js';
export { type CurveVerdict, type RungVerdict } from './ladder/compare-curves.js';
export { readLadderRecord, type LadderRecord, type RungRecord } from './ladder/ladder-record.js';
export { rungNames, rungs, type Rung, type RungName } from './ladder/rungs.js';
