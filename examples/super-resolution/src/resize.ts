import { ShapeError, formatShape, type HostImages } from '@vitvq/core';

/**
 * Makes images smaller: each pixel becomes the mean of `scale` x `scale` pixels.
 * @throws {ShapeError} for images that `scale` does not divide
 */
export function reduceImages({ data, shape }: HostImages, scale: number): HostImages {
  const [count, height, width, channels] = shape;
  if (height % scale !== 0 || width % scale !== 0) {
    throw new ShapeError({
      where: 'reduceImages',
      expected: `images of a height and width that ${scale} divides`,
      got: formatShape(shape),
    });
  }
  const [rows, columns] = [height / scale, width / scale];
  const reduced = new Float32Array(count * rows * columns * channels);
  for (let at = 0; at < data.length; at++) {
    const channel = at % channels;
    const x = Math.floor(at / channels) % width;
    const line = Math.floor(at / channels / width);
    reduced[(Math.floor(line / scale) * columns + Math.floor(x / scale)) * channels + channel]! +=
      data[at]! / scale ** 2;
  }
  return { data: reduced, shape: [count, rows, columns, channels] };
}

/** Number of pixels to each side that a value of bicubic interpolation depends on. */
const support = 2;

/** Keys' kernel with a = -0.5 (Keys 1981), which reproduces quadratic functions. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1;
  return x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
}

/** Weights of the pixels of a row or column that each pixel of the enlarged one is made of. */
function weightsOf(size: number, scale: number): readonly (readonly (readonly [number, number])[])[] {
  return Array.from({ length: size * scale }, (_, target) => {
    // Centres of pixels lie at halves.
    const centre = (target + 0.5) / scale - 0.5;
    const first = Math.floor(centre) - support + 1;
    return Array.from({ length: 2 * support }, (_, index): readonly [number, number] => {
      const source = first + index;
      // Beyond the border, the border goes on.
      return [Math.min(size - 1, Math.max(0, source)), cubic(centre - source)];
    });
  });
}

/** Makes images `scale` times as high and wide by bicubic interpolation, clipped to [0, 1]. */
export function enlargeImages({ data, shape }: HostImages, scale: number): HostImages {
  const [count, height, width, channels] = shape;
  const [ofRows, ofColumns] = [weightsOf(height, scale), weightsOf(width, scale)];
  const enlarged = new Float32Array(count * height * width * channels * scale ** 2);
  let at = 0;
  for (let image = 0; image < count; image++) {
    for (const rows of ofRows) {
      for (const columns of ofColumns) {
        for (let channel = 0; channel < channels; channel++) {
          let value = 0;
          for (const [y, ofRow] of rows) {
            for (const [x, ofColumn] of columns) {
              value += ofRow * ofColumn * data[((image * height + y) * width + x) * channels + channel]!;
            }
          }
          enlarged[at++] = Math.min(1, Math.max(0, value));
        }
      }
    }
  }
  return { data: enlarged, shape: [count, height * scale, width * scale, channels] };
}

/** Makes images `scale` times as high and wide by copying pixels, to show them as they are. */
export function enlargeByCopies({ data, shape }: HostImages, scale: number): HostImages {
  const [count, height, width, channels] = shape;
  const enlarged = new Float32Array(data.length * scale ** 2);
  for (let at = 0; at < enlarged.length; at++) {
    const channel = at % channels;
    const x = Math.floor(at / channels) % (width * scale);
    const line = Math.floor(at / channels / (width * scale));
    enlarged[at] = data[(Math.floor(line / scale) * width + Math.floor(x / scale)) * channels + channel]!;
  }
  return { data: enlarged, shape: [count, height * scale, width * scale, channels] };
}
