import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { foldIn, randomUniform, type RandomKey } from '@vitvq/core';
import type { EngineName } from '@vitvq/engine';
import { plans, type TrainingName } from './trainings.js';

/** Longest time between a step and the kill after it: evaluations and writes take tens of them. */
const AFTER_STEP_MILLISECONDS = 60;

/** Share of the kills that come while a training starts: lock, checkpoint, log, compilation. */
const AT_START = 0.25;

/** Longest time between the start and such a kill. A start takes about so long. */
const START_MILLISECONDS = 500;

/** So many steps at the end are left alone: the run could be over before the kill comes. */
const LAST_STEPS = 8;

/** What a training did when it was killed. */
export interface Kill {
  readonly doing: 'start' | 'step' | 'evaluation' | 'write';
  /** What had begun last, of the plan's milestones. */
  readonly phase: string;
}

/** When to kill a process: so long after a step, or after the start. */
interface Moment {
  readonly step: number | undefined;
  readonly milliseconds: number;
}

/** A process that has loaded everything and waits for the folder that it shall train in. */
class TrainingProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #closed: Promise<[number | null, string | null]>;

  constructor({ program, training, engine, devices = 1 }: TrainingKillerOptions) {
    this.#child = spawn(process.execPath, [program, training, engine, String(devices)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdin.on('error', () => undefined); // of a process that was killed
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
    this.#closed = once(this.#child, 'close') as Promise<[number | null, string | null]>;
  }

  /**
   * Trains, and is killed at a moment.
   * @returns what it printed, and whether it was killed before its end
   */
  async train(directory: string, kill?: Moment): Promise<{ readonly printed: readonly string[]; isKilled: boolean }> {
    const ready = await this.#lines.next();
    if (ready.value !== 'ready') throw new Error(`the program printed ${JSON.stringify(ready.value)}, not "ready"`);
    this.#child.stdin.write(`${directory}\n`);
    const printed: string[] = [];
    let isDue = kill?.step === undefined;
    if (kill && isDue) void this.#killAfter(kill.milliseconds);
    for (let line = await this.#lines.next(); !line.done; line = await this.#lines.next()) {
      printed.push(line.value);
      if (!kill || isDue || !line.value.startsWith('step ') || stepOf(line.value) < kill.step!) continue;
      isDue = true;
      void this.#killAfter(kill.milliseconds);
    }
    const [code, signal] = await this.#closed;
    if (signal === null && code !== 0) throw new Error(`the training failed with code ${code}`);
    return { printed, isKilled: signal === 'SIGKILL' };
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #killAfter(milliseconds: number): Promise<void> {
    await setTimeout(milliseconds);
    this.kill();
  }
}

/** Options of {@link TrainingKiller}. */
export interface TrainingKillerOptions {
  /** File of the bundled program `train.ts`. */
  readonly program: string;
  readonly training: TrainingName;
  readonly engine: EngineName;
  /** Devices that share batches, weights and states. @default 1 */
  readonly devices?: number | undefined;
}

/** Trains in processes that it kills. The next process loads while one trains. */
export class TrainingKiller {
  readonly #options: TrainingKillerOptions;
  #next: TrainingProcess;

  constructor(options: TrainingKillerOptions) {
    this.#options = options;
    this.#next = this.#start();
  }

  /** Trains to the end in one go. */
  async trainStraight(directory: string): Promise<void> {
    await this.#train(directory);
  }

  /**
   * Kills a training and starts it again, at moments that are spread over its whole life, and lets
   * it end. It can end by itself before the last kill.
   * @returns the kills
   */
  async trainKilled(directory: string, kills: number, key: RandomKey): Promise<Kill[]> {
    const { steps } = plans[this.#options.training];
    const happened: Kill[] = [];
    let known = 0;
    for (let index = 0; index < kills; index++) {
      const [kind, place, time] = randomUniform(foldIn(key, index), 3);
      const step = 1 + Math.floor(((index + place!) / kills) * (steps - LAST_STEPS));
      const isAtStart = kind! < AT_START;
      const { printed, isKilled } = await this.#train(directory, {
        step: isAtStart ? undefined : step,
        milliseconds: (isAtStart ? START_MILLISECONDS : AFTER_STEP_MILLISECONDS) * time!,
      });
      if (!isKilled) return happened;
      known = Math.max(known, ...printed.map(stepOf));
      happened.push({ doing: this.#doing(printed), phase: this.#phase(known) });
    }
    await this.#train(directory);
    return happened;
  }

  /** Ends the process that waits. */
  close(): void {
    this.#next.kill();
  }

  #start(): TrainingProcess {
    return new TrainingProcess(this.#options);
  }

  #train(directory: string, kill?: Moment): ReturnType<TrainingProcess['train']> {
    const process = this.#next;
    this.#next = this.#start();
    return process.train(directory, kill);
  }

  #doing(printed: readonly string[]): Kill['doing'] {
    const steps = printed.filter((line) => line.startsWith('step '));
    if (steps.length === 0) return 'start';
    const { evaluateEvery, saveEvery, milestones } = plans[this.#options.training];
    const step = stepOf(steps.at(-1)!);
    const isEvaluated = step % evaluateEvery === 0 || Object.values(milestones).includes(step);
    if (isEvaluated && !printed.includes(`evaluate ${step}`)) return 'evaluation';
    return step % saveEvery === 0 && !printed.includes(`checkpoint ${step}`) ? 'write' : 'step';
  }

  #phase(step: number): string {
    const begun = Object.entries(plans[this.#options.training].milestones).filter(([, from]) => step >= from);
    return begun.at(-1)?.[0] ?? '';
  }
}

/** Returns the number that ends a line, 0 where none does. */
function stepOf(line: string): number {
  return Number(/^\w+ (\d+)$/.exec(line)?.[1] ?? 0);
}
