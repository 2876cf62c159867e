import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { trainWithView } from '../src/index.js';

interface Evaluation {
  readonly psnr: number;
}

/** A trainer of three steps that has done some of them already. */
class Counter extends EventEmitter {
  step = 0;
  isDisposed = false;
  readonly #earlier: number;

  constructor(earlier: number) {
    super();
    this.#earlier = earlier;
  }

  resume(): Promise<boolean> {
    this.step = this.#earlier;
    return Promise.resolve(this.#earlier > 0);
  }

  run({ signal }: { readonly signal: AbortSignal }): Promise<{ evaluation: Evaluation | undefined }> {
    while (this.step < 3 && !signal.aborted) this.step++;
    if (signal.aborted) return Promise.resolve({ evaluation: undefined });
    this.emit('warning', { step: this.step, message: 'slow' });
    this.emit('evaluate', { step: this.step, psnr: 20 });
    return Promise.resolve({ evaluation: { psnr: 20 } });
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

let lines: string[];
let isStopped: boolean;
beforeEach(() => {
  lines = [];
  isStopped = false;
});

const options = (signal: AbortSignal) => ({
  directory: 'runs',
  signal,
  view: {
    log: (line: string) => void lines.push(line),
    openProgress: () => ({
      update: () => undefined,
      say: (line: string) => void lines.push(line),
      stop: () => (isStopped = true),
    }),
  },
  describe: ({ psnr }: Evaluation) => `${psnr.toFixed(1)} dB`,
});

describe('trainWithView', () => {
  it('goes on, tells of evaluations and warnings, and returns the last evaluation', async () => {
    const trainer = new Counter(2);
    const { evaluation } = await trainWithView<Evaluation, object>(trainer, options(new AbortController().signal));
    expect(evaluation).toEqual({ psnr: 20 });
    expect(lines).toEqual([
      '  going on after step 2',
      '  step 3, warning: slow',
      '  step 3: 20.0 dB on validation images',
    ]);
    expect([trainer.isDisposed, isStopped]).toEqual([true, true]);
  });

  it('throws the reason of an abort', async () => {
    const trainer = new Counter(0);
    const reason = new Error('Ctrl-C');
    await expect(trainWithView<Evaluation, object>(trainer, options(AbortSignal.abort(reason)))).rejects.toBe(reason);
    expect(lines).toEqual([]);
    expect([trainer.isDisposed, isStopped]).toEqual([true, true]);
  });
});
