import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportManifest } from '@vitvq/export';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** The exported tokenizer of a page, run by onnxruntime-node. */
export async function openTokenizer(out: string): Promise<{
  encode(pixels: Float32Array): Promise<number[]>;
  decode(tokens: readonly number[]): Promise<Float32Array>;
}> {
  const models = join(out, 'models');
  const { tokenizer } = JSON.parse(await readFile(join(models, 'vitvq.json'), 'utf8')) as ExportManifest;
  const { image, codeDepth, encoder, decoder } = tokenizer!;
  const [encoding, decoding] = await Promise.all(
    [encoder, decoder].map(({ file }) => InferenceSession.create(join(models, file))),
  );
  return {
    encode: async (pixels) => {
      const images = new Tensor('float32', pixels, [1, image.height, image.width, image.channels]);
      const { tokens } = await encoding!.run({ images });
      return [...(tokens!.data as Int32Array)];
    },
    decode: async (codes) => {
      const shape = codeDepth === 1 ? [1, codes.length] : [1, codes.length / codeDepth, codeDepth];
      const { images } = await decoding!.run({ tokens: new Tensor('int32', Int32Array.from(codes), shape) });
      return images!.data as Float32Array;
    },
  };
}
