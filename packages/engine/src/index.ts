export { audit, formatAuditReport, type AuditFinding, type AuditOptions, type AuditReport } from './audit/audit.js';
export type { Backend, DeviceBuffer, Executable, Program, Run, TensorType } from './backend/backend.js';
export { compile, type CompiledFunction, type CompileOptions } from './compile.js';
export { describeEngine, doctor, formatDoctorReport, type DoctorReport } from './doctor.js';
export {
  currentEngine,
  endEngine,
  formatEngine,
  serveDevices,
  useEngine,
  type CompileEvent,
  type EndEngineOptions,
  type Engine,
  type EngineOptions,
} from './engines.js';
export {
  engineNames,
  type EngineDetails,
  type EngineDevice,
  type EngineName,
  type ServeDevicesOptions,
} from './engines/engine-definition.js';
export { CompileError, EngineError } from './errors.js';
export { deviceCountOf, resolveMesh, weightPlacements } from './mesh.js';
export type { Mesh, MeshAxis, MeshOptions, WeightPlacement } from './mesh.js';
export { type Precision } from './passes/narrow-products.js';
export { precisions } from './precision.js';
export { registerGradients } from './gradients.js';
export type { ProcessesOptions } from './pjrt/processes/linked-process.js';
