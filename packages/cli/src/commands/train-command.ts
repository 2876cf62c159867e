import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { ProcessesOptions } from '@vitvq/engine';
import type { RunView } from '@vitvq/run';
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
import { leftovers, missing, operand, refuseUsage } from './usage.js';
import { notNegative, positive, several } from './values.js';

interface TrainFlags extends EngineFlags {
  readonly out?: string;
  readonly data?: string;
  readonly set?: readonly string[];
  readonly seed?: number;
  readonly resume?: boolean;
  readonly fresh?: boolean;
  readonly compare?: string;
  readonly print?: boolean;
  readonly cluster?: boolean;
  readonly rank?: number;
  readonly processes?: number;
  readonly coordinator?: string;
  readonly runId?: string;
}

/** Adds `vitvq train <config> --out RUN`. */
export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .description(
      'everything that a config asks for: tokenizer, codes, transformer, images, probe, report; or a classifier',
    )
    .argument('[config]', 'a .yaml, .json or .ts file, or the name of a config that is shipped, such as quickstart')
    .option('--out <folder>', 'folder of the run (required); a run of the same config goes on where it stopped')
    .option('--data <source>', 'images instead of those of the config: a folder, cifar10, or the config of a source')
    .option('--set <path=value>', 'set a field of the config, such as training.batchSize=64; may be repeated', several)
    .option('--seed <n>', 'of everything that is drawn at random', notNegative)
    .option('--resume', 'go on with the run in --out, with the config that lies there')
    .option('--fresh', 'delete the run in --out and start over')
    .option('--compare <run>', 'another run, whose reconstructions the report shows as well')
    .option('--print', 'print the config with all of its defaults, and do nothing else')
    .option('--cluster', 'take part in a run of several processes, as srun, mpirun, Kubernetes or VITVQ_RANK say')
    .option('--rank <n>', 'number of this process, from 0 on; process 0 trains, the others lend devices', notNegative)
    .option('--processes <n>', 'number of processes', positive)
    .option('--coordinator <host:port>', 'where process 0 listens')
    .option('--run-id <name>', 'name of the run, to tell its processes from those of others');
  withEngineOptions(command).action(train);
}

async function train(_config: string | undefined, flags: TrainFlags, command: Command): Promise<void> {
  const { out, data, set = [], resume = false, fresh = false, compare } = flags;
  const config = operand(command);
  const isPrinted = flags.print === true;
  const view = viewOf(flags);
  const processes = isOfSeveral(flags) ? await processesOf(command, flags) : undefined;
  if (processes && processes.place.rank > 0) {
    await lendDevices(processes, view);
    return;
  }
  refuseUsage(command, [
    ...missing({
      ...(resume ? {} : { '<config>': config }),
      ...(isPrinted ? {} : { '--out <folder>': out }),
    }),
    ...leftovers(command),
    ...(resume && config !== undefined ? ['--resume takes the config of the run: leave out <config>'] : []),
    ...(resume && fresh ? ['--resume and --fresh exclude each other'] : []),
    ...(resume && out !== undefined && !existsSync(join(out, 'config.yaml'))
      ? [`there is no run in ${out} to resume`]
      : []),
  ]);
  const run = await loadRun('train');
  const source = data === undefined ? undefined : await run.dataFromText(data, 'train');
  const file = resume ? join(out!, run.runConfigFile) : config!;
  const resolved = await run.readAnyRunConfig(file, {
    changes: {
      // A resumed run keeps what its config says of its images, but for where they lie.
      ...(resume && source && { data: { train: { ...source } } }),
      ...changesOf(flags),
    },
    set,
    ...(!resume && source && { data: source }),
  });
  if (compare !== undefined && run.isOfClassifier(resolved)) {
    refuseUsage(command, ['--compare shows reconstructions of a tokenizer, and this config trains a classifier']);
  }
  if (isPrinted) {
    print(flags, resolved, [run.formatRunConfig(resolved)]);
    return;
  }
  if (isOfSeveral(flags) && !processes) view.log('One process, which trains alone.');
  const other = compare === undefined ? undefined : await run.findModel(compare, 'tokenizer');
  const words = wordsToGoOn();
  const signal = run.abortOnCtrlC(out);
  await untilStopped(
    run,
    view,
    async () => {
      const options = {
        out: out!,
        fresh,
        view,
        processes: processes && { ...processes, onStop: stopOnce(signal) },
        signal,
        commands: [{ purpose: 'Go on, or write the report again', command: run.shellCommand(words) }],
      };
      const { metrics } = run.isOfClassifier(resolved)
        ? await run.trainClassifierRun(resolved, options)
        : await run.trainRun(resolved, { ...options, compare: other });
      if (flags.json) print(flags, metrics, []);
    },
    words,
  );
}

/** Returns how this process takes part in a run of several. */
async function processesOf(
  command: Command,
  { rank, processes, coordinator, runId }: TrainFlags,
): Promise<ProcessesOptions | undefined> {
  refuseUsage(command, leftovers(command));
  const run = await loadRun('train');
  return run.readProcesses({ rank, processes, coordinator, runId });
}

/** Lends the devices of a process to process 0, which knows what is trained. */
async function lendDevices(processes: ProcessesOptions, view: RunView): Promise<void> {
  const run = await loadRun('train');
  // A launcher sends its signals to all, or to one of them.
  const signal = run.abortOnCtrlC(undefined, 'process 0 saves and stops, and this process with it');
  await untilStopped(run, view, () => run.lendDevices({ ...processes, signal }, view));
}

/** Returns a function that stops this process as a signal does, unless one has come. */
function stopOnce(signal: AbortSignal): () => void {
  return () => {
    if (!signal.aborted) process.kill(process.pid, 'SIGTERM');
  };
}

/** Whether the command line asks for a run of several processes. */
function isOfSeveral({ cluster = false, rank, processes, coordinator }: TrainFlags): boolean {
  return cluster || rank !== undefined || processes !== undefined || coordinator !== undefined;
}
