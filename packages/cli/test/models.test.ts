import '@tensorflow/tfjs';
import { spawnSync } from 'node:child_process';
import { promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readSafetensors, writeSafetensors } from '@vitvq/checkpoint';
import { DataError, randomKey, type HostTensor } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { readExport } from '@vitvq/export';
import { vitDecoderReferenceWeights, vitEncoderReferenceWeights } from '@vitvq/layers';
import { vectorQuantizerReferenceWeights } from '@vitvq/quantizers';
import { programOptions } from '@vitvq/test-utils/node';
import {
  createTokenizer,
  vitTokenizerReferenceWeights,
  type TransformerSize,
  type VQTokenizer,
} from '@vitvq/tokenizer';
import { loadTokenizer, saveTokenizer } from '@vitvq/tokenizer/node';
import { AnyOrderTransformer, ClassConditioner, GPT, MaskedTransformer } from '@vitvq/transformers';
import { loadTransformer, saveTransformer } from '@vitvq/transformers/node';
import { createProgram } from '../src/index.js';

const size: TransformerSize = { dim: 16, depth: 1, numHeads: 2, mlpDim: 16 };
const config = {
  architecture: 'vit',
  imageSize: 16,
  patchSize: 4,
  encoder: size,
  decoder: size,
  quantizer: { kind: 'vector', codebookSize: 32, codeDim: 4 },
  positions: 'learned',
} as const;

/** A red pixel and a blue one. */
const pngs = [
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYPgPAAEDAQAIicLsAAAAAElFTkSuQmCC',
];

/** Signals that end a command. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

let folder: string;
let printed: string;

beforeAll(async () => {
  await useEngine({ name: 'onnx', threads: 1 });
});
beforeEach(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), 'vitvq-cli-'));
  printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  return async () => {
    vi.restoreAllMocks();
    await fs.rm(folder, { recursive: true });
  };
});
afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

const vitvq = (...args: string[]): Promise<unknown> => createProgram().parseAsync(args, { from: 'user' });

/** The names and layouts that the PyTorch reference gives its weights. */
async function writeReferenceFile(file: string, tokenizer: VQTokenizer): Promise<void> {
  const variables = tokenizer.namedVariables();
  const tensors = new Map<string, HostTensor>();
  const weights = vitTokenizerReferenceWeights({
    encoder: vitEncoderReferenceWeights({ ...config, ...config.encoder }),
    decoder: vitDecoderReferenceWeights({ ...config, ...config.decoder }),
    quantizer: vectorQuantizerReferenceWeights(),
  });
  for (const { name, referenceName, toReference } of weights) {
    const variable = variables.get(name)!;
    tensors.set(referenceName, toReference({ shape: variable.shape, data: (await variable.data()) as Float32Array }));
  }
  await writeSafetensors(file, tensors);
}

it('import makes a model folder of a checkpoint with the names of the reference', async () => {
  const original = createTokenizer(config, { seed: 3 });
  const file = join(folder, 'reference.safetensors');
  await writeReferenceFile(file, original);
  const out = join(folder, 'model');
  await vitvq('import', file, '--out', out, '--image-size', '16', '--encoder-heads', '2', '--decoder-heads', '2');
  expect(printed).toMatch(/enhancing-transformers: .* parameters, 4x4 tokens of 32 codes/);
  const imported = await loadTokenizer(out);
  for (const [name, variable] of original.namedVariables()) {
    expect(await imported.namedVariables().get(name)!.data()).toEqual(await variable.data());
  }
});

it('import writes to standard output alone', async () => {
  const file = join(folder, 'reference.safetensors');
  await writeReferenceFile(file, createTokenizer(config, { seed: 3 }));
  const bin = join(import.meta.dirname, '../src/main.ts');
  const args = ['--out', join(folder, 'model'), '--image-size', '16', '--encoder-heads', '2', '--decoder-heads', '2'];
  const { status, stderr } = spawnSync(process.execPath, [...programOptions, bin, 'import', file, ...args], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

it('import speaks of its own options where shapes do not tell', async () => {
  const file = join(folder, 'reference.safetensors');
  await writeReferenceFile(file, createTokenizer(config, { seed: 3 }));
  const importing = vitvq('import', file, '--out', join(folder, 'model'));
  await expect(importing).rejects.toThrow(
    /how many heads share .* encoder's .*; .* decoder's .* Add --encoder-heads, --decoder-heads, --image-size, or give the whole config with --config\.$/,
  );
});

it('import finds a tokenizer among other tensors by a prefix, and in several files by their index', async () => {
  const original = createTokenizer(config, { seed: 3 });
  const whole = join(folder, 'reference.safetensors');
  await writeReferenceFile(whole, original);
  const { tensors } = await readSafetensors(whole);
  const within = new Map([...tensors].map(([name, tensor]) => [`stage1_model.${name}`, tensor]));
  within.set('transformer.weight', { shape: [1], data: new Float32Array(1) });
  await writeSafetensors(join(folder, 'part-1.safetensors'), within);
  const names = Object.fromEntries([...within.keys()].map((name) => [name, 'part-1.safetensors']));
  const index = join(folder, 'weights.safetensors.index.json');
  await fs.writeFile(index, JSON.stringify({ weight_map: names }));
  const configFile = join(folder, 'settings.json');
  await fs.writeFile(configFile, JSON.stringify(config));
  const out = join(folder, 'model');
  await vitvq('import', index, '--prefix', 'stage1_model.', '--config', configFile, '--out', out);
  const imported = await loadTokenizer(out);
  expect(await imported.namedVariables().get('quantizer.codebook')!.data()).toEqual(
    await original.quantizer.codebook.weights.data(),
  );
});

it('import says that a model of ours needs none', async () => {
  const model = join(folder, 'ours');
  await saveTokenizer(model, createTokenizer(config, { seed: 3 }), config);
  for (const named of [model, join(model, 'model.safetensors')]) {
    const importing = vitvq('import', named, '--out', join(folder, 'other'));
    await expect(importing).rejects.toThrow(DataError);
    await expect(importing).rejects.toThrow(
      /got a model of vitvq \(vq-tokenizer\), which needs no import\. Load it with loadTokenizer .*: vitvq export .*ours\.$/,
    );
  }
});

it('import names the files of a folder that could be meant', async () => {
  const download = join(folder, 'download');
  await fs.mkdir(download);
  for (const name of ['config.json', 'weights.ckpt']) await fs.writeFile(join(download, name), '{}');
  await expect(vitvq('import', download, '--out', join(folder, 'other'))).rejects.toThrow(
    /expected a file with the weights of another library, got a folder\. To import a file of it, name that: .*weights\.ckpt\.$/,
  );
});

it('import replaces nothing unless it is told to', async () => {
  const file = join(folder, 'reference.safetensors');
  await writeReferenceFile(file, createTokenizer(config, { seed: 3 }));
  const out = join(folder, 'model');
  const args = ['import', file, '--out', out, '--image-size', '16', '--encoder-heads', '2', '--decoder-heads', '2'];
  await fs.mkdir(out);
  const theirs = ['config.json', 'model-00001-of-00002.safetensors', 'notes.txt'];
  for (const name of theirs) await fs.writeFile(join(out, name), 'theirs');
  await expect(vitvq(...args)).rejects.toThrow(DataError);
  await expect(vitvq(...args)).rejects.toThrow(
    /got one with config\.json, model-00001-of-00002\.safetensors\. Choose another --out, or add --force/,
  );
  for (const name of theirs) expect(await fs.readFile(join(out, name), 'utf8')).toBe('theirs');
  await vitvq(...args, '--force');
  expect((await fs.readdir(out)).sort()).toEqual(['config.json', 'model.safetensors', 'notes.txt']);

  await fs.rename(file, join(folder, 'model.safetensors'));
  args[1] = join(folder, 'model.safetensors');
  args[3] = folder;
  await expect(vitvq(...args, '--force')).rejects.toThrow(/another folder than that of the file to import/);
});

it.each(['5', 'null', '[]', '{'])('import refuses a config that is none: %s', async (text) => {
  const file = join(folder, 'reference.safetensors');
  await writeReferenceFile(file, createTokenizer(config, { seed: 3 }));
  const configFile = join(folder, 'settings.json');
  await fs.writeFile(configFile, text);
  await expect(vitvq('import', file, '--out', join(folder, 'model'), '--config', configFile)).rejects.toThrow(
    /settings\.json: expected a JSON file with the config of a tokenizer.*, got /,
  );
});

describe('import of a transformer', () => {
  // As LlamaGen names them: one block of width 8, 11 codes, 3 classes.
  const shapes: Readonly<Record<string, readonly number[]>> = {
    'cls_embedding.embedding_table.weight': [4, 8],
    'tok_embeddings.weight': [11, 8],
    'layers.0.attention.wqkv.weight': [24, 8],
    'layers.0.attention.wo.weight': [8, 8],
    'layers.0.feed_forward.w1.weight': [16, 8],
    'layers.0.feed_forward.w3.weight': [16, 8],
    'layers.0.feed_forward.w2.weight': [8, 16],
    'layers.0.attention_norm.weight': [8],
    'layers.0.ffn_norm.weight': [8],
    'norm.weight': [8],
    'output.weight': [11, 8],
  };
  let file: string;
  beforeEach(async () => {
    file = join(folder, 'c2i.safetensors');
    const tensors = Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((product, length) => product * length, 1);
      return [name, { shape, data: new Float32Array(size).fill(0.5) }] as const;
    });
    await writeSafetensors(file, new Map(tensors));
  });

  it('writes a model folder', async () => {
    const out = join(folder, 'model');
    await vitvq('import', file, '--out', out, '--grid', '2x3', '--num-heads', '2');
    expect(printed).toMatch(/llama-gen: .* parameters, 3 classes, 2x3 tokens of 11 codes/);
    const { model, conditioner, metadata } = await loadTransformer(out);
    expect(model.config).toMatchObject({ positions: 'rotary', grid: [2, 3], numHeads: 2 });
    expect(conditioner.config).toEqual({ kind: 'class', classCount: 3 });
    expect(metadata).toEqual({ importedFrom: 'c2i.safetensors', layout: 'llama-gen' });
  });

  it('speaks of its own options', async () => {
    const out = join(folder, 'model');
    await expect(vitvq('import', file, '--out', out)).rejects.toThrow(/to be told the grid of tokens.* Add --grid\.$/);
    await expect(vitvq('import', file, '--out', out, '--grid', '2')).rejects.toThrow(/width 8.* Add --num-heads\.$/);
    await expect(vitvq('import', file, '--out', out, '--grid', '2', '--image-size', '32')).rejects.toThrow(
      /options of a transformer, which the file holds, got --image-size\./,
    );
    const tokenizer = join(folder, 'reference.safetensors');
    await writeReferenceFile(tokenizer, createTokenizer(config, { seed: 3 }));
    await expect(vitvq('import', tokenizer, '--out', out, '--grid', '2')).rejects.toThrow(
      /options of a tokenizer, which the file holds, got --grid\./,
    );
  });
});

describe('import of a text-conditional transformer', () => {
  it('says how long captions may be, and writes what embeds them into the folder', async () => {
    const golden = '../../transformers/test/golden/llama-gen-t2i.safetensors';
    const { tensors } = await readSafetensors(fileURLToPath(new URL(golden, import.meta.url)));
    const prefix = 'weights.';
    const weights = [...tensors].filter(([name]) => name.startsWith(prefix));
    const file = join(folder, 't2i.safetensors');
    await writeSafetensors(file, new Map(weights.map(([name, tensor]) => [name.slice(prefix.length), tensor])));
    const out = join(folder, 'model');
    await vitvq('import', file, '--out', out, '--grid', '3', '--num-heads', '2');
    expect(printed).toMatch(/llama-gen: .* parameters, captions of up to 5 vectors of width 6, 3x3 tokens of 13 codes/);
    const { model, conditioner } = await loadTransformer(out);
    expect(model.config).toMatchObject({ conditionAttention: 'causal', conditionPadding: 'zero' });
    expect(conditioner.config).toEqual({ kind: 'captions', length: 5, captionDim: 6, dim: 16 });
    const exported = join(folder, 'exported');
    await vitvq('export', out, '--out', exported);
    const { transformer } = await readExport(exported);
    expect(transformer!.condition).toMatchObject({ shape: [5, 6], nullKeepsPadding: true });
  });
});

describe('import of the transformer of a Flax checkpoint', () => {
  const file = fileURLToPath(new URL('../../transformers/test/golden/maskgit.msgpack', import.meta.url));

  it('writes a model folder', async () => {
    const out = join(folder, 'model');
    await vitvq('import', file, '--out', out, '--classes', '5');
    expect(printed).toMatch(/maskgit: .* parameters, 5 classes, 3x3 tokens of 13 codes/);
    const { model, metadata } = await loadTransformer(out);
    expect(model.config).toMatchObject({ normPlacement: 'post', head: 'tied', grid: [3, 3], numHeads: 2 });
    expect(metadata).toEqual({ importedFrom: 'maskgit.msgpack', layout: 'maskgit' });
  });

  it('is not needed to look into the file', async () => {
    await vitvq('inspect', file);
    expect(printed).toMatch(/Format +Flax\n +Tensors +41\n/);
  });

  it('speaks of its own options', async () => {
    const out = join(folder, 'model');
    await expect(vitvq('import', file, '--out', out)).rejects.toThrow(/how many of the 18 words.* Add --classes\.$/);
    await expect(vitvq('import', file, '--out', out, '--classes', '5', '--part', 'ema')).rejects.toThrow(
      /a file of PyTorch, which alone has parts and classes, got --part\./,
    );
  });
});

it('import reads a PyTorch checkpoint and runs nothing of it', async () => {
  const file = join(folder, 'attack.ckpt');
  // Protocol 2: posix.system called with a command.
  await fs.writeFile(file, Buffer.from('\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.', 'latin1'));
  await expect(vitvq('import', file, '--out', join(folder, 'model'))).rejects.toThrow(DataError);
  await expect(vitvq('import', file, '--out', join(folder, 'model'))).rejects.toThrow(/attack\.ckpt.*posix\.system/);
});

it('tokenize shares its work with other calls, and verify-tokens says what is missing or damaged', async () => {
  const tokenizer = createTokenizer(config, { seed: 1 });
  await saveTokenizer(join(folder, 'model'), tokenizer, config);
  tokenizer.dispose();
  const out = join(folder, 'codes');
  const data = '{ kind: made-up, count: 9, imageSize: 16 }';
  const words = [
    'tokenize',
    join(folder, 'model'),
    '--data',
    data,
    '--out',
    out,
    '--batch-size',
    '2',
    '--shard-size',
    '4',
  ];
  const verify = async (...more: string[]): Promise<typeof process.exitCode> => {
    printed = '';
    await vitvq('verify-tokens', out, ...more);
    const code = process.exitCode;
    process.exitCode = 0;
    return code;
  };
  const listeners = signals.map((signal) => process.listeners(signal));

  await vitvq(...words, '--engine', 'cpu', '--of', '2', '--worker', '0');
  expect(printed).toMatch(/Shards 1 of 3; other workers make the rest\nThis worker: 1 of 3 shards, \d+ images\/s\n/);
  expect(await verify()).toBe(1);
  expect(printed).toMatch(
    /1 of 3 shards are whole \(0\.0 MB\)\nNot there yet: codes-000-00001\.\w+, codes-000-00002\.\w+; /,
  );
  expect(printed).toContain('start the same vitvq tokenize again, or wait for its workers.');
  await expect(vitvq(...words, '--engine', 'cpu', '--worker', '0')).rejects.toThrow('Add --of <n>.');

  await vitvq(...words, '--engine', 'cpu');
  expect(printed).toContain('Codes of 9 images, one view: 4x4 tokens of 32 codes\nThis worker: 2 of 3 shards');
  expect(await verify()).toBe(0);
  expect(printed).toContain('3 of 3 shards are whole');
  expect(printed).toContain('Each of 9 images is there exactly once\n');

  await fs.truncate(join(out, 'codes-000-00001.safetensors'), 100);
  expect(await verify()).toBe(1);
  expect(printed).toMatch(
    /codes-000-00001\.safetensors: its SHA-256 is .*\nTo remove what is damaged, add --repair; then /,
  );
  expect(await verify('--repair', '--json')).toBe(1);
  expect(JSON.parse(printed)).toMatchObject({ isComplete: false, intact: 2 });
  await vitvq(...words, '--engine', 'cpu');
  expect(await verify()).toBe(0);
  // A command is the last thing that its process does, and goes on listening for Ctrl-C.
  for (const [index, signal] of signals.entries()) {
    for (const added of process.listeners(signal)) if (!listeners[index]!.includes(added)) process.off(signal, added);
  }
});

it('export writes the models of a run', async () => {
  const tokenizer = createTokenizer(config, { seed: 1 });
  await saveTokenizer(join(folder, 'tokenizer/model'), tokenizer, config);
  const classes = new ClassConditioner({ classCount: 2 });
  const { vocabSize, grid } = tokenizer;
  const shape = { vocabSize, grid, conditionVocabSize: classes.vocabSize, dim: 16, depth: 1, numHeads: 2 };
  await saveTransformer(join(folder, 'gpt/model'), new GPT({ ...shape, key: randomKey(2) }), classes);
  await vitvq('export', folder, '--to', 'onnx');
  expect((await fs.readdir(join(folder, 'onnx'))).sort()).toEqual(
    ['decoder.onnx', 'encoder.onnx', 'prefill.onnx', 'decode-step.onnx', 'vitvq.json'].sort(),
  );
  expect(printed).toMatch(/tokenizer in onnxruntime-node: .*\n(.*\n)*transformer in onnxruntime-node: /);
  expect(printed).toContain('on 3 synthetic pictures');

  const exporting = vitvq('export', folder);
  await expect(exporting).rejects.toThrow(
    /onnx: expected a folder where nothing is overwritten, got one with decode-step\.onnx, decoder\.onnx, encoder\.onnx, prefill\.onnx\. /,
  );
  // Another pair.
  const larger = { ...config, quantizer: { ...config.quantizer, codebookSize: 64 } };
  await saveTokenizer(join(folder, 'tokenizer/model'), createTokenizer(larger, { seed: 1 }), larger);
  await saveTransformer(join(folder, 'gpt/model'), new GPT({ ...shape, vocabSize: 64, key: randomKey(2) }), classes);
  await vitvq('export', folder, '--force');
  expect((await readExport(join(folder, 'onnx'))).transformer!.vocabSize).toBe(64);
});

it('export writes masked and any-order models, too', async () => {
  const classes = new ClassConditioner({ classCount: 2 });
  const shape = { vocabSize: 8, grid: [2, 2], conditionVocabSize: classes.vocabSize, dim: 8, depth: 1 } as const;
  const options = { ...shape, numHeads: 1, key: randomKey(2) };
  await saveTransformer(join(folder, 'masked'), new MaskedTransformer(options), classes);
  await saveTransformer(join(folder, 'any'), new AnyOrderTransformer(options), classes);
  const out = join(folder, 'onnx');
  await vitvq('export', join(folder, 'masked'), '--out', out);
  expect(printed).toContain(`Wrote masked-logits.onnx and vitvq.json to ${out}`);
  await vitvq('export', join(folder, 'any'), '--out', out, '--tokens-per-step', '3', '--force');
  expect(printed).toContain(`Wrote prefill.onnx, decode-step.onnx and vitvq.json to ${out}`);
  expect((await fs.readdir(out)).sort()).toEqual(['decode-step.onnx', 'prefill.onnx', 'vitvq.json']);
  expect((await readExport(out)).transformer).toMatchObject({ kind: 'any-order', tokensPerStep: 3 });
  await expect(vitvq('export', join(folder, 'masked'), '--out', out, '--tokens-per-step', '3')).rejects.toThrow(
    'expected an any-order transformer, for which --tokens-per-step is, got one of kind masked.',
  );
});

it('export measures on images of a folder, and keeps the figures', async () => {
  await saveTokenizer(join(folder, 'model'), createTokenizer(config, { seed: 1 }), config);
  const pictures = join(folder, 'pictures');
  await fs.mkdir(pictures);
  for (const [index, picture] of pngs.entries()) {
    await fs.writeFile(join(pictures, `${index}.png`), Buffer.from(picture, 'base64'));
  }
  await vitvq('export', folder, '--weights', 'float16', '--images', pictures);
  expect(printed).toContain('on 2 images');
  const { measured } = (await readExport(join(folder, 'onnx'))).tokenizer!;
  expect(measured[0]).toMatchObject({ images: 2, pictures: 'given' });
  expect(printed).toContain(`PSNR ${measured[0]!.psnr.exported.toFixed(2)} dB`);

  await saveTransformer(
    join(folder, 'alone'),
    new GPT({ vocabSize: 4, grid: [1, 1], dim: 4, depth: 1, numHeads: 1, conditionVocabSize: 3, key: randomKey(2) }),
    new ClassConditioner({ classCount: 2 }),
  );
  await expect(vitvq('export', join(folder, 'alone'), '--images', pictures)).rejects.toThrow(
    'expected a tokenizer, for which --images are, got a transformer alone.',
  );
});

it('export says what it misses', async () => {
  await expect(vitvq('export', folder)).rejects.toThrow(/expected a model folder .* got none/);
  const tokenizer = createTokenizer(config, { seed: 1 });
  for (const name of ['model', 'old/model']) await saveTokenizer(join(folder, name), tokenizer, config);
  await expect(vitvq('export', folder)).rejects.toThrow(/expected one tokenizer, got .*model and .*model/);
});
