import type { Command } from 'commander';
import type { SimulatedStep, TrainingPlan } from '@vitvq/run';
import { loadOptional } from '../optional-package.js';
import { loadRun, print, viewOf, withEngineOptions, type EngineFlags } from './run-command.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';
import { aboveZero, listOfPositive, notNegative, number, positive, several } from './values.js';

interface PlanFlags extends EngineFlags {
  readonly set?: readonly string[];
  readonly hours: number;
  readonly steps: number;
  readonly classes: number;
  readonly tokenizer?: string;
  readonly simulate?: readonly number[];
  readonly bandwidth: number;
  readonly latency: number;
  readonly overlap: number;
  readonly secondsPerImage?: number;
}

/** Adds `vitvq plan <config>` and `vitvq schema`. */
export function addPlanCommands(program: Command): void {
  withEngineOptions(
    program
      .command('plan')
      .description('weights, memory, seconds a step and days of the trainings of a config, measured here')
      .argument('[config]', 'a .yaml, .json or .ts file, or the name of a config that is shipped')
      .option('--set <path=value>', 'set a field of the config; may be repeated', several)
      .option('--hours <n>', 'time that the smaller schedule of each training may take', aboveZero, 8)
      .option('--steps <n>', 'steps that are measured; 0 measures nothing', notNegative, 3)
      .option('--classes <n>', 'classes of the images, for a transformer of classes', positive, 1000)
      .option('--tokenizer <config>', 'config of the tokenizer, where the config names one that is not trained yet')
      .option('--simulate <n,n,...>', 'a step on so many devices each, on paper, such as 1,8,64,4096', listOfPositive)
      .option('--bandwidth <GB/s>', 'gigabytes a second that a simulated device sends', aboveZero, 25)
      .option('--latency <us>', 'microseconds that a message takes to a simulated neighbour', number, 10)
      .option(
        '--overlap <share>',
        'share of the sums of gradients that runs beside the backward pass, 0 to 1',
        number,
        0,
      )
      .option('--seconds-per-image <s>', 'what one simulated device takes (default: what is measured here)', aboveZero),
  ).action(plan);
  program
    .command('schema')
    .description('the JSON schema of configs, with which editors complete and check them')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_flags: object, command: Command) => {
      refuseUsage(command, leftovers(command));
      const { runJsonSchema } = await loadRun('schema');
      process.stdout.write(`${JSON.stringify(runJsonSchema(), null, 2)}\n`);
    });
}

async function plan(_config: string | undefined, flags: PlanFlags, command: Command): Promise<void> {
  const config = operand(command);
  refuseUsage(command, [...missing({ '<config>': config }), ...leftovers(command)]);
  const run = await loadRun('plan');
  const resolved = await run.readRunConfig(config!, { set: flags.set });
  const tokenizerOf = flags.tokenizer === undefined ? undefined : await run.readRunConfig(flags.tokenizer);
  const { formatEngine, useEngine } = await loadOptional('plan', '@vitvq/engine', () => import('@vitvq/engine'));
  const engine = await useEngine({
    name: flags.engine ?? resolved.engine,
    threads: flags.threads ?? resolved.threads,
    mesh: { ...resolved.mesh, data: flags.devices ?? resolved.mesh.data },
  });
  const { log } = viewOf(flags);
  log(`Engine: ${formatEngine(engine)}`);
  const { hours, steps: measuredSteps, classes: classCount } = flags;
  const { simulate: devices, bandwidth, latency, overlap, secondsPerImage } = flags;
  const links = { bytesPerSecond: 1e9 * bandwidth, secondsPerMessage: 1e-6 * latency, overlap };
  const simulated = devices && { devices, links, secondsPerImage };
  const plans = await run.plan(resolved, { hours, measuredSteps, classCount, tokenizerOf, simulated });
  if (devices)
    log(`Simulated devices send ${bandwidth} GB/s, with ${latency} us a message; ${100 * overlap} % of it is hidden.`);
  print(flags, { engine: engine.name, plans }, plans.flatMap(linesOf));
}

function linesOf(plan: TrainingPlan): string[] {
  const { stage, parameters, stateBytes, batchSize, secondsPerStep, peakBytes, steps, days, smaller, audit } = plan;
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`;
  return [
    `${stage}:`,
    `  Weights:        ${parameters.toLocaleString('en-US')}`,
    `  Memory:         ${megabytes(stateBytes)} of weights, gradients and optimizer` +
      (peakBytes === undefined ? '' : `, ${megabytes(peakBytes)} at the peak`),
    `  Batch:          ${batchSize} images`,
    ...(secondsPerStep === undefined ? [] : [`  A step:         ${secondsPerStep.toFixed(3)} s`]),
    ...(steps === undefined ? [] : [`  Steps:          ${steps.toLocaleString('en-US')}`]),
    ...(days === undefined ? [] : [`  To the end:     ${durationOf(days)}`]),
    ...(smaller === undefined
      ? []
      : [
          `  In ${smaller.hours} hours:     ${smaller.steps.toLocaleString('en-US')} steps of ${smaller.batchSize} images, learning rate ` +
            `${smaller.peakLearningRate.toExponential(2)}: ${(100 * smaller.shareOfImages).toPrecision(2)} % of the images`,
        ]),
    ...tableOf(plan.simulated).map((line) => `  ${line}`),
    `  ${audit.replaceAll('\n', '\n  ')}`,
  ];
}

/** Returns the simulated steps as a table. */
function tableOf(steps: readonly SimulatedStep[]): string[] {
  if (steps.length === 0) return [];
  const rows = steps.map(({ devices, mesh, seconds, sentBytes, stateBytes, imagesPerSecond, efficiency }) => [
    String(devices),
    `${mesh.data} x ${mesh.model}`,
    `${seconds.toPrecision(3)} s`,
    `${Math.round(sentBytes / 1e6).toLocaleString('en-US')} MB`,
    `${Math.round(stateBytes / 1e6).toLocaleString('en-US')} MB`,
    imagesPerSecond.toPrecision(3),
    `${(100 * efficiency).toFixed(0)} %`,
  ]);
  const head = ['devices', 'data x model', 'a step', 'sent', 'state', 'images/s', 'efficiency'];
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]!.length)));
  return [head, ...rows].map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join('  '));
}

function durationOf(days: number): string {
  if (days >= 2) return `${days.toFixed(1)} days`;
  return days >= 1 / 12 ? `${(24 * days).toFixed(1)} hours` : `${(1440 * days).toFixed(1)} minutes`;
}
