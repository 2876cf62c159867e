export { TensorBoardWriter, type TensorBoardWriterOptions } from './tensorboard-writer.js';
export { type RgbImage } from './internal/picture.js';
