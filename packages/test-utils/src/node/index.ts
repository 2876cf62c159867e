export { it } from './temporary-folder.js';
