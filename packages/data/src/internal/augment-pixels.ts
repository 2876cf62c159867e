import { randomUniform, split, type RandomKey } from '@vitvq/core';
import type { AugmentationStep } from '../augmentation.js';

/** An RGB image in [0, 1], `[height, width, 3]` row-major. */
export interface FloatImage {
  readonly data: Float32Array;
  readonly height: number;
  readonly width: number;
}

/** Changes the pixels of an image in place, by draws of a key. Steps of crops change nothing. */
export function augmentPixels(image: FloatImage, steps: readonly AugmentationStep[], key: RandomKey): void {
  const keys = split(key, steps.length);
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'color') changeColor(image, step, keys[index]!);
    if (step.kind === 'rand-augment') randAugment(image, step, keys[index]!);
  }
}

function changeColor(
  { data }: FloatImage,
  { brightness, contrast, saturation, hue, probability }: Extract<AugmentationStep, { kind: 'color' }>,
  key: RandomKey,
): void {
  const draws = randomUniform(key, 5);
  if (draws[0]! >= probability) return;
  const factor = (strength: number, draw: number): number => 1 + strength * (2 * draw - 1);
  changeBrightness(data, factor(brightness, draws[1]!));
  changeContrast(data, factor(contrast, draws[2]!));
  changeSaturation(data, factor(saturation, draws[3]!));
  turnHue(data, hue * (2 * draws[4]! - 1));
}

/** Strength of RandAugment at which an operation has its largest effect. */
const STRONGEST = 30;

/** Changes an image; `strength` is in [0, 1], and `sign` is 1 or -1. */
type Operation = (image: FloatImage, strength: number, sign: number) => void;

/** The operations of RandAugment and their strongest effects, in the order of torchvision. */
export const randAugmentOperations = {
  identity: () => undefined,
  shearX: (image, strength, sign) => transform(image, [1, 0.3 * strength * sign, 0, 1], [0, 0]),
  shearY: (image, strength, sign) => transform(image, [1, 0, 0.3 * strength * sign, 1], [0, 0]),
  translateX: (image, strength, sign) => transform(image, [1, 0, 0, 1], [shift(image.width, strength) * sign, 0]),
  translateY: (image, strength, sign) => transform(image, [1, 0, 0, 1], [0, shift(image.height, strength) * sign]),
  rotate: (image, strength, sign) => {
    const angle = (Math.PI / 6) * strength * sign;
    const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
    transform(image, [cosine, sine, -sine, cosine], [0, 0]);
  },
  brightness: ({ data }, strength, sign) => changeBrightness(data, 1 + 0.9 * strength * sign),
  color: ({ data }, strength, sign) => changeSaturation(data, 1 + 0.9 * strength * sign),
  contrast: ({ data }, strength, sign) => changeContrast(data, 1 + 0.9 * strength * sign),
  sharpness: (image, strength, sign) => changeSharpness(image, 1 + 0.9 * strength * sign),
  posterize: ({ data }, strength) => posterize(data, 8 - Math.round(4 * strength)),
  solarize: ({ data }, strength) => solarize(data, 1 - strength),
  autoContrast: ({ data }) => autoContrast(data),
  equalize: ({ data }) => equalize(data),
} satisfies Record<string, Operation>;

const operations: readonly Operation[] = Object.values(randAugmentOperations);

function randAugment(
  image: FloatImage,
  { operations: count, magnitude }: Extract<AugmentationStep, { kind: 'rand-augment' }>,
  key: RandomKey,
): void {
  for (const each of split(key, count)) {
    const [choice, sign] = randomUniform(each, 2);
    operations[Math.floor(choice! * operations.length)]!(image, magnitude / STRONGEST, sign! < 0.5 ? -1 : 1);
  }
}

/** The furthest shift is that of the paper for images of 331 pixels. */
function shift(size: number, strength: number): number {
  return (150 / 331) * size * strength;
}

const clamp = (value: number): number => (value < 0 ? 0 : value > 1 ? 1 : value);
const grey = (data: Float32Array, at: number): number =>
  0.2989 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;

function changeBrightness(data: Float32Array, factor: number): void {
  for (let at = 0; at < data.length; at++) data[at] = clamp(data[at]! * factor);
}

function changeContrast(data: Float32Array, factor: number): void {
  let sum = 0;
  for (let at = 0; at < data.length; at += 3) sum += grey(data, at);
  const mean = sum / (data.length / 3);
  for (let at = 0; at < data.length; at++) data[at] = clamp(mean + (data[at]! - mean) * factor);
}

function changeSaturation(data: Float32Array, factor: number): void {
  for (let at = 0; at < data.length; at += 3) {
    const base = grey(data, at);
    for (let channel = at; channel < at + 3; channel++) data[channel] = clamp(base + (data[channel]! - base) * factor);
  }
}

/** Turns the hue of each pixel, keeping its value and saturation (HSV). */
function turnHue(data: Float32Array, turns: number): void {
  if (turns === 0) return;
  for (let at = 0; at < data.length; at += 3) {
    const [red, green, blue] = [data[at]!, data[at + 1]!, data[at + 2]!];
    const value = Math.max(red, green, blue);
    const range = value - Math.min(red, green, blue);
    if (range === 0) continue;
    const sector =
      value === red ? (green - blue) / range : value === green ? 2 + (blue - red) / range : 4 + (red - green) / range;
    const hue = (((sector + 6 * turns) % 6) + 6) % 6;
    for (const [channel, offset] of [5, 3, 1].entries()) {
      const place = (offset + hue) % 6;
      data[at + channel] = value - range * clamp(Math.min(place, 4 - place));
    }
  }
}

/** Moves away from a blurred image, or towards it; the border stays. */
function changeSharpness({ data, height, width }: FloatImage, factor: number): void {
  const before = data.slice();
  const stride = width * 3;
  for (let row = 1; row < height - 1; row++) {
    for (let at = row * stride + 3; at < (row + 1) * stride - 3; at++) {
      let sum = 4 * before[at]!;
      for (let line = at - stride; line <= at + stride; line += stride) {
        sum += before[line - 3]! + before[line]! + before[line + 3]!;
      }
      const blurred = sum / 13;
      data[at] = clamp(blurred + (before[at]! - blurred) * factor);
    }
  }
}

const byteOf = (value: number): number => Math.round(value * 255);

function posterize(data: Float32Array, bits: number): void {
  const mask = 256 - 2 ** (8 - bits);
  for (let at = 0; at < data.length; at++) data[at] = (byteOf(data[at]!) & mask) / 255;
}

function solarize(data: Float32Array, threshold: number): void {
  for (let at = 0; at < data.length; at++) if (data[at]! >= threshold) data[at] = 1 - data[at]!;
}

/** Stretches each channel to [0, 1]. */
function autoContrast(data: Float32Array): void {
  for (let channel = 0; channel < 3; channel++) {
    let [least, most] = [1, 0];
    for (let at = channel; at < data.length; at += 3) {
      least = Math.min(least, data[at]!);
      most = Math.max(most, data[at]!);
    }
    if (most <= least) continue;
    for (let at = channel; at < data.length; at += 3) data[at] = clamp((data[at]! - least) / (most - least));
  }
}

/** Evens out the histogram of bytes of each channel, as Pillow does. */
function equalize(data: Float32Array): void {
  for (let channel = 0; channel < 3; channel++) {
    const counts = new Uint32Array(256);
    for (let at = channel; at < data.length; at += 3) counts[byteOf(data[at]!)]!++;
    const last = counts.findLastIndex((count) => count > 0);
    const width = Math.floor((data.length / 3 - counts[last]!) / 255);
    if (width === 0) continue;
    let before = Math.floor(width / 2);
    const values = counts.map((count) => {
      const value = Math.min(255, Math.floor(before / width));
      before += count;
      return value;
    });
    for (let at = channel; at < data.length; at += 3) data[at] = values[byteOf(data[at]!)]! / 255;
  }
}

/**
 * Moves each pixel's place by a matrix about the center and a shift, with linear interpolation;
 * what comes from outside of the image is black.
 * @param matrix  `[xx, xy, yx, yy]` from places in the result to places in the original
 */
function transform(
  { data, height, width }: FloatImage,
  [xx, xy, yx, yy]: readonly [number, number, number, number],
  [shiftX, shiftY]: readonly [number, number],
): void {
  const before = data.slice();
  const [centerX, centerY] = [(width - 1) / 2, (height - 1) / 2];
  const value = (row: number, column: number, channel: number): number =>
    row < 0 || row >= height || column < 0 || column >= width ? 0 : before[(row * width + column) * 3 + channel]!;
  for (let row = 0, target = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [dx, dy] = [column - centerX, row - centerY];
      const x = xx * dx + xy * dy + centerX - shiftX;
      const y = yx * dx + yy * dy + centerY - shiftY;
      const [left, top] = [Math.floor(x), Math.floor(y)];
      const [right, below] = [x - left, y - top];
      for (let channel = 0; channel < 3; channel++) {
        const upper = value(top, left, channel) * (1 - right) + value(top, left + 1, channel) * right;
        const lower = value(top + 1, left, channel) * (1 - right) + value(top + 1, left + 1, channel) * right;
        data[target++] = clamp(upper * (1 - below) + lower * below);
      }
    }
  }
}
