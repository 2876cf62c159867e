import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomKey, randomUniform } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeCheck, exportTokenizer, ExportError, readExport, verifyExport } from '../src/index.js';
import { openSession } from '../src/internal/runtimes.js';
import { temporaryFolder, tiny1DTokenizer, tinyCNN, tinyQuantizer, tinyTokenizer } from './helpers.js';

const imagesOf = (count: number, seed = 5): tf.Tensor4D =>
  tf.tensor4d(randomUniform(randomKey(seed), count * 8 * 12 * 3), [count, 8, 12, 3]);

beforeAll(async () => {
  // The oracle: plain TensorFlow.js.
  await useEngine({ name: 'cpu' });
});

describe('exportTokenizer', () => {
  it.each([
    ['vector', tinyTokenizer(), [6]],
    ['convolutions', tinyCNN(), [6]],
    ['latent tokens', tiny1DTokenizer(), [5]],
    ['residual', tinyTokenizer({ quantizer: { kind: 'residual', codeDepth: 3, quantizer: tinyQuantizer } }), [6, 3]],
    [
      'residual finite scalars',
      tinyTokenizer({ quantizer: { kind: 'residual', codeDepth: 3, quantizer: { kind: 'fsq', levels: [5, 4, 3] } } }),
      [6, 3],
    ],
    [
      'logit-laplace, normalised',
      tinyTokenizer({ output: 'logit-laplace', pixelNormalization: { mean: 0.5, deviation: 0.3 } }),
      [6],
    ],
    [
      'Gumbel, gelu',
      tinyTokenizer({ quantizer: { ...tinyQuantizer, kind: 'gumbel' }, activation: 'gelu', positions: 'learned' }),
      [6],
    ],
  ] as const)(
    'gives the same tokens and pixels in both runtimes, for any batch: %s',
    async (_, tokenizer, tokenShape) => {
      const folder = await temporaryFolder();
      const { manifest, report } = await exportTokenizer(tokenizer, folder);
      expect(report!.passed).toBe(true);
      expect(report!.checks.map(({ runtime }) => runtime)).toEqual(['node', 'web']);
      expect(await readExport(folder)).toEqual(manifest);
      const { encoder, decoder, image } = manifest.tokenizer!;
      expect(encoder.outputs).toEqual([{ name: 'tokens', dtype: 'int32', shape: ['batch', ...tokenShape] }]);
      expect(decoder.outputs).toEqual([{ name: 'images', dtype: 'float32', shape: ['batch', 8, 12, 3] }]);
      expect(image).toEqual({ height: 8, width: 12, channels: 3, layout: 'NHWC', dtype: 'float32', range: [0, 1] });
      for (const runtime of ['node', 'web'] as const) {
        const sessions = [
          await openSession(runtime, join(folder, 'encoder.onnx'), encoder),
          await openSession(runtime, join(folder, 'decoder.onnx'), decoder),
        ] as const;
        for (const batch of [1, 2, 5]) {
          const images = imagesOf(batch);
          const expected = tokenizer.encode(images);
          const { tokens } = await sessions[0].run({
            images: { shape: images.shape, data: images.dataSync<'float32'>() },
          });
          expect(tokens!.shape).toEqual([batch, ...tokenShape]);
          expect(tokens!.data).toEqual(expected.dataSync());
          const decoded = await sessions[1].run({ tokens: tokens! });
          expect(tf.tensor(decoded.images!.data, [...decoded.images!.shape])).toBeAllClose(tokenizer.decode(expected), {
            rtol: 0,
            atol: 1e-5,
          });
        }
        for (const session of sessions) await session.release();
      }
    },
  );

  it('uses operators of the standard alone, and says in each file what it is', async () => {
    const folder = await temporaryFolder();
    const metadata = { source: 'a test' };
    const { manifest } = await exportTokenizer(tinyTokenizer(), folder, { metadata, verify: false });
    expect(manifest.tokenizer!.metadata).toEqual(metadata);
    expect(manifest.tokenizer!.encoder.opset).toBe(17);
    for (const file of ['encoder.onnx', 'decoder.onnx']) {
      const bytes = await readFile(join(folder, file));
      expect(bytes.includes('com.microsoft')).toBe(false);
      for (const text of ['vitvq.grid', '[2,3]', 'vitvq.vocabSize', 'source', 'a test']) {
        expect(bytes.includes(text), text).toBe(true);
      }
    }
    const encoder = await readFile(join(folder, 'encoder.onnx'));
    expect(encoder.includes(JSON.stringify(manifest.tokenizer!.image))).toBe(true);
    expect(encoder.includes('encoder.blocks.0.feedForward.hidden.weight')).toBe(true);
  });

  it('stores weights in half precision and measures what that costs', async () => {
    const [whole, half] = [await temporaryFolder(), await temporaryFolder()];
    const tokenizer = tinyTokenizer({ quantizer: { ...tinyQuantizer, codebookSize: 512 } });
    await exportTokenizer(tokenizer, whole, { verify: false });
    const images = tokenizer.reconstruct(imagesOf(16));
    const { report } = await exportTokenizer(tokenizer, half, { weights: 'float16', verify: { images } });
    const size = async (folder: string): Promise<number> => (await stat(join(folder, 'decoder.onnx'))).size;
    expect(await size(half)).toBeLessThan(0.75 * (await size(whole)));
    for (const check of report!.checks) {
      if (check.part !== 'tokenizer') throw new Error('a tokenizer was exported');
      expect(check.images).toBe(16);
      expect(check.pixels).toBeGreaterThan(1e-5); // The difference is there,
      expect(check.pixels).toBeLessThan(2e-2); // and small.
      expect(check.psnr.exported).not.toBe(check.psnr.original);
      expect(Math.abs(check.psnr.exported - check.psnr.original)).toBeLessThan(1);
    }
  });

  it('says in the manifest what was measured, on what, and nothing where nothing was', async () => {
    const folder = await temporaryFolder();
    const tokenizer = tinyTokenizer();
    const first = await exportTokenizer(tokenizer, folder, { verify: { runtimes: ['node'] } });
    const [check] = first.report!.checks;
    if (check?.part !== 'tokenizer') throw new Error('a tokenizer was exported');
    const { part: _part, passed: _passed, ...measured } = check;
    expect(measured).toMatchObject({ runtime: 'node', images: 3, pictures: 'synthetic', equalTokens: 1 });
    expect((await readExport(folder)).tokenizer!.measured).toEqual([measured]);
    expect(describeCheck(check)).toMatch(
      /PSNR .* dB instead of .* \(on 3 synthetic pictures, the first compared with plain TensorFlow\.js\)$/,
    );
    await exportTokenizer(tokenizer, folder, { verify: { runtimes: ['node'], images: imagesOf(2) } });
    expect((await readExport(folder)).tokenizer!.measured).toMatchObject([{ images: 2, pictures: 'given' }]);
    await exportTokenizer(tokenizer, folder, { verify: false });
    expect((await readExport(folder)).tokenizer!.measured).toEqual([]);
  });

  it('leaves nothing behind where the files compute something else', async () => {
    const folder = await temporaryFolder();
    const tokenizer = tinyTokenizer();
    await mkdir(join(folder, '.replacement.0123456789ab.tmp'));
    await utimes(join(folder, '.replacement.0123456789ab.tmp'), 1e9, 1e9);
    await exportTokenizer(tokenizer, folder, { verify: false });
    const before = await readFile(join(folder, 'vitvq.json'), 'utf8');
    const failing = exportTokenizer(tokenizer, folder, { weights: 'float16', verify: { tolerance: 1e-7 } });
    await expect(failing).rejects.toThrow(ExportError);
    await expect(failing).rejects.toThrow(
      /expected files that compute what the model computes, got tokenizer in onnxruntime-node: .* pixels differ by at most/,
    );
    expect(await readFile(join(folder, 'vitvq.json'), 'utf8')).toBe(before);
    expect((await readdir(folder)).sort()).toEqual(['decoder.onnx', 'encoder.onnx', 'vitvq.json']);
  });

  it('notices another model, damage, and what is missing', async () => {
    const folder = await temporaryFolder();
    const { manifest } = await exportTokenizer(tinyTokenizer(), folder, { verify: false });
    const other = tinyTokenizer();
    const weight = other.namedVariables().get('postQuantization.weight')!;
    tf.tidy(() => weight.assign(tf.mul(weight, 1.01)));
    const report = await verifyExport(folder, { tokenizer: other }, { runtimes: ['node'] });
    expect(report.passed).toBe(false);
    expect(report.checks).toMatchObject([{ equalTokens: 1, passed: false }]);
    await expect(verifyExport(folder, { tokenizer: other }, { images: imagesOf(1) })).rejects.toThrow(
      'at least two images',
    );
    const verifyOn = (images: tf.Tensor4D) => verifyExport(folder, { tokenizer: other }, { images });
    await expect(verifyOn(tf.mul(imagesOf(2), 255))).rejects.toThrow(
      /^verifyExport, images: expected images with values in \[0, 1\], got .* Bytes become images when/,
    );
    await expect(verifyOn(tf.transpose(imagesOf(2), [0, 3, 1, 2]))).rejects.toThrow('transpose them to [B, H, W, C].');

    const decoder = join(folder, 'decoder.onnx');
    const sound = await readFile(decoder);
    const bytes = Buffer.from(sound);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(decoder, bytes);
    await expect(readExport(folder)).rejects.toThrow(
      /decoder\.onnx: expected \d+ bytes with SHA-256 .* The file was damaged/,
    );
    await expect(verifyExport(folder, { tokenizer: other })).rejects.toThrow('The file was damaged');

    const perfect = {
      runtime: 'node',
      images: 2,
      pictures: 'given',
      firstOriginalBy: 'engine',
      equalTokens: 1,
      pixels: 0,
      psnr: { original: Infinity, exported: 30 },
    } as const;
    const restored = { ...manifest, tokenizer: { ...manifest.tokenizer!, measured: [perfect] } };
    await writeFile(join(folder, 'vitvq.json'), JSON.stringify(restored));
    await writeFile(decoder, sound);
    expect(await readExport(folder)).toEqual(restored);

    const write = (content: unknown): Promise<void> => writeFile(join(folder, 'vitvq.json'), JSON.stringify(content));
    await write({ ...manifest, version: 2 });
    await expect(readExport(folder)).rejects.toThrow('expected the manifest of an exported model, version 1');
    const climbing = { ...manifest.tokenizer!, encoder: { ...manifest.tokenizer!.encoder, file: '../encoder.onnx' } };
    await write({ ...manifest, tokenizer: climbing });
    await expect(readExport(folder)).rejects.toThrow('tokenizer.encoder.file');
    await writeFile(join(folder, 'vitvq.json'), '{');
    await expect(readExport(folder)).rejects.toThrow('expected the manifest of an exported model');
  });
});
