import { shellCommand } from '@vitvq/run';

/**
 * Returns the command that goes on with a run: that which started it, without `--fresh`, which
 * would delete the run.
 */
export function resumeCommand(name: string, argv: readonly string[]): string {
  const options = argv.filter((word) => word !== '--fresh');
  return shellCommand(['npm', 'run', name, ...(options.length === 0 ? [] : ['--', ...options])]);
}
