import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@vitvq/core';
import {
  describeCheck,
  exportTokenizer,
  exportTransformer,
  type ExportedTokenizer,
  type ExportOptions,
} from '@vitvq/export';
import { build, defaultClientConditions } from 'vite';
import type { PageContent } from '../page/page-content.js';
import type { Models } from './models.js';
import type { Picture } from './pictures.js';

const source = fileURLToPath(new URL('../page/', import.meta.url));

/** Masked transformer of the brush, where it is not the run's own. */
const BRUSH_FOLDER = 'brush';

/** Everything that the page loads, for the offline cache. */
const FILE_LIST = 'files.json';

/** The page itself, which is the same for all models. Files of an earlier one are overwritten. */
export async function buildPage(out: string): Promise<void> {
  await build({
    configFile: false,
    root: source,
    // Paths are relative: the page may lie in any folder of a server.
    base: './',
    logLevel: 'warn',
    // The page is bundled from sources, so that no package has to be built before.
    resolve: { conditions: ['@vitvq/source', ...defaultClientConditions] },
    build: {
      outDir: resolve(out),
      emptyOutDir: false,
      chunkSizeWarningLimit: 2000,
      // The same names each time, so that nothing of an earlier page is left over.
      rolldownOptions: {
        output: {
          entryFileNames: 'assets/[name].js',
          chunkFileNames: 'assets/[name].js',
          assetFileNames: 'assets/[name][extname]',
        },
        // Of @vitvq/core the page wants random numbers; nothing needs TensorFlow.js.
        treeshake: { moduleSideEffects: (id) => !id.includes('@tensorflow') },
      },
    },
  });
}

/**
 * The models as ONNX files, each compared with its original unless `verify` is false.
 * @throws {ConfigError} when the page cannot show such images
 * @throws {ExportError} when a file does not give what its model gives
 */
export async function exportModels(
  out: string,
  { tokenizer, transformer, brush }: Pick<Models, 'tokenizer' | 'transformer' | 'brush'>,
  options: Pick<ExportOptions, 'weights' | 'verify'>,
): Promise<ExportedTokenizer> {
  const [folder, brushFolder] = [join(out, 'models'), join(out, BRUSH_FOLDER)];
  // An earlier run may have had a transformer, or a brush.
  for (const earlier of [folder, brushFolder]) {
    if (existsSync(join(earlier, 'vitvq.json'))) await rm(earlier, { recursive: true });
  }
  const { manifest, report } = await exportTokenizer(tokenizer, folder, options);
  for (const check of report?.checks ?? []) console.log(describeCheck(check));
  const exported = manifest.tokenizer!;
  const { channels } = exported.image;
  if (channels !== 3) {
    throw new ConfigError({ where: 'browser', expected: 'images of 3 channels', got: `a tokenizer of ${channels}` });
  }
  for (const [each, into, name] of [
    [transformer, folder, ''],
    [brush, brushFolder, 'brush: '],
  ] as const) {
    if (!each) continue;
    const { report: another } = await exportTransformer(each.model, each.conditioner, into, options);
    for (const check of another?.checks ?? []) console.log(`${name}${describeCheck(check)}`);
  }
  return exported;
}

/** What the page says and shows beside the models; then the list of all its files. */
export async function writeContent(
  out: string,
  {
    pictures,
    hasBrush,
    ...facts
  }: Omit<PageContent, 'pictures' | 'brush'> & { readonly pictures: readonly Picture[]; readonly hasBrush: boolean },
): Promise<void> {
  const folder = join(out, 'pictures');
  // Of an earlier run.
  for (const file of existsSync(folder) ? await readdir(folder) : []) {
    if (/^\d+\.png$/.test(file)) await rm(join(folder, file));
  }
  await mkdir(folder, { recursive: true });
  const named = pictures.map(({ name }, index) => ({ file: `pictures/${index}.png`, name }));
  for (const [index, { png }] of pictures.entries()) await writeFile(join(out, named[index]!.file), png);
  const content: PageContent = { ...facts, ...(hasBrush && { brush: BRUSH_FOLDER }), pictures: named };
  await writeFile(join(out, 'page.json'), JSON.stringify(content));
  await writeFileList(out);
}

/** Names everything that the page loads. */
async function writeFileList(out: string): Promise<void> {
  const files = ['./', 'index.html', 'page.json'];
  for (const folder of ['assets', 'models', BRUSH_FOLDER, 'pictures']) {
    if (!existsSync(join(out, folder))) continue;
    const names = await readdir(join(out, folder));
    files.push(...names.sort().map((name) => `${folder}/${name}`));
  }
  await writeFile(join(out, FILE_LIST), JSON.stringify(files));
}
