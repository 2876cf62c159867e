import { ConfigError, ShapeError, assertInteger, formatShape, type HostTensor } from '@vitvq/core';
import { principalComponents } from './internal/principal-components.js';

/** Give the code vectors to see which codes are alike, or only their number. */
export interface CodeColorsOptions {
  /** K. */
  readonly codebookSize?: number;
  /** `[K, E]`, as the quantizer compares them (l2-normalised, if it normalises). */
  readonly codebook?: HostTensor;
}

/**
 * One colour a code, `[K * 3]` red, green, blue. With `codebook`, the first three principal components of the code vectors
 * become lightness and the two colour axes of OKLab (Ottosson 2020), so that similar codes look similar. Without, colours come
 * from a hash of the index: the same in every report, and neighbours in the codebook differ.
 * @throws {ConfigError} when neither is given
 * @throws {ShapeError} when the codebook is not `[K, E]`
 */
export function codeColors({ codebookSize, codebook }: CodeColorsOptions): Uint8Array {
  if (!codebook) {
    if (codebookSize === undefined) {
      throw new ConfigError({ where: 'codeColors', expected: 'codebookSize or codebook', got: 'neither' });
    }
    assertInteger(codebookSize, 'codebookSize', 'codeColors');
    return hashColors(codebookSize);
  }
  const [size = 0, dim = 0] = codebook.shape;
  const fits = codebook.shape.length === 2 && size > 0 && dim > 0 && codebook.data.length === size * dim;
  if (!fits || (codebookSize ?? size) !== size) {
    throw new ShapeError({
      where: 'codeColors',
      expected: `a codebook [${codebookSize ?? 'K'}, E]`,
      got: `${formatShape(codebook.shape)} with ${codebook.data.length} values`,
    });
  }
  const components = principalComponents(codebook.data, size, dim, 3);
  const colors = new Uint8Array(size * 3);
  for (let code = 0; code < size; code++) {
    const [lightness, greenRed, blueYellow] = [0, 1, 2].map((axis) => {
      const { scores, deviation } = components[axis] ?? { scores: [], deviation: 0 };
      // Two standard deviations of the first component span the range; weak ones are raised, but not to the same strength.
      const strength = deviation === 0 ? 0 : Math.sqrt(deviation / components[0]!.deviation) / 2;
      return Math.max(-1, Math.min(1, (scores[code] ?? 0) * strength));
    }) as [number, number, number];
    colors.set(oklabToRgb(0.66 + 0.2 * lightness, 0.18 * greenRed, 0.18 * blueYellow), code * 3);
  }
  return colors;
}

function hashColors(size: number): Uint8Array {
  const colors = new Uint8Array(size * 3);
  for (let code = 0; code < size; code++) {
    const bits = mix(code);
    const hue = ((bits >>> 16) / 65536) * 2 * Math.PI;
    const lightness = 0.5 + 0.36 * (((bits >>> 8) & 255) / 255);
    const chroma = 0.07 + 0.09 * ((bits & 255) / 255);
    colors.set(oklabToRgb(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue)), code * 3);
  }
  return colors;
}

/** The finalizer of MurmurHash3: every input bit moves every output bit. */
function mix(value: number): number {
  let bits = (value + 0x9e3779b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** OKLab to 8-bit sRGB; colours outside sRGB are clipped a channel at a time. */
function oklabToRgb(lightness: number, a: number, b: number): [number, number, number] {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const encode = (linear: number): number => {
    const value = Math.max(0, Math.min(1, linear));
    return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
  };
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}
