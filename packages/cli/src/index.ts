export { engineChanges, engineChoices, type EngineRequest } from './engine-choices.js';
export { optionName, unknownArguments } from './arguments.js';
export { createProgram } from './program.js';
export { showProgress } from './progress.js';
