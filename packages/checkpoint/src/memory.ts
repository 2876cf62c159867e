export {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsContent,
  type WriteSafetensorsOptions,
} from './safetensors-memory.js';
