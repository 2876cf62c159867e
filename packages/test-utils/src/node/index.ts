export { buildLoopbackPlugin, hasCompiler } from '../loopback-plugin/build-loopback-plugin.js';
export { killAfter } from './kill-after.js';
export { programOptions, runProgram, scriptOptions, type ProgramEnding } from './run-program.js';
export { freePort, killStartedPrograms, startProgram, type StartedProgram } from './started-programs.js';
export { it } from './temporary-folder.js';
