import { showProgress } from '@vitvq/cli';
import type { ConfigObject, RunView } from '@vitvq/run';
import type { EngineChoice } from './start-engine.js';

/** Shows a run on the terminal: lines, and a bar for long work. */
export const terminalView: RunView = {
  log: (line) => console.log(line),
  openProgress: (options) => showProgress(process.stdout, options),
};

/** Returns the change of a config that `--engine`, `--threads` and `--devices` ask for. */
export function engineChanges({ engine, threads, devices }: EngineChoice): ConfigObject {
  return {
    ...(engine !== undefined && { engine }),
    ...(threads !== undefined && { threads }),
    ...(devices !== undefined && { mesh: { data: devices } }),
  };
}
