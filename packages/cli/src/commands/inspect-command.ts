import type { Command } from 'commander';
import { holdWeights } from '../hold-weights.js';
import { loadRun, print } from './run-command.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';

/** Adds `vitvq inspect <path>`. */
export function addInspectCommand(program: Command): void {
  program
    .command('inspect')
    .description('what a run, model folder, folder of codes or checkpoints, or weights file holds, and its health')
    .argument('[path]', 'a folder, or a .safetensors, .ckpt, .pt or .pth file')
    .option('--tensors', 'list every tensor')
    .option('--json', 'print everything as one JSON object')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(inspect);
}

async function inspect(
  _path: string | undefined,
  flags: { readonly tensors?: boolean; readonly json?: boolean },
  command: Command,
): Promise<void> {
  const path = operand(command);
  refuseUsage(command, [...missing({ '<path>': path }), ...leftovers(command)]);
  const run = await loadRun('inspect');
  await holdWeights();
  const { kind, facts, tensors = [], advice, ...rest } = await run.inspect(path!);
  const width = Math.max(...facts.map(([name]) => name.length));
  print(flags, { kind, facts: Object.fromEntries(facts), tensors, advice, ...rest }, [
    `${path}: ${kind}`,
    ...facts.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    ...(flags.tensors ? tensors.map(({ name, shape, dtype }) => `  ${name}  [${shape.join(', ')}]  ${dtype}`) : []),
    ...advice.map((text) => `  ${text}`),
  ]);
}
