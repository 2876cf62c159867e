export { compile, type CompiledFunction, type CompileOptions } from './compile.js';
export {
  exportOnnx,
  standardOpset,
  type ExportedOnnx,
  type ExportOnnxOptions,
  type OnnxInput,
  type OnnxPort,
} from './export-onnx.js';
export { doctor, formatDoctorReport, type DoctorReport } from './doctor.js';
export {
  currentEngine,
  engineNames,
  useEngine,
  type CompileEvent,
  type Engine,
  type EngineName,
  type EngineOptions,
} from './engines.js';
export { CompileError, EngineError } from './errors.js';
export { registerGradients } from './gradients.js';
