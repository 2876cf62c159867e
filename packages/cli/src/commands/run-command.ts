import { Option, type Command } from 'commander';
import type * as RunPackage from '@vitvq/run';
import type { ConfigObject, RunView } from '@vitvq/run';
import { engineChanges, engineChoices, type EngineRequest } from '../engine-choices.js';
import { loadOptional } from '../optional-package.js';
import { showProgress } from '../progress.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';
import { positive } from './values.js';

/** Options that every command that computes has. */
export interface EngineFlags extends EngineRequest {
  readonly json?: boolean;
}

/** Adds `--engine`, `--threads`, `--devices` and `--json`. */
export function withEngineOptions(command: Command): Command {
  return command
    .addOption(new Option('--engine <name>', 'what computes (default: auto)').choices(engineChoices))
    .option('--threads <n>', 'threads of the engine (default: its own choice)', positive)
    .option('--devices <n>', 'devices over which batches are sharded, with --engine pjrt (default: 1)', positive)
    .option('--json', 'print the result as one JSON object; everything else goes to standard error')
    .allowUnknownOption()
    .allowExcessArguments();
}

/** Returns what `--seed`, `--engine`, `--threads` and `--devices` change in a config. */
export function changesOf({ seed, ...engine }: EngineFlags & { readonly seed?: number }): ConfigObject {
  return { ...(seed !== undefined && { seed }), ...engineChanges(engine) };
}

/** Returns the words of the command line with which a run goes on: it does not start over. */
export function wordsToGoOn(): string[] {
  return ['vitvq', ...process.argv.slice(2).filter((word) => word !== '--fresh')];
}

/** Loads `@vitvq/run` and TensorFlow.js. */
export async function loadRun(command: string): Promise<typeof RunPackage> {
  const run = await loadOptional(command, '@vitvq/run', () => import('@vitvq/run'));
  await import('@tensorflow/tfjs');
  return run;
}

/** What a command works with. */
export interface CommandContext {
  readonly run: typeof RunPackage;
  /** The operand: the folder of a run. */
  readonly path: string;
  readonly view: RunView;
  readonly signal: AbortSignal;
  /** Prints the result, as JSON or as lines for people. */
  readonly print: (result: unknown, lines: readonly string[]) => void;
}

/**
 * Checks the command line of a command about a run, starts the engine and does the work. Ctrl-C
 * stops it at the next safe point.
 * @param required  what must be given besides the run, by name
 * @param saves  folder that keeps what was done when Ctrl-C ends the work; undefined: nothing does
 */
export async function runCommand(
  command: Command,
  flags: EngineFlags,
  { required = {}, saves }: { required?: Readonly<Record<string, string | undefined>>; saves?: string | undefined },
  work: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const path = operand(command) ?? '';
  refuseUsage(command, [...missing({ '<run>': path, ...required }), ...leftovers(command)]);
  const run = await loadRun(command.name());
  const { formatEngine, useEngine } = await loadOptional(
    command.name(),
    '@vitvq/engine',
    () => import('@vitvq/engine'),
  );
  const view = viewOf(flags);
  const { engine: name, threads, devices } = flags;
  const engine = await useEngine({ name, threads, mesh: { data: devices } });
  view.log(`Engine: ${formatEngine(engine)}`);
  const signal = run.abortOnCtrlC(saves, 'stopping');
  await untilStopped(run, view, () =>
    work({ run, path, view, signal, print: (result, lines) => print(flags, result, lines) }),
  );
}

/**
 * Does the work of a command. Where Ctrl-C ends it, says what is saved, and how to go on where
 * anything is.
 */
export async function untilStopped(
  run: typeof RunPackage,
  { log }: Pick<RunView, 'log'>,
  work: () => Promise<void>,
  goOn = ['vitvq', ...process.argv.slice(2)],
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof run.StoppedError)) throw error;
    const { message, folder } = error;
    log(folder === undefined ? message : `${message} To go on:\n  ${run.shellCommand(goOn)}`);
    process.exitCode = error.exitCode;
  }
}

/** Returns the view of a command: a bar and lines; on standard error where the result is JSON. */
export function viewOf({ json = false }: EngineFlags): RunView {
  const stream = json ? process.stderr : process.stdout;
  return {
    log: (line) => stream.write(`${line}\n`),
    openProgress: (options) => showProgress(stream, options),
  };
}

/** Prints a result as JSON or as lines for people. */
export function print({ json = false }: EngineFlags, result: unknown, lines: readonly string[]): void {
  process.stdout.write(`${json ? JSON.stringify(result, null, 2) : lines.join('\n')}\n`);
}

/** Returns the line about images that a command left out, if there are any. */
export function skippedLine(skipped: readonly unknown[]): string[] {
  return skipped.length === 0 ? [] : [`Left out:    ${skipped.length} unusable images`];
}
