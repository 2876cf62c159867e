/**
 * `npm run tokenize-at-scale`: tokenizes 100,000 images with several `vitvq tokenize` at once,
 * kills some of them on the way, verifies what they made, damages a shard, has it made anew, and
 * reads everything as a training does. Prints what it took. `docs/tokenizing.md` has the result.
 *
 * The images are those of CIFAR-10, as they are and mirrored, as PNG files in WebDataset shards.
 * The tokenizer is tiny, and its weights are random: what is tried is everything around it.
 *
 * Options: --images <n>, --workers <n>, --kills <n>, --shard-size <n>, --batch-size <n>,
 * --folder <path> (kept), and --model small (ViT-VQGAN-SS, 256 x 256 pixels) for speeds.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, promises as fs } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import '@tensorflow/tfjs';
import sharp from 'sharp';
import { openCodes } from '@vitvq/codes';
import { openCifar10, type ImageArray } from '@vitvq/data';
import { createTokenizer, VIT_VQGAN_SMALL, type ViTTokenizerConfig } from '@vitvq/tokenizer';
import { saveTokenizer } from '@vitvq/tokenizer/node';
import { writeTar, type TarMember } from './internal/write-tar.js';

const { values: options } = parseArgs({
  options: {
    images: { type: 'string', default: '100000' },
    workers: { type: 'string', default: '3' },
    kills: { type: 'string', default: '4' },
    'shard-size': { type: 'string', default: '1000' },
    'batch-size': { type: 'string', default: '50' },
    model: { type: 'string', default: 'tiny' },
    folder: { type: 'string' },
  },
});
const [images, workers, kills] = [Number(options.images), Number(options.workers), Number(options.kills)];
const shardSize = Number(options['shard-size']);
const totalShards = Math.ceil(images / shardSize);
/** Images of a WebDataset shard. */
const tarSize = 1000;

const size = { dim: 64, depth: 2, numHeads: 2, mlpDim: 128 };
const tiny: ViTTokenizerConfig = {
  architecture: 'vit',
  imageSize: 32,
  patchSize: 8,
  encoder: size,
  decoder: size,
  quantizer: { kind: 'vector', codebookSize: 1024, codeDim: 16, beta: 0.25 },
};
const config: ViTTokenizerConfig = options.model === 'small' ? VIT_VQGAN_SMALL : tiny;

const folder = options.folder ?? (await fs.mkdtemp(join(tmpdir(), 'vitvq-scale-')));
const at = (...names: string[]): string => join(folder, ...names);
const cli = resolve(import.meta.dirname, '../../../packages/cli/src/main.ts');
const node = ['--import', 'tsx', '--conditions=@vitvq/source', cli];
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const say = (what: string, value: string | number): void => console.log(`${`${what}:`.padEnd(44)}${value}`);

interface Worker {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  readonly output: string[];
}

/** Starts `vitvq` in a process of its own; what it says of its progress goes to a file. */
function start(name: string, ...args: string[]): Worker {
  const child = spawn(process.execPath, [...node, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  child.stderr.pipe(createWriteStream(at(`${name}.log`)));
  return { child, output, ended: new Promise((end) => child.once('close', end)) };
}

async function vitvq(
  name: string,
  ...args: string[]
): Promise<{ code: number | null; result: Record<string, unknown> }> {
  const { ended, output } = start(name, ...args);
  const code = await ended;
  return { code, result: JSON.parse(output.join('')) as Record<string, unknown> };
}

async function writeImages(): Promise<void> {
  const source: ImageArray = await openCifar10({ split: 'train' });
  await fs.mkdir(at('images'), { recursive: true });
  for (let first = 0; first < images; first += tarSize) {
    const count = Math.min(tarSize, images - first);
    const members = await Promise.all(Array.from({ length: count }, (_, offset) => sampleOf(source, first + offset)));
    await writeTar(at('images', `${String(first / tarSize).padStart(6, '0')}.tar`), members.flat());
  }
}

async function sampleOf(source: ImageArray, image: number): Promise<TarMember[]> {
  const read = await source.read(image % source.length);
  if (!('pixels' in read)) throw new Error('CIFAR-10 is pixels');
  const { pixels, width, height } = read;
  const picture = sharp(pixels, { raw: { width, height, channels: 3 } });
  const content = await (image < source.length ? picture : picture.flop()).png({ compressionLevel: 1 }).toBuffer();
  const name = String(image).padStart(9, '0');
  const label = String(source.labels[image % source.length]);
  return [
    { name: `${name}.png`, content },
    { name: `${name}.cls`, content: Buffer.from(label) },
  ];
}

async function finishedShards(): Promise<number> {
  return (await fs.readdir(at('tokens', 'finished')).catch(() => [])).length;
}

/** Lets so many workers run until all shards are done; now and then one is killed, and replaced. */
async function work(deaths: number): Promise<Record<string, unknown>[]> {
  let started = 0;
  const begin = (): Worker =>
    start(
      `worker-${started++}`,
      ...['tokenize', at('tokenizer'), '--data', `{ kind: webdataset, shards: '${at('images')}' }`],
      ...[
        '--out',
        at('tokens'),
        '--shard-size',
        String(shardSize),
        '--batch-size',
        options['batch-size'],
        '--threads',
        '1',
      ],
    );
  const running = Array.from({ length: workers }, begin);
  for (let death = 0; death < deaths; death++) {
    // At equal distances, and in the middle of a shard rather than at the end of one.
    while ((await finishedShards()) < ((death + 1) * totalShards) / (deaths + 1)) await setTimeout(190);
    const victim = death % workers;
    running[victim]!.child.kill('SIGKILL');
    await running[victim]!.ended;
    running[victim] = begin();
  }
  const results: Record<string, unknown>[] = [];
  for (const { ended, output } of running) {
    if ((await ended) !== 0) throw new Error(`A worker failed; its words are in ${folder}.`);
    results.push(JSON.parse(output.join('')) as Record<string, unknown>);
  }
  return results;
}

let since = performance.now();
await writeImages();
say(`${images} images in ${Math.ceil(images / tarSize)} tar files`, seconds(since));
const tokenizer = createTokenizer(config, { seed: 0 });
await saveTokenizer(at('tokenizer'), tokenizer, config);
tokenizer.dispose();

since = performance.now();
const results = await work(kills);
const took = (performance.now() - since) / 1000;
say(`${workers} workers, ${kills} killed and replaced`, `${took.toFixed(1)} s, ${(images / took).toFixed(1)} images/s`);
for (const { ownShards, ownImages, seconds: own } of results) {
  say(
    '  a worker that lived to the end',
    `${String(ownShards)} shards, ${(Number(ownImages) / Number(own)).toFixed(1)} images/s`,
  );
}

since = performance.now();
const { code, result } = await vitvq('verify', 'verify-tokens', at('tokens'));
const { intact, shards, bytes } = result;
say('vitvq verify-tokens', `${seconds(since)}, exit code ${code}`);
say('  shards that are whole', `${String(intact)} of ${String(shards)}, ${(Number(bytes) / 1e6).toFixed(1)} MB`);
if (code !== 0) throw new Error(JSON.stringify(result));

const before = await fs.readFile(at('tokens', 'SHA256SUMS'), 'utf8');
await fs.truncate(at('tokens', 'codes-000-00000.safetensors'), 1000);
const broken = await vitvq('damaged', 'verify-tokens', at('tokens'), '--repair');
say(
  'a shard was cut short; vitvq verify-tokens',
  `exit code ${broken.code}, ${JSON.stringify(broken.result['damaged'])}`,
);
const again = await work(0);
say('made anew', `${again.map(({ ownShards }) => String(ownShards)).join(' + ')} shards`);
const after = await fs.readFile(at('tokens', 'SHA256SUMS'), 'utf8');
say('all checksums are as before', String(after === before));

since = performance.now();
const codes = await openCodes(at('tokens'));
say('openCodes, which verifies again', seconds(since));
since = performance.now();
const seen = new Set<number>();
for await (const { indices, count } of codes.batches({ batchSize: 256, lastBatch: 'pad', epochs: 1 })) {
  for (const index of indices!.slice(0, count)) seen.add(index);
}
await codes.close();
say('an epoch of batches', `${seconds(since)}, ${seen.size} different images`);
if (after !== before || seen.size !== images) process.exitCode = 1;
if (options.folder === undefined) await fs.rm(folder, { recursive: true, force: true });
