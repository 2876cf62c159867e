import { join } from 'node:path';
import { openModel, writeModel, type TensorSource } from '@vitvq/checkpoint';
import { elementCount, type HostTensor } from '@vitvq/core';
import { writeWhole } from '@vitvq/files';
import { stringify } from 'yaml';
import { openRun } from './open-run.js';
import { readMetrics } from './run-files.js';

/** Options of {@link writeHubFolders}. */
export interface WriteHubFoldersOptions {
  /** Run whose models are written, see `openRun`. */
  readonly run: string;
  /** Folder for one folder of each model. */
  readonly out: string;
  /** Name on the hub, as `owner/name`; the tokenizer's ends in `-tokenizer`. @default none */
  readonly name?: string;
  /** Licence of the weights, as SPDX or the hub names it. @default none is named */
  readonly license?: string;
}

/** A folder that {@link writeHubFolders} wrote. */
export interface HubFolder {
  readonly folder: string;
  /** Name on the hub, where one was given. */
  readonly name: string | undefined;
}

/** A figure of a model card. */
interface Figure {
  readonly type: string;
  readonly name: string;
  readonly value: number;
}

/** Figures of `metrics.json` that a card holds, by the model that they are about. */
const figureNames = {
  tokenizer: {
    psnr: 'PSNR (dB)',
    codebookUsage: 'Codebook usage in 256 images',
    codebookPerplexity: 'Perplexity of the codes',
  },
  transformer: {
    validationNatsPerToken: 'Negative log-likelihood (nats per token)',
    unigramNatsPerToken: 'Unigram entropy (nats per token)',
    probeTop1: 'Linear probe, top-1',
  },
} as const;

/**
 * Writes the models of a run as folders that can be pushed to a model hub as they are: `tokenizer`
 * and `transformer`, each with `config.json`, `model.safetensors` and a model card (`README.md`)
 * that holds its figures as the hub's model-index.
 */
export async function writeHubFolders(options: WriteHubFoldersOptions): Promise<HubFolder[]> {
  const { run, out, name, license } = options;
  const { path, folders, config } = await openRun(run);
  const metrics = await readMetrics(path);
  const written: HubFolder[] = [];
  const tokenizerName = name === undefined ? undefined : `${name}-tokenizer`;
  for (const role of ['tokenizer', 'transformer'] as const) {
    const source = folders[role];
    if (source === undefined) continue;
    const folder = join(out, role);
    const hubName = role === 'tokenizer' ? tokenizerName : name;
    const model = await openModel(source);
    try {
      const metadata = {
        ...model.metadata,
        ...(role === 'transformer' && tokenizerName !== undefined && { tokenizer: tokenizerName }),
      };
      const entries = new Map(model.entries.map((entry) => [entry.name, entry]));
      const tensors: TensorSource = {
        tensors: model.entries.map(({ name: tensor, shape, dtype }) => ({
          name: tensor,
          shape,
          dtype: dtype.startsWith('I') ? 'int32' : 'float32',
        })),
        read: (tensor): Promise<HostTensor> => model.read(entries.get(tensor)!),
      };
      await writeModel(folder, { type: model.type, config: model.config, metadata }, tensors);
      const parameters = model.entries.reduce((sum, { shape }) => sum + elementCount(shape), 0);
      const figures = Object.entries(figureNames[role]).flatMap(([type, label]): Figure[] => {
        const value = metrics[type];
        return typeof value === 'number' ? [{ type, name: label, value }] : [];
      });
      const title = hubName ?? config?.title ?? role;
      await writeWhole(
        join(folder, 'README.md'),
        modelCard({ role, title, hubName, license, metadata, parameters, figures }),
      );
      written.push({ folder, name: hubName });
    } finally {
      await model.close();
    }
  }
  return written;
}

interface CardFacts {
  readonly role: 'tokenizer' | 'transformer';
  readonly title: string;
  readonly hubName: string | undefined;
  readonly license: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly parameters: number;
  readonly figures: readonly Figure[];
}

function modelCard({ role, title, hubName, license, metadata, parameters, figures }: CardFacts): string {
  const dataset = metadata['trainedOn'] ?? 'unknown';
  const task = role === 'tokenizer' ? 'image-feature-extraction' : 'unconditional-image-generation';
  const header = {
    ...(license !== undefined && { license }),
    library_name: 'vitvq',
    pipeline_tag: task,
    tags: ['vitvq', 'image-tokens', role],
    'model-index': [
      {
        name: title,
        results: [
          {
            task: { type: task },
            dataset: { name: dataset, type: 'custom' },
            metrics: figures.map(({ type, name, value }) => ({ type, name, value })),
          },
        ],
      },
    ],
  };
  const source = hubName ?? 'path/to/this/folder';
  const program =
    role === 'tokenizer'
      ? `import { loadTokenizer } from '@vitvq/tokenizer/node';\n\nconst tokenizer = await loadTokenizer('${source}');`
      : `import { loadGenerator } from '@vitvq/run';\n\nconst { generator } = await loadGenerator('${source}');`;
  const what = role === 'tokenizer' ? 'Turns images into discrete codes and back' : 'Draws images code by code';
  return [
    '---',
    stringify(header).trimEnd(),
    '---',
    '',
    `# ${title}`,
    '',
    `${what}; ${parameters.toLocaleString('en-US')} weights, trained with [vitvq](https://github.com/vitvq/vitvq) on ${dataset}.`,
    '',
    '```ts',
    program,
    '```',
    '',
    ...(figures.length === 0
      ? ['Nothing was measured of it.']
      : [
          '| Figure | Value |',
          '| --- | --- |',
          ...figures.map(({ name, value }) => `| ${name} | ${value.toPrecision(5)} |`),
        ]),
    '',
    'Figures are those that the run measured on its held-out images.',
    '',
  ].join('\n');
}
