import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { VitvqError } from '@vitvq/core';
import type { InstallableEngine } from '@vitvq/engine/install';
import { loadOptional } from '../optional-package.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';

/** Adds `vitvq engine list` and `vitvq engine install <name>`. */
export function addEngineCommand(program: Command): void {
  const engine = program.command('engine').description('engines that can be installed into your cache folder');
  engine
    .command('list')
    .description('the engines that can be installed, what each consists of, and where it goes')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(listEngines);
  engine
    .command('install')
    .description('fetch an engine through your npm and pip, check it, compile it and keep it in your cache folder')
    .argument('[name]', 'tensorflow or tensorflow-gpu; for the others, says how to get them')
    .option('--yes', 'do not ask')
    .option('--force', 'install it again')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(installNamed);
}

const loadInstaller = (command: string) =>
  loadOptional(command, '@vitvq/engine', () => import('@vitvq/engine/install'));

/** How to get the engines that are parts of other packages. */
const othersByHand = {
  onnx: 'comes with @vitvq/engine; where npm left it out: npm install --ignore-scripts onnxruntime-node@1.30.0',
  'onnx-webgpu': 'as onnx; the GPU needs a driver, on Linux for Vulkan',
  'onnx-cuda': 'as onnx, and its provider for CUDA: see docs/engines.md',
  cpu: 'comes with @tensorflow/tfjs',
} as const;

const isByHand = (name: string): name is keyof typeof othersByHand => Object.hasOwn(othersByHand, name);

async function listEngines(_flags: object, command: Command): Promise<void> {
  refuseUsage(command, leftovers(command));
  const { describeInstallation, installableEngines, planInstallation } = await loadInstaller('engine list');
  for (const name of installableEngines) {
    const text = await planInstallation(name).then(describeInstallation, (error: unknown) => {
      if (error instanceof VitvqError) return `${name}: ${error.message}`;
      throw error;
    });
    process.stdout.write(`${text}\n\n`);
  }
  process.stdout.write('Not installed by this command:\n');
  for (const [name, how] of Object.entries(othersByHand)) process.stdout.write(`  ${name.padEnd(12)} ${how}\n`);
  process.stdout.write('\nvitvq doctor tells which engines work here.\n');
}

interface InstallFlags {
  readonly yes?: boolean;
  readonly force?: boolean;
}

async function installNamed(_name: string | undefined, flags: InstallFlags, command: Command): Promise<void> {
  const { yes = false, force = false } = flags;
  const name = operand(command);
  const { describeInstallation, installableEngines, installEngine, planInstallation } =
    await loadInstaller('engine install');
  const names = [...installableEngines, ...Object.keys(othersByHand)];
  const isKnown = names.some((engine) => engine === name);
  refuseUsage(command, [
    ...missing({ '<name>': name }),
    ...(name === undefined || isKnown ? [] : [`<name> must be one of ${names.join(', ')}, not ${name}`]),
    ...leftovers(command),
    ...(yes || process.stdin.isTTY || (name !== undefined && isByHand(name))
      ? []
      : ['--yes is needed where nobody can be asked']),
  ]);
  if (name !== undefined && isByHand(name)) {
    process.stdout.write(`${name}: ${othersByHand[name]}\n`);
    return;
  }
  const plan = await planInstallation(name as InstallableEngine);
  process.stdout.write(`${describeInstallation(plan)}\n`);
  if (plan.isInstalled && !force) return;
  if (!yes && !(await isAgreed())) return;
  await installEngine(plan, { onStep: (step) => process.stdout.write(`${step}\n`) });
  process.stdout.write(`Installed. Use it with --engine ${plan.name}, or useEngine({ name: '${plan.name}' }).\n`);
}

/** Asks the person at the terminal. */
async function isAgreed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Fetch these files? [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}
