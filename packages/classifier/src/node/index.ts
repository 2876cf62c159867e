export {
  loadClassifier,
  saveClassifier,
  type LoadedClassifier,
  type SaveClassifierOptions,
} from './classifier-folder.js';
