export {
  logitLaplaceImage,
  logitLaplaceLoss,
  logitLaplaceMap,
  logitLaplaceUnmap,
  type LogitLaplaceOptions,
  type LogitLaplaceParameters,
} from './logit-laplace.js';
export { l1Loss, l2Loss } from './pixel.js';
export { codebookLoss, commitmentLoss } from './vector-quantization.js';
