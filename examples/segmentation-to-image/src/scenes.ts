import { foldIn, randomKey, randomUniform, type RandomKey } from '@vitvq/core';
import { openImageArray, type ImageArray } from '@vitvq/data';

type Color = readonly [number, number, number];

/**
 * What a pixel may show, with its colour in maps (the corners of the cube of colours), two colours
 * in [0, 1] between which a scene draws its own, and how rough it is.
 */
export const PARTS = {
  sky: { map: [0, 0, 1], from: [0.35, 0.55, 0.8], to: [0.75, 0.85, 0.98], noise: 0.02 },
  sun: { map: [1, 1, 0], from: [0.95, 0.8, 0.3], to: [1, 0.97, 0.75], noise: 0.01 },
  hill: { map: [1, 0, 1], from: [0.3, 0.3, 0.45], to: [0.55, 0.5, 0.6], noise: 0.04 },
  ground: { map: [0, 1, 0], from: [0.35, 0.5, 0.15], to: [0.7, 0.65, 0.3], noise: 0.08 },
  water: { map: [0, 1, 1], from: [0.1, 0.25, 0.4], to: [0.25, 0.5, 0.6], noise: 0.05 },
  wall: { map: [1, 1, 1], from: [0.75, 0.65, 0.55], to: [0.95, 0.92, 0.85], noise: 0.03 },
  roof: { map: [1, 0, 0], from: [0.45, 0.15, 0.1], to: [0.75, 0.3, 0.2], noise: 0.05 },
  tree: { map: [0, 0, 0], from: [0.05, 0.2, 0.05], to: [0.2, 0.4, 0.15], noise: 0.08 },
} as const satisfies Readonly<
  Record<string, { readonly map: Color; readonly from: Color; readonly to: Color; readonly noise: number }>
>;

/** Name of a part of a scene. */
export type Part = keyof typeof PARTS;

/** Names of the parts, in the order of their numbers. */
export const PART_NAMES = Object.keys(PARTS) as readonly Part[];

/** Kinds of scenes. */
export const SCENE_CLASSES = ['house', 'lake', 'wood'] as const;

/** Lays out a scene: the part at each pixel, as numbers `[size · size]`. */
export function layOut(size: number, kind: (typeof SCENE_CLASSES)[number], key: RandomKey): Uint8Array {
  const draws = [...randomUniform(key, 40)];
  const draw = (from: number, to: number): number => from + (to - from) * draws.shift()!;
  const parts = new Uint8Array(size * size);
  const paint = (part: Part, isIn: (x: number, y: number) => boolean): void => {
    for (let at = 0; at < parts.length; at++) {
      // Places are in units of the scene, centres of pixels.
      if (isIn(((at % size) + 0.5) / size, (Math.floor(at / size) + 0.5) / size)) parts[at] = PART_NAMES.indexOf(part);
    }
  };
  const horizon = draw(0.4, 0.65);
  const [sunX, sunY, sunRadius] = [draw(0.1, 0.9), draw(0.08, 0.3), draw(0.05, 0.1)];
  if (draw(0, 1) < 0.6) paint('sun', (x, y) => Math.hypot(x - sunX, y - sunY) < sunRadius);
  const [hillHeight, hillWidth, hillPlace] = [draw(0, 0.25), draw(2, 6), draw(0, 6)];
  paint('hill', (x, y) => y > horizon - hillHeight * Math.abs(Math.sin(hillWidth * x + hillPlace)));
  paint('ground', (_x, y) => y > horizon);
  if (kind === 'lake') {
    const [centreX, centreY] = [draw(0.25, 0.75), draw(horizon + 0.12, 0.9)];
    const [radiusX, radiusY] = [draw(0.25, 0.5), draw(0.07, 0.14)];
    paint('water', (x, y) => y > horizon && Math.hypot((x - centreX) / radiusX, (y - centreY) / radiusY) < 1);
  }
  if (kind === 'house') {
    const [width, height, left] = [draw(0.2, 0.4), draw(0.15, 0.28), draw(0.08, 0.5)];
    const base = draw(horizon + 0.08, 0.9);
    const [middle, roofHeight] = [left + width / 2, draw(0.1, 0.2)];
    paint('wall', (x, y) => x > left && x < left + width && y > base - height && y < base);
    paint('roof', (x, y) => {
      const up = base - height - y;
      return up >= 0 && up < roofHeight && Math.abs(x - middle) < (width / 2 + 0.04) * (1 - up / roofHeight);
    });
  }
  const trees = kind === 'wood' ? 3 + Math.floor(draw(0, 4)) : Math.floor(draw(0, 2));
  for (let tree = 0; tree < trees; tree++) {
    const [x0, foot, radius] = [draw(0.05, 0.95), draw(horizon + 0.05, 0.95), draw(0.06, 0.13)];
    const crown = foot - 2 * radius;
    paint(
      'tree',
      (x, y) => Math.hypot(x - x0, y - crown) < radius || (Math.abs(x - x0) < 0.02 && y > crown && y < foot),
    );
  }
  return parts;
}

/** Paints each part in a colour of the scene's own, rough and darker towards the bottom. */
export function paintScene(parts: Uint8Array, size: number, key: RandomKey): Uint8Array {
  const shades = randomUniform(foldIn(key, 1), PART_NAMES.length);
  const rough = randomUniform(foldIn(key, 2), parts.length * 3, -1, 1);
  return Uint8Array.from({ length: parts.length * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3);
    const number = parts[pixel]!;
    const { from, to, noise } = PARTS[PART_NAMES[number]!];
    const channel = at % 3;
    const shade = shades[number]!;
    const color = from[channel]! + shade * (to[channel]! - from[channel]!);
    const light = 1.05 - (0.15 * Math.floor(pixel / size)) / size;
    return Math.round(255 * Math.min(1, Math.max(0, color * light + noise * rough[at]!)));
  });
}

/** Painted scenes and their exact maps, image for image. */
export interface Scenes {
  readonly images: ImageArray;
  /** A colour of {@link PARTS} at each pixel. */
  readonly maps: ImageArray;
}

/** Paints scenes: number n is a function of n, whatever is painted beside it. */
export function paintScenes({ from, count, size }: { from: number; count: number; size: number }): Scenes {
  const values = size * size * 3;
  const images = new Uint8Array(count * values);
  const maps = new Uint8Array(count * values);
  const labels = Int32Array.from({ length: count }, (_, index) => (from + index) % SCENE_CLASSES.length);
  for (let index = 0; index < count; index++) {
    const key = foldIn(randomKey(0), from + index);
    const parts = layOut(size, SCENE_CLASSES[labels[index]!]!, foldIn(key, 3));
    images.set(paintScene(parts, size, key), index * values);
    maps.set(mapOf(parts), index * values);
  }
  const shared = { height: size, width: size, labels, classNames: SCENE_CLASSES };
  return {
    images: openImageArray({ images, ...shared, name: 'painted scenes' }),
    maps: openImageArray({ images: maps, ...shared, resampling: 'nearest', name: 'maps of painted scenes' }),
  };
}

/** Returns the map of a scene as an image, 0 to 255. */
function mapOf(parts: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: parts.length * 3 }, (_, at) => {
    const { map } = PARTS[PART_NAMES[parts[Math.floor(at / 3)]!]!];
    return 255 * map[at % 3]!;
  });
}
