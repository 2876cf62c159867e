/** `[height, width]` in pixels. */
export type Pixels2D = readonly [height: number, width: number];

/** Everything random about one image. */
export interface CropDraws {
  /** Where the crop lies, in [0, 1); undefined: in the middle. */
  readonly y: number | undefined;
  readonly x: number | undefined;
  /** Mirrored, left to right. */
  readonly flip: boolean;
}

/** What happens to an image about which nothing is random. */
export const CENTRE: CropDraws = { y: undefined, x: undefined, flip: false };

/** The same for every image of a stream. */
export interface CropSettings {
  /** Of the result. */
  readonly imageSize: Pixels2D;
  /** The image is scaled, keeping its proportions, until it just covers this. */
  readonly resizeTo: Pixels2D;
}

/** Where the crop lies in the scaled image. */
export interface CropPlan {
  readonly scaledHeight: number;
  readonly scaledWidth: number;
  readonly top: number;
  readonly left: number;
}

/** Geometry of one crop. */
export function planCrop(
  [height, width]: Pixels2D,
  { imageSize: [cropHeight, cropWidth], resizeTo: [coverHeight, coverWidth] }: CropSettings,
  { y, x }: CropDraws,
): CropPlan {
  const scale = Math.max(coverHeight / height, coverWidth / width);
  const scaledHeight = Math.max(coverHeight, Math.round(height * scale));
  const scaledWidth = Math.max(coverWidth, Math.round(width * scale));
  return {
    scaledHeight,
    scaledWidth,
    top: placed(scaledHeight - cropHeight, y),
    left: placed(scaledWidth - cropWidth, x),
  };
}

/** Whether two sizes can be those of one picture: sides of the smaller one are rounded, by less than a pixel. */
export function haveSameProportions([height, width]: Pixels2D, [otherHeight, otherWidth]: Pixels2D): boolean {
  const larger = Math.max(height, width, otherHeight, otherWidth);
  return Math.abs(height * otherWidth - width * otherHeight) <= larger;
}

function placed(room: number, draw: number | undefined): number {
  return draw === undefined ? Math.floor(room / 2) : Math.floor(draw * (room + 1));
}

/** `byte / 255` for every byte. */
export const unitOfByte = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** Copies a crop of an image of bytes (`[height, width, channels]` at `offset`) to floats in [0, 1], mirrored if asked. */
export function copyCrop(
  pixels: Uint8Array,
  offset: number,
  width: number,
  channels: number,
  { top, left }: Pick<CropPlan, 'top' | 'left'>,
  [cropHeight, cropWidth]: Pixels2D,
  flip: boolean,
  output: Float32Array,
  outputOffset: number,
): void {
  let target = outputOffset;
  for (let row = 0; row < cropHeight; row++) {
    let source = offset + ((top + row) * width + left) * channels;
    if (!flip) {
      for (const end = target + cropWidth * channels; target < end;) output[target++] = unitOfByte[pixels[source++]!]!;
      continue;
    }
    source += (cropWidth - 1) * channels;
    for (let column = 0; column < cropWidth; column++, source -= channels) {
      for (let channel = 0; channel < channels; channel++) output[target++] = unitOfByte[pixels[source + channel]!]!;
    }
  }
}
