import { showProgress } from '@vitvq/cli';
import type { RunView } from '@vitvq/run';

/** Shows a run on the terminal: lines, and a bar for long work. */
export const terminalView: RunView = {
  log: (line) => console.log(line),
  openProgress: (options) => showProgress(process.stdout, options),
};
