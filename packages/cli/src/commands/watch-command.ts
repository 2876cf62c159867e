import type { Command } from 'commander';
import { loadOptional } from '../optional-package.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';
import { notNegative, positive } from './values.js';

interface WatchFlags {
  readonly port: number;
  readonly refresh: number;
}

/** Adds `vitvq watch <run>`, which serves a page about a run in progress. */
export function addWatchCommand(program: Command): void {
  program
    .command('watch')
    .description('a page about a run in progress, for this machine alone: curves, previews, codebook, speed, alerts')
    .argument('[run]', 'folder of a run, or of a training')
    .option('--port <n>', 'port of the page; 0: one that is free', notNegative, 6007)
    .option('--refresh <seconds>', 'how often the page comes again', positive, 5)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(watch);
}

async function watch(_run: string | undefined, { port, refresh }: WatchFlags, command: Command): Promise<void> {
  const run = operand(command) ?? '';
  refuseUsage(command, [...missing({ '<run>': run }), ...leftovers(command)]);
  const { watchRun } = await loadOptional('watch', '@vitvq/run', () => import('@vitvq/run'));
  const watched = await watchRun({ run, port, refreshSeconds: refresh });
  process.stdout.write(`${watched.url} shows ${run}; Ctrl-C ends it, and nothing else\n`);
  await new Promise<void>((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
  await watched.close();
}
