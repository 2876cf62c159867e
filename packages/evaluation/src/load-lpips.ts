import { join } from 'node:path';
import { openWeights } from '@vitvq/checkpoint';
import {
  checkOptions,
  DataError,
  elementCount,
  formatShape,
  type HostTensor,
  type OptionTable,
  type ReferenceWeight,
} from '@vitvq/core';
import { downloadOnce } from '@vitvq/files';
import { LPIPS, LPIPS_SCALING, lpipsReferenceWeights, type LPIPSOptions } from '@vitvq/losses';

/** File on the web, which is downloaded once. */
export interface LPIPSDownload {
  /** `https:` (or `http:`, as the checksum guards the content) URL of a safetensors file. */
  readonly url: string;
  /** SHA-256 of the file, 64 hexadecimal digits; a file with another checksum is refused. */
  readonly sha256: string;
  /**
   * Folder that keeps the file, created when it is missing; for example `defaultCacheDirectory()`
   * of
   * @vitvq/files.
   */
  readonly cacheDirectory: string;
}

/** Path of a file of safetensors or PyTorch, or where to download a safetensors file. */
export type LPIPSWeightSource = string | LPIPSDownload;

const lpipsOptionNames: OptionTable<LPIPSOptions> = { channels: 'optional' };

const lpipsDownloadNames: OptionTable<LPIPSDownload> = {
  url: 'required',
  sha256: 'required',
  cacheDirectory: 'required',
};

/** Names that torchvision and timm give the classifier of VGG16, which LPIPS does not have. */
const classifier = /^(classifier|pre_logits|head)\./;

/** Names of a second listing of the linear layers, which later versions of lpips have. */
const secondListing = /^lins\.(\d)\.(.+)$/;

const wanted =
  'Give the state dict of the Python package lpips, LPIPS(net="vgg"), as a safetensors file, or two files: the state dict ' +
  "of torchvision's vgg16 (features.0.weight, ...) and the linear layers of lpips (lin0.model.1.weight, ...).";

/**
 * Loads LPIPS with weights from one or more files of safetensors or PyTorch, which together hold
 * every weight once. Accepted are the names of the Python package lpips, `LPIPS(net='vgg')`
 * (`net.slice1.0.weight`, `lin0.model.1.weight`, `scaling_layer.shift`), and those of torchvision
 * for VGG16 (`features.0.weight`; its classifier is ignored). The scaling is a constant where no
 * file has it.
 *
 * vitvq ships no weights. They are made once with `pip install lpips==0.1.4 safetensors`:
 *
 *     import lpips
 *     from safetensors.torch import save_file
 *     state = lpips.LPIPS(net='vgg').state_dict()
 *     weights = {name: value.contiguous() for name, value in state.items()
 *                if not name.startswith('lins.')}
 *     save_file(weights, 'lpips-vgg.safetensors')
 *
 * Licences: the linear layers are part of lpips, BSD-2-Clause; the package takes VGG16 from
 * torchvision (`IMAGENET1K_V1`, trained by its authors on ImageNet; BSD-3-Clause). They are not the
 * weights of the paper's authors, which are CC BY 4.0.
 * @throws {DataError} naming the file and the problem: a file that cannot be read, is cut off or
 *   has another checksum, or other weights than these, with all that are missing, unexpected,
 *   repeated and of another shape
 * @throws {ConfigError} for a URL or checksum that cannot be one
 */
export async function loadLPIPS(
  sources: LPIPSWeightSource | readonly LPIPSWeightSource[],
  options: LPIPSOptions = {},
): Promise<LPIPS> {
  checkOptions(options, lpipsOptionNames, 'loadLPIPS');
  const files: string[] = [];
  for (const source of listOf(sources)) files.push(typeof source === 'string' ? source : await fetchWeights(source));
  const lpips = new LPIPS(options);
  try {
    lpips.loadVariables(await readWeights(files, lpips));
    return lpips;
  } catch (error) {
    lpips.dispose();
    throw error;
  }
}

/** @throws {ConfigError} for what is neither a path nor a download */
function listOf(sources: LPIPSWeightSource | readonly LPIPSWeightSource[]): LPIPSWeightSource[] {
  const list = [sources].flat();
  for (const source of list) {
    if (typeof source !== 'string') checkOptions(source, lpipsDownloadNames, 'loadLPIPS, sources');
  }
  return list;
}

/** Returns the path of a download in the cache. */
function fetchWeights({ url, sha256, cacheDirectory }: LPIPSDownload): Promise<string> {
  return downloadOnce({ url, sha256, folder: join(cacheDirectory, 'lpips'), extension: '.safetensors' }, 'loadLPIPS');
}

/** Weights that were read from files, and the names of tensors that are none. */
class WeightReader {
  readonly values = new Map<string, HostTensor>();
  readonly table = new Map(lpipsReferenceWeights().map((weight) => [weight.referenceName, weight]));
  readonly #shapes: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  readonly #seen = new Set<string>();
  readonly #unexpected: string[] = [];
  readonly #misshaped: string[] = [];
  readonly #repeated: string[] = [];

  constructor(lpips: LPIPS) {
    this.#shapes = lpips.namedVariables();
  }

  /** Reads the weights of one file. */
  async read(path: string): Promise<void> {
    const file = await openWeights(path);
    try {
      const inFile = new Set(file.entries.map(({ name }) => name));
      for (const entry of file.entries) {
        const name = entry.name.replace(secondListing, 'lin$1.$2');
        if (classifier.test(name) || (name !== entry.name && inFile.has(name))) continue;
        const weight = this.table.get(lpipsName(name));
        if (!weight) this.#unexpected.push(entry.name);
        else if (this.#seen.has(weight.name)) this.#repeated.push(entry.name);
        else if (this.#accepts(weight, entry)) {
          this.values.set(weight.name, weight.fromReference(await file.read(entry)));
        }
      }
    } finally {
      await file.close();
    }
  }

  /** Fills in the constants of the scaling where no file has them. */
  addScaling(): void {
    for (const part of ['shift', 'scale'] as const) {
      const name = `scaling.${part}`;
      if (this.#seen.has(name)) continue;
      this.#seen.add(name);
      this.values.set(name, { shape: [3], data: Float32Array.from(LPIPS_SCALING[part]) });
    }
  }

  /** Returns all problems of the files together. */
  problems(): string[] {
    const missing = [...this.table.values()]
      .filter(({ name }) => !this.#seen.has(name))
      .map(({ referenceName }) => referenceName);
    const lists = {
      missing,
      unexpected: this.#unexpected,
      'wrong shape': this.#misshaped,
      'more than once': this.#repeated,
    };
    return Object.entries(lists).flatMap(([problem, names]) =>
      names.length > 0 ? [`${problem}: ${names.join(', ')}`] : [],
    );
  }

  #accepts(weight: ReferenceWeight, entry: { readonly name: string; readonly shape: readonly number[] }): boolean {
    this.#seen.add(weight.name);
    const { shape } = this.#shapes.get(weight.name)!;
    const expected = weight.toReference({ shape, data: new Float32Array(elementCount(shape)) }).shape;
    if (formatShape(entry.shape) === formatShape(expected)) return true;
    this.#misshaped.push(`${entry.name} ${formatShape(entry.shape)} instead of ${formatShape(expected)}`);
    return false;
  }
}

/** Returns the variables of `lpips` by their names here, from files with PyTorch's names. */
async function readWeights(files: readonly string[], lpips: LPIPS): Promise<Map<string, HostTensor>> {
  const reader = new WeightReader(lpips);
  for (const path of files) await reader.read(path);
  reader.addScaling();
  const problems = reader.problems();
  if (problems.length > 0) {
    throw new DataError({
      where: files.join(' and '),
      expected: `the ${reader.table.size} weights of LPIPS on VGG16`,
      got: problems.join('; '),
      fix: wanted,
    });
  }
  return reader.values;
}

/**
 * Returns the name that lpips gives a weight of torchvision: `net.slice2.5.weight` for
 * `features.5.weight`. Other names stay.
 */
function lpipsName(name: string): string {
  const layer = /^features\.(\d+)\.(.+)$/.exec(name);
  if (!layer) return name;
  const slice = 1 + [4, 9, 16, 23].filter((pooling) => Number(layer[1]) > pooling).length;
  return `net.slice${slice}.${layer[1]}.${layer[2]}`;
}
