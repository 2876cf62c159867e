import { CommandLine } from '@vitvq/example-shared';
import { engineNames, type EngineName } from '@vitvq/engine';
import { presets, soloWorkloads, workloads, type PresetName } from './workloads.js';

export interface BenchOptions {
  /** In the order in which they are measured. */
  readonly workloads: readonly string[];
  readonly presets: readonly PresetName[];
  readonly rounds: number;
  /** Of both sides; undefined: the better of 1 and all cores, for each side by itself. */
  readonly threads: number | undefined;
  readonly engine: EngineName;
  /** The PyTorch script of the workloads that have none of their own. */
  readonly peer: string;
  readonly json: boolean;
}

/** @throws {UsageError} naming every problem at once */
export function parseBenchOptions(argv: readonly string[]): BenchOptions {
  const names = [...Object.keys(workloads), ...soloWorkloads];
  const shown = Object.keys(presets) as PresetName[];
  const line = new CommandLine(
    {
      name: 'bench',
      usage: 'npm run bench -- [options]',
      description: 'Compares vitvq with plain PyTorch, alternating both in one run.',
      options: [
        { flags: '--workload [name]', description: `only this one of ${names.join(', ')}` },
        { flags: '--preset [name]', description: `only this one of ${shown.join(', ')}` },
        { flags: '--rounds [n]', description: 'measured runs of each side (default: 7)' },
        {
          flags: '--threads [n]',
          description: 'of both sides (default: the better of 1 and all cores, for each side)',
        },
        { flags: '--engine [name]', description: 'ours (default: onnx)' },
        { flags: '--peer [file]', description: 'PyTorch script of the workloads without an adversary' },
        { flags: '--json', description: 'print one JSON object a line' },
      ],
    },
    argv,
  );
  const workload = line.oneOf('workload', names);
  const preset = line.oneOf('preset', shown);
  const options: BenchOptions = {
    workloads: workload === undefined ? Object.keys(workloads) : [workload],
    presets: preset === undefined ? ['quick', 'small'] : [preset],
    rounds: line.number('rounds', { minimum: 1 }) ?? 7,
    threads: line.number('threads', { minimum: 1 }),
    engine: line.oneOf('engine', engineNames) ?? 'onnx',
    peer: line.text('peer') ?? '../shared/bench/peer_pytorch.py',
    json: line.flag('json'),
  };
  line.finish();
  return options;
}
