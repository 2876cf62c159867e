import { Option, type Command } from 'commander';
import type * as RunPackage from '@vitvq/run';
import type { ClimbedLadder, RungName } from '@vitvq/run';
import {
  changesOf,
  loadRun,
  print,
  untilStopped,
  viewOf,
  withEngineOptions,
  wordsToGoOn,
  type EngineFlags,
} from './run-command.js';
import { leftovers, missing, refuseUsage } from './usage.js';
import { notNegative, several } from './values.js';

/** The names of `rungNames` of @vitvq/run, which is loaded when the command runs. */
const rungChoices: readonly RungName[] = ['one-image', 'hundred-images', 'five-minutes', 'sixty-minutes'];

interface LadderFlags extends EngineFlags {
  readonly out?: string;
  readonly to: RungName;
  readonly set?: readonly string[];
  readonly seed?: number;
  readonly expected?: string;
  readonly keepGoing?: boolean;
  readonly fresh?: boolean;
}

/** Adds `vitvq ladder --out FOLDER`. */
export function addLadderCommand(program: Command): void {
  withEngineOptions(
    program
      .command('ladder')
      .description('where an installation or an idea breaks: one image, a hundred, CIFAR-10, against expected curves')
      .option('--out <folder>', 'folder of the climb (required); a climb goes on where it stopped')
      .addOption(new Option('--to <rung>', 'the highest rung').choices(rungChoices).default('five-minutes'))
      .option('--set <path=value>', 'the idea: set a field of every config; may be repeated', several)
      .option('--seed <n>', 'of everything that is drawn at random', notNegative)
      .option('--expected <folder>', 'another climb to compare with (default: the curves that are shipped)')
      .option('--keep-going', 'climb on where a rung fails')
      .option('--fresh', 'delete the climb in --out and start over'),
  ).action(climb);
}

async function climb(flags: LadderFlags, command: Command): Promise<void> {
  const { out, to, set, expected, keepGoing, fresh } = flags;
  refuseUsage(command, [...missing({ '--out <folder>': out }), ...leftovers(command)]);
  const run = await loadRun('ladder');
  const view = viewOf(flags);
  const words = wordsToGoOn();
  await untilStopped(
    run,
    view,
    async () => {
      const changes = changesOf(flags);
      const signal = run.abortOnCtrlC(out);
      const ladder = await run.climbLadder({ out: out!, to, set, changes, expected, keepGoing, fresh, signal, view });
      print(flags, ladder, linesOf(ladder, run.rungs));
      if (!ladder.isReached) process.exitCode = 1;
    },
    words,
  );
}

function linesOf({ rungs: climbed, report }: ClimbedLadder, rungs: typeof RunPackage.rungs): string[] {
  const figure = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? 'not known';
  const lines = climbed.map(({ name, record, verdict: { psnr, natsPerToken, isReached } }) =>
    [
      isReached ? 'reached' : 'FAILED ',
      name.padEnd(14),
      `${psnr.measured.toFixed(2)} dB (expected ${figure(psnr.expected, 2)}),`,
      `${natsPerToken.measured.toFixed(3)} nats a token (expected ${figure(natsPerToken.expected, 3)}),`,
      `${record.minutes.toFixed(1)} minutes`,
    ].join(' '),
  );
  const failed = climbed.find(({ verdict }) => !verdict.isReached);
  return ['', ...lines, ...(failed ? ['', rungs[failed.name].meaning] : []), '', `Report: ${report}`];
}
