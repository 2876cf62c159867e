/**
 * Numbers folded into the seed of a training, one for each purpose, apart from those that others
 * fold from the seed.
 */
export const streams = {
  codebook: 100,
  noise: 103,
  discriminator: 105,
  lengths: 107,
  latentNoise: 109,
  alignment: 111,
} as const;
