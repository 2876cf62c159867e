import { join } from 'node:path';
import { openSafetensors } from '@vitvq/checkpoint';
import { DataError, formatShape, type HostTensor } from '@vitvq/core';
import { downloadOnce } from '@vitvq/files';
import { LPIPS, LPIPS_SCALING, lpipsReferenceWeights, type LPIPSOptions } from '@vitvq/losses';

/** A file on the web, downloaded once. */
export interface LPIPSDownload {
  /** `https:` (or `http:`, as the checksum guards the content) of a safetensors file. */
  readonly url: string;
  /** SHA-256 of the file, 64 hexadecimal digits; anything else is refused. */
  readonly sha256: string;
  /** Folder that keeps the file; created when it is missing. `defaultCacheDirectory()` of @vitvq/files is a good one. */
  readonly cacheDirectory: string;
}

/** Path of a safetensors file, or where to download one. */
export type LPIPSWeightSource = string | LPIPSDownload;

/** Of VGG16, not needed here: names that torchvision and timm give its classifier. */
const classifier = /^(classifier|pre_logits|head)\./;

/** Later versions of the lpips package list their linear layers a second time. */
const secondListing = /^lins\.(\d)\.(.+)$/;

const wanted =
  'Give the state dict of the Python package lpips, LPIPS(net="vgg"), as a safetensors file, or two files: the state dict ' +
  "of torchvision's vgg16 (features.0.weight, ...) and the linear layers of lpips (lin0.model.1.weight, ...).";

/**
 * LPIPS with weights from one or more safetensors files, which together hold every weight once. Accepted are the names of the
 * Python package lpips, `LPIPS(net='vgg')` (`net.slice1.0.weight`, `lin0.model.1.weight`, `scaling_layer.shift`), and torchvision's
 * for VGG16 (`features.0.weight`; its classifier is passed over). The scaling is a constant where no file has it.
 *
 * vitvq ships no weights. Made once with `pip install lpips==0.1.4 safetensors`:
 *
 *     import lpips
 *     from safetensors.torch import save_file
 *     state = lpips.LPIPS(net='vgg').state_dict()
 *     save_file({name: value.contiguous() for name, value in state.items() if not name.startswith('lins.')},
 *               'lpips-vgg.safetensors')
 *
 * Licences: the linear layers are part of lpips, BSD-2-Clause; the package takes VGG16 from torchvision (`IMAGENET1K_V1`, trained
 * by its authors on ImageNet; BSD-3-Clause). They are not the weights of the paper's authors, which are CC BY 4.0.
 * @throws {DataError} naming the file and what is wrong: not readable, cut off, another checksum, or other weights than these,
 *   with all that are missing, unexpected and of another shape
 * @throws {ConfigError} for a URL or checksum that cannot be one
 */
export async function loadLPIPS(
  sources: LPIPSWeightSource | readonly LPIPSWeightSource[],
  options: LPIPSOptions = {},
): Promise<LPIPS> {
  const list = typeof sources === 'string' || 'url' in sources ? [sources] : sources;
  const files: string[] = [];
  for (const source of list) files.push(typeof source === 'string' ? source : await fetchWeights(source));
  const lpips = new LPIPS(options);
  try {
    lpips.loadVariables(await readWeights(files, lpips));
    return lpips;
  } catch (error) {
    lpips.dispose();
    throw error;
  }
}

/** Returns the path of a download in the cache. */
function fetchWeights({ url, sha256, cacheDirectory }: LPIPSDownload): Promise<string> {
  return downloadOnce({ url, sha256, folder: join(cacheDirectory, 'lpips'), extension: '.safetensors' }, 'loadLPIPS');
}

/** The variables of `lpips` by our names, from files with PyTorch's. */
async function readWeights(files: readonly string[], lpips: LPIPS): Promise<Map<string, HostTensor>> {
  const table = new Map(lpipsReferenceWeights().map((weight) => [weight.referenceName, weight]));
  const variables = lpips.namedVariables();
  const values = new Map<string, HostTensor>();
  const seen = new Set<string>();
  const unexpected: string[] = [];
  const misshaped: string[] = [];
  const repeated: string[] = [];
  for (const path of files) {
    const file = await openSafetensors(path);
    try {
      const inFile = new Set(file.entries.map(({ name }) => name));
      for (const entry of file.entries) {
        const name = entry.name.replace(secondListing, 'lin$1.$2');
        if (classifier.test(name) || (name !== entry.name && inFile.has(name))) continue;
        const weight = table.get(lpipsName(name));
        if (!weight) {
          unexpected.push(entry.name);
        } else if (seen.has(weight.name)) {
          repeated.push(entry.name);
        } else {
          seen.add(weight.name);
          const { shape } = variables.get(weight.name)!;
          const size = shape.reduce((product, side) => product * side, 1);
          const expected = weight.toReference({ shape, data: new Float32Array(size) }).shape;
          if (formatShape(entry.shape) === formatShape(expected)) {
            values.set(weight.name, weight.fromReference(await file.read(entry)));
          } else {
            misshaped.push(`${entry.name} ${formatShape(entry.shape)} instead of ${formatShape(expected)}`);
          }
        }
      }
    } finally {
      await file.close();
    }
  }
  for (const part of ['shift', 'scale'] as const) {
    const name = `scaling.${part}`;
    if (!seen.has(name)) values.set(name, { shape: [3], data: Float32Array.from(LPIPS_SCALING[part]) });
  }
  const missing = [...table.values()]
    .filter(({ name }) => !seen.has(name) && !values.has(name))
    .map(({ referenceName }) => referenceName);
  const problems = Object.entries({ missing, unexpected, 'wrong shape': misshaped, 'more than once': repeated });
  const got = problems.flatMap(([problem, names]) => (names.length > 0 ? [`${problem}: ${names.join(', ')}`] : []));
  if (got.length > 0) {
    throw new DataError({
      where: files.join(' and '),
      expected: `the ${table.size} weights of LPIPS on VGG16`,
      got: got.join('; '),
      fix: wanted,
    });
  }
  return values;
}

/** torchvision's `features.5.weight` is lpips's `net.slice2.5.weight`; other names stay. */
function lpipsName(name: string): string {
  const layer = /^features\.(\d+)\.(.+)$/.exec(name);
  if (!layer) return name;
  const slice = 1 + [4, 9, 16, 23].filter((pooling) => Number(layer[1]) > pooling).length;
  return `net.slice${slice}.${layer[1]}.${layer[2]}`;
}
