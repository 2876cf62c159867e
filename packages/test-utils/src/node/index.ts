export { killAfter } from './kill-after.js';
export { it } from './temporary-folder.js';
