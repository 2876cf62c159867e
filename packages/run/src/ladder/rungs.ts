/** Names of the rungs, from the lowest on; each is the config `ladder/<name>`. */
export const rungNames = ['one-image', 'hundred-images', 'five-minutes', 'sixty-minutes'] as const;

/** Name of a rung of the ladder. */
export type RungName = (typeof rungNames)[number];

/** What the ladder says and allows of a rung. */
export interface Rung {
  readonly title: string;
  /** Decibels that the PSNR may stay below the expected one. */
  readonly psnrTolerance: number;
  /** Nats a token that the transformer's loss may stay above the expected one. */
  readonly natsTolerance: number;
  /** What it means when this rung fails and those below it hold. */
  readonly meaning: string;
}

/**
 * The rungs. Tolerances are judgements: a rung should fail for what would spoil a longer training,
 * and not for another seed or engine.
 */
export const rungs: Readonly<Record<RungName, Rung>> = {
  'one-image': {
    title: 'One image by heart',
    psnrTolerance: 4,
    natsTolerance: 0.05,
    meaning:
      'What cannot learn one image learns nothing. Look at the engine (try --engine cpu), at the loss, and at the ' +
      'gradient of what was changed; more data or a longer training mends none of them.',
  },
  'hundred-images': {
    title: 'A hundred images',
    psnrTolerance: 1,
    natsTolerance: 0.3,
    meaning:
      'One image is learned by heart and a hundred are not: codes that collapse (see the usage of the codebook in the report ' +
      'of the rung), a learning rate that is too high, or a model that is too small.',
  },
  'five-minutes': {
    title: 'CIFAR-10 in five minutes',
    psnrTolerance: 0.5,
    natsTolerance: 0.1,
    meaning:
      'Images are memorised but little carries over to others: too few codes in use, a batch or a learning rate that ' +
      'does not fit, regularisation that is too strong.',
  },
  'sixty-minutes': {
    title: 'CIFAR-10 in sixty minutes',
    psnrTolerance: 0.5,
    natsTolerance: 0.1,
    meaning:
      'It begins well and ends badly: the schedule, a codebook that dies late, or weights that grow. The curves show ' +
      'from which step on.',
  },
};
