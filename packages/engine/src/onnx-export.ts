export {
  exportOnnx,
  type ExportedOnnx,
  type ExportOnnxOptions,
  type OnnxInput,
  type OnnxPort,
} from './onnx/export/export-onnx.js';
export { standardOpset } from './onnx/dialects/standard-onnx.js';
