export { removeEventFiles } from './remove-event-files.js';
export { TensorBoardWriter, type TensorBoardWriterOptions } from './tensorboard-writer.js';
