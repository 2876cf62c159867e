import { foldIn, randomNormal, randomUniform, split, type RandomKey, type SourceImage } from '@vitvq/core';
import sharp, { type Sharp } from 'sharp';
import { z } from 'zod';
import type { Raster } from './raster.js';

const probability = z.number().min(0).max(1);

/** A stretch `[minimum, maximum]` that a value is drawn from, all values equally likely. */
const between = (minimum: number, maximum: number): z.ZodType<[number, number], [number, number]> =>
  z
    .tuple([z.number().min(minimum).max(maximum), z.number().min(minimum).max(maximum)])
    .refine(([from, to]) => from <= to, 'expected [minimum, maximum] with minimum <= maximum');

/** Schema of how an image is made worse; `null` leaves a step out. */
export const degradationSchema = z.strictObject({
  /** How many times smaller the result is. */
  scale: z.int().min(1).max(64).default(4),
  /** Gaussian blur: deviations in pixels of the original, the same in both directions or not. */
  blur: z
    .strictObject({ sigma: between(0.05, 20).default([0.2, 3]), isotropic: probability.default(0.5) })
    .nullable()
    .prefault({}),
  /** Filters of which one scales the image. */
  resize: z
    .array(z.enum(['linear', 'cubic', 'lanczos3']))
    .min(1)
    .default(['linear', 'cubic', 'lanczos3']),
  /** Gaussian noise: deviation out of 255, and how often it is the same in all channels. */
  noise: z
    .strictObject({ sigma: between(0, 255).default([1, 30]), gray: probability.default(0.4) })
    .nullable()
    .prefault({}),
  /** Quality of a JPEG. */
  jpeg: z
    .strictObject({ quality: between(1, 100).default([30, 95]) })
    .nullable()
    .prefault({}),
});

/** How an image is made worse. */
export type Degradation = z.output<typeof degradationSchema>;

/**
 * Makes an RGB image worse in the order of BasicSR: blur, smaller size, noise, JPEG. Everything
 * random is drawn from the key.
 */
export async function degrade(image: Raster, settings: Degradation, key: RandomKey): Promise<SourceImage> {
  const { scale, blur, resize, noise, jpeg } = settings;
  const [drawKey, noiseKey] = split(key, 2);
  const [sigmaX, sigmaY, angle, same, filter, level, gray, quality] = randomUniform(drawKey!, 8);
  const height = Math.max(1, Math.round(image.height / scale));
  const width = Math.max(1, Math.round(image.width / scale));
  // A pipeline of sharp has an order of its own, so each step is one.
  const blurred = blur
    ? await pixelsOf(
        open(image).convolve(
          gaussianKernel(
            within(blur.sigma, sigmaX!),
            within(blur.sigma, same! < blur.isotropic ? sigmaX! : sigmaY!),
            angle! * Math.PI,
          ),
        ),
      )
    : image;
  const kernel = resize[Math.floor(filter! * resize.length)]!;
  const small = await pixelsOf(open(blurred).resize(width, height, { kernel, fit: 'fill' }));
  const noisy = noise ? addNoise(small, within(noise.sigma, level!), gray! < noise.gray, noiseKey!) : small;
  if (!jpeg) return noisy;
  const bytes = await open(noisy)
    .jpeg({ quality: Math.round(within(jpeg.quality, quality!)) })
    .toBuffer();
  return { bytes };
}

function within([from, to]: readonly [number, number], draw: number): number {
  return from + (to - from) * draw;
}

function open({ pixels, height, width }: Raster): Sharp {
  return sharp(pixels, { raw: { height, width, channels: 3 }, limitInputPixels: false });
}

async function pixelsOf(image: Sharp): Promise<Raster> {
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { pixels: data, height: info.height, width: info.width, channels: 3 };
}

/** A Gaussian with a deviation along each of two axes, of which the first is turned by an angle. */
function gaussianKernel(
  sigmaX: number,
  sigmaY: number,
  angle: number,
): { width: number; height: number; kernel: number[]; scale: number } {
  const reach = Math.max(1, Math.ceil(3 * Math.max(sigmaX, sigmaY)));
  const side = 2 * reach + 1;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const kernel = Array.from({ length: side * side }, (_, index) => {
    const [x, y] = [(index % side) - reach, Math.floor(index / side) - reach];
    const along = (x * cosine + y * sine) / sigmaX;
    const across = (y * cosine - x * sine) / sigmaY;
    return Math.exp(-0.5 * (along ** 2 + across ** 2));
  });
  return { width: side, height: side, kernel, scale: kernel.reduce((sum, value) => sum + value, 0) };
}

function addNoise(image: Raster, sigma: number, isGray: boolean, key: RandomKey): Raster {
  const { pixels, height, width, channels } = image;
  const noise = randomNormal(foldIn(key, 0), isGray ? height * width : height * width * channels);
  const noisy = pixels.map((value, index) => {
    const draw = noise[isGray ? Math.floor(index / channels) : index]!;
    return Math.min(255, Math.max(0, Math.round(value + sigma * draw)));
  });
  return { pixels: noisy, height, width, channels };
}
