import type { Command } from 'commander';
import { dataHelp, runHelp } from './help-texts.js';
import {
  loadRun,
  print,
  runCommand,
  skippedLine,
  untilStopped,
  viewOf,
  withEngineOptions,
  type EngineFlags,
} from './run-command.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';
import { aboveZero, notNegative, positive } from './values.js';

interface TokenizeFlags extends EngineFlags {
  readonly data?: string;
  readonly out?: string;
  readonly views: number;
  readonly batchSize: number;
  readonly shardSize?: number;
  readonly worker?: number;
  readonly of?: number;
  readonly takeOverAfter?: number;
}

interface VerifyFlags {
  readonly repair?: boolean;
  readonly json?: boolean;
}

/** Shards that are named, of those that are missing. */
const namedShards = 3;

/** Adds `vitvq tokenize <run>` and `vitvq verify-tokens <folder>`. */
export function addTokenizeCommands(program: Command): void {
  withEngineOptions(
    program
      .command('tokenize')
      .description(
        'images to shards of codes, from which a transformer learns; goes on where it stopped, and shares the work ' +
          'with every other call for the same folder, on any machine',
      )
      .argument('[run]', runHelp)
      .option('--data <source>', dataHelp)
      .option('--out <folder>', 'where the shards go (required)')
      .option('--views <n>', 'passes over the images: the second mirrors them', positive, 1)
      .option('--batch-size <n>', 'images that are encoded at once', positive, 50)
      .option('--shard-size <n>', 'images a shard, made up to whole batches (default: 64 batches)', positive)
      .option('--of <n>', 'make a fixed part of the shards, as one of n workers (default: any that is free)', positive)
      .option('--worker <i>', 'which of them, from 0 on (default: what Slurm or Kubernetes says)', notNegative)
      .option(
        '--take-over-after <seconds>',
        'how long another worker may give no sign of life (default: 120)',
        aboveZero,
      ),
  ).action((_run: string | undefined, flags: TokenizeFlags, command: Command) => tokenize(flags, command));
  program
    .command('verify-tokens')
    .description('whether all shards that tokenize makes are there and whole; exit code 1 says that they are not')
    .argument('[folder]', 'what --out of tokenize named')
    .option('--repair', 'remove damaged shards, so that tokenize makes them anew')
    .option('--json', 'print the result as one JSON object; everything else goes to standard error')
    .allowUnknownOption()
    .allowExcessArguments()
    .action((_folder: string | undefined, flags: VerifyFlags, command: Command) => verify(flags, command));
}

async function tokenize(flags: TokenizeFlags, command: Command): Promise<void> {
  const { data, out, views, batchSize, shardSize, worker, of, takeOverAfter } = flags;
  const required = { '--data <source>': data, '--out <folder>': out };
  await runCommand(command, flags, { required, saves: out }, async ({ run, path, view, signal, print: show }) => {
    const share = run.workerShare({ worker, of }, process.env);
    const source = await run.dataFromText(data!);
    const places = { run: path, data: source, out: out!, share, view, signal };
    const result = await run.tokenize({ ...places, views, batchSize, shardSize, takeOverAfter });
    const { images, grid, vocabSize, skipped, shards, totalShards, ownShards, ownImages, seconds } = result;
    const inViews = views === 1 ? 'one view' : `${views} views`;
    const tokens = `${grid.join('x')} tokens of ${vocabSize} codes`;
    const speed = ownImages / Math.max(seconds, 1e-3);
    show(result, [
      images === undefined
        ? `Shards ${shards} of ${totalShards}; other workers make the rest`
        : `Codes of ${images} images, ${inViews}: ${tokens}`,
      `This worker: ${ownShards} of ${totalShards} shards, ${speed.toFixed(0)} images/s`,
      ...skippedLine(skipped),
      `Shards:      ${out}`,
    ]);
  });
}

async function verify(flags: VerifyFlags, command: Command): Promise<void> {
  const folder = operand(command);
  refuseUsage(command, [...missing({ '<folder>': folder }), ...leftovers(command)]);
  const run = await loadRun('verify-tokens');
  const signal = run.abortOnCtrlC(undefined, 'stopping');
  const view = viewOf(flags);
  await untilStopped(run, view, async () => {
    const result = await run.verifyTokens({ folder: folder!, repair: flags.repair, view, signal });
    const { isComplete, images, views, leftOut, shards, intact, bytes, missing: absent, damaged, unplanned } = result;
    const broken = [...damaged.map(({ shard, reason }) => `${shard}: ${reason}`), ...unplanned.map(unplannedLine)];
    print(flags, result, [
      `${intact} of ${shards} shards are whole (${(bytes / 1e6).toFixed(1)} MB)`,
      ...broken,
      ...(absent.length > 0 ? [missingLine(absent, result.claimed)] : []),
      ...(isComplete ? [completeLine(images, views, leftOut)] : [adviceOn(broken.length > 0, flags.repair ?? false)]),
    ]);
    if (!isComplete) process.exitCode = 1;
  });
}

function completeLine(images: number, views: number, leftOut: number): string {
  const where = views === 1 ? '' : ` in each of ${views} views`;
  const without = leftOut === 0 ? '' : `, apart from ${leftOut} that could not be used`;
  return `Each of ${images} images is there exactly once${where}${without}`;
}

const unplannedLine = (name: string): string => `${name}: the plan has no such shard`;

function missingLine(absent: readonly string[], claimed: number): string {
  const more = absent.length > namedShards ? ` and ${absent.length - namedShards} more` : '';
  const names = absent.slice(0, namedShards).join(', ');
  return `Not there yet: ${names}${more}; workers have claimed ${claimed} of them`;
}

function adviceOn(isBroken: boolean, isRepaired: boolean): string {
  if (!isBroken) return 'To make what is missing, start the same vitvq tokenize again, or wait for its workers.';
  if (isRepaired) return 'What was damaged is removed. To make it anew, start the same vitvq tokenize again.';
  return 'To remove what is damaged, add --repair; then start the same vitvq tokenize again.';
}
