/** What captions can say of an image besides its class. */
export const ATTRIBUTES = {
  brightness: ['dark', 'bright'],
  color: ['grey', 'brown', 'red', 'yellow', 'green', 'blue', 'white', 'black'],
  /** Where it is brighter. */
  side: ['top', 'bottom', 'left side', 'right side'],
} as const;

export type AttributeName = keyof typeof ATTRIBUTES;

/** An attribute is missing where it is not pronounced. */
export type Attributes = { readonly [Name in AttributeName]?: (typeof ATTRIBUTES)[Name][number] };

type ColorName = NonNullable<Attributes['color']>;

/** Where the words begin to be true. Luminance is in [0, 1]. */
const THRESHOLDS = {
  /** Mean luminance; about a quarter of CIFAR-10's images lie below, and a quarter above. */
  dark: 0.38,
  bright: 0.57,
  /** Fraction of the pixels that have the colour, the one that most have. */
  color: 0.4,
  /** Difference of luminance between two halves. */
  side: 0.15,
} as const;

/**
 * What is true of an image: measured in the same way on photographs, for their captions, and on
 * generated images, to see whether they carry what they were asked for.
 * @param pixels `[H, W, 3]` in [0, 1], row by row
 */
export function measureAttributes(pixels: Float32Array, [height, width]: readonly [number, number]): Attributes {
  const count = height * width;
  const colors = new Map<ColorName, number>();
  let [total, top, left] = [0, 0, 0];
  for (let pixel = 0; pixel < count; pixel++) {
    const [red, green, blue] = [pixels[3 * pixel]!, pixels[3 * pixel + 1]!, pixels[3 * pixel + 2]!];
    const luminance = luminanceOf(red, green, blue);
    total += luminance;
    if (Math.floor(pixel / width) < height / 2) top += luminance;
    if (pixel % width < width / 2) left += luminance;
    const color = colorOf(red, green, blue);
    if (color) colors.set(color, (colors.get(color) ?? 0) + 1);
  }
  const mean = total / count;
  const down = (total - 2 * top) / (count / 2);
  const right = (total - 2 * left) / (count / 2);
  const [color, most] = [...colors].reduce<[ColorName | undefined, number]>(
    (best, entry) => (entry[1] > best[1] ? entry : best),
    [undefined, 0],
  );
  const side = sideOf(down, right);
  return {
    ...(mean < THRESHOLDS.dark && { brightness: 'dark' as const }),
    ...(mean > THRESHOLDS.bright && { brightness: 'bright' as const }),
    ...(most >= THRESHOLDS.color * count && { color }),
    ...(side && { side }),
  };
}

/** Differences of luminance: lower minus upper half, right minus left half. */
function sideOf(down: number, right: number): Attributes['side'] {
  if (Math.max(Math.abs(down), Math.abs(right)) < THRESHOLDS.side) return undefined;
  if (Math.abs(down) > Math.abs(right)) return down > 0 ? 'bottom' : 'top';
  return right > 0 ? 'right side' : 'left side';
}

/** Of sRGB values as they are (Rec. 709). */
function luminanceOf(red: number, green: number, blue: number): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The name of a pixel's colour; purple and pink have none, since few images are mostly that. */
function colorOf(red: number, green: number, blue: number): ColorName | undefined {
  const [highest, lowest] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const chroma = highest - lowest;
  if (highest < 0.2) return 'black';
  if (chroma < 0.1 || chroma < 0.15 * highest) return lowest > 0.8 ? 'white' : 'grey';
  const hue = hueOf(red, green, blue, highest, chroma);
  // Brown is a dark or pale orange.
  if (hue < 15 || hue >= 340) return chroma < 0.4 * highest ? 'brown' : 'red';
  if (hue < 45) return 'brown';
  if (hue < 65) return 'yellow';
  if (hue < 170) return 'green';
  return hue < 265 ? 'blue' : undefined;
}

/** Degrees. */
function hueOf(red: number, green: number, blue: number, highest: number, chroma: number): number {
  if (highest === red) return (60 * ((green - blue) / chroma) + 360) % 360;
  return highest === green ? 60 * ((blue - red) / chroma) + 120 : 60 * ((red - green) / chroma) + 240;
}
