export { killAfter } from './kill-after.js';
export { runProgram, type ProgramEnding } from './run-program.js';
export { it } from './temporary-folder.js';
