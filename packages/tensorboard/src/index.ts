export { TensorBoardWriter, type TensorBoardWriterOptions } from './tensorboard-writer.js';
