import {
  assertInteger,
  checkOptions,
  ConfigError,
  formatShape,
  ShapeError,
  type HostTensor,
  type OptionTable,
} from '@vitvq/core';
import { principalComponents } from './internal/principal-components.js';

/**
 * Options of {@link codeColors}: the codes themselves, which shows similar ones, or only their
 * number.
 */
export interface CodeColorsOptions {
  /** Number of codes, K. */
  readonly codebookSize?: number;
  /** Codes `[K, E]` as the quantizer compares them: l2-normalised, if the quantizer normalises. */
  readonly codebook?: HostTensor;
}

const codeColorsOptionNames: OptionTable<CodeColorsOptions> = {
  codebookSize: 'optional',
  codebook: 'optional',
};

/**
 * Returns one colour for each code: red, green and blue, `[K * 3]`.
 *
 * With `codebook`, the first three principal components of the codes become lightness and the two
 * colour axes of OKLab (Ottosson 2020), so that similar codes get similar colours. Without it,
 * colours come from a hash of the index: they are the same in every report, and neighbours in the
 * codebook differ.
 * @throws {ConfigError} when neither option is given
 * @throws {ShapeError} when the codebook is not `[K, E]`
 */
export function codeColors(options: CodeColorsOptions): Uint8Array {
  const { codebookSize, codebook } = checkOptions(options, codeColorsOptionNames, 'codeColors');
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
  return similarityColors(codebook.data, size, dim);
}

/** Returns colours that are similar where codes are. */
function similarityColors(codes: ArrayLike<number>, size: number, dim: number): Uint8Array {
  const components = principalComponents(codes, size, dim, 3);
  const colors = new Uint8Array(size * 3);
  for (let code = 0; code < size; code++) {
    const [lightness, greenRed, blueYellow] = [0, 1, 2].map((axis) => {
      const { scores, deviation } = components[axis] ?? { scores: [], deviation: 0 };
      // Two standard deviations of the first component fill the range. The root strengthens weaker
      // components, but keeps their order.
      const strength = deviation === 0 ? 0 : Math.sqrt(deviation / components[0]!.deviation) / 2;
      return Math.max(-1, Math.min(1, (scores[code] ?? 0) * strength));
    }) as [number, number, number];
    colors.set(oklabToRgb(0.66 + 0.2 * lightness, 0.18 * greenRed, 0.18 * blueYellow), code * 3);
  }
  return colors;
}

/** Returns colours whose hue, lightness and chroma come from a hash of the index. */
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

/** Mixes bits with the finalizer of MurmurHash3: every input bit affects every output bit. */
function mix(value: number): number {
  let bits = (value + 0x9e3779b9) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Converts OKLab to 8-bit sRGB; each channel outside sRGB is clipped. */
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
