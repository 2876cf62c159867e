import { parseOptions } from '@vitvq/core';
import type { StepContext, TrainingPart } from '@vitvq/training';
import { z } from 'zod';
import type { ResolvedTokenizerTrainingConfig, Start } from '../config.js';

/** Schema of {@link Phase}. */
export const phaseSchema = z.strictObject({
  /** Whether the decoder gets codes; latents before. */
  quantize: z.boolean(),
  /**
   * `waiting`: no discriminator yet. `learning`: only the discriminator learns. `competing`: the
   * tokenizer has the adversarial loss too.
   */
  adversary: z.enum(['waiting', 'learning', 'competing']),
});

/** What of a training has started. */
export type Phase = Readonly<z.output<typeof phaseSchema>>;

/**
 * Phase of a run, as a part of its checkpoints: what has started stays so, whatever a changed
 * config or clock says.
 */
export class PhasePart implements TrainingPart {
  readonly #config: ResolvedTokenizerTrainingConfig;
  #current: Phase = { quantize: false, adversary: 'waiting' };

  constructor(config: ResolvedTokenizerTrainingConfig) {
    this.#config = config;
  }

  /** Phase of the last step. */
  get current(): Phase {
    return this.#current;
  }

  /** Returns the phase of a step. */
  at({ index, progress }: StepContext): Phase {
    const { codebook, discriminator, losses } = this.#config;
    const { start, adversarialStart = start } = discriminator;
    const { quantize, adversary } = this.#current;
    const learns = adversary !== 'waiting' || (losses.adversarial > 0 && isReached(start, index, progress));
    const competes = adversary === 'competing' || (learns && isReached(adversarialStart, index, progress));
    return {
      quantize: quantize || progress >= codebook.autoencoderFraction,
      adversary: competes ? 'competing' : learns ? 'learning' : 'waiting',
    };
  }

  /** Enters the phase of a step. */
  enter(phase: Phase): void {
    this.#current = phase;
  }

  /** Returns the phase for a checkpoint. */
  state(): Phase {
    return this.#current;
  }

  /** Takes the phase of a checkpoint. */
  restoreState(state: unknown): void {
    this.#current = parseOptions(phaseSchema, state, 'phase');
  }
}

function isReached(start: Start, index: number, progress: number): boolean {
  return 'step' in start ? index >= start.step : progress >= start.fraction;
}
