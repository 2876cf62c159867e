import * as tf from '@tensorflow/tfjs-core';
import type { TensorFile } from '@vitvq/checkpoint';
import { DataError, namedDifferences, ShapeError, type HostTensor } from '@vitvq/core';

/** A variable and the tensors of a file from which it is made. */
export interface ImportedWeight {
  readonly variable: string;
  /** Names and shapes of the tensors in the file. */
  readonly sources: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Returns the value of the variable from the tensors, in the order of `sources`. */
  readonly convert: (tensors: readonly HostTensor[]) => HostTensor;
}

/** How the tensors of a file become the variables of a network. */
export interface WeightImport {
  readonly weights: readonly ImportedWeight[];
  /** Names of tensors that the network does not need. */
  readonly isIgnored: (name: string) => boolean;
  /** What the file should be, such as "Inception of torch-fidelity". */
  readonly noun: string;
  /** What to do about a file that is another. */
  readonly fix: string;
}

/**
 * Compares names and shapes of a file with what a network needs, before the network is built.
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together
 */
export function assertTensors(opened: TensorFile, { weights, isIgnored, noun, fix }: WeightImport): void {
  const entries = new Map(opened.entries.map((entry) => [entry.name, entry]));
  const expected = new Map(weights.flatMap(({ sources }) => sources.map((source) => [source.name, source] as const)));
  const got = new Map([...entries].filter(([name]) => expected.has(name) || !isIgnored(name)));
  const problems = namedDifferences(expected, got);
  if (problems.length > 0) {
    const expectation = `the ${expected.size} tensors of ${noun}`;
    throw new ShapeError({ where: opened.file, expected: expectation, got: shortened(problems.join('; ')), fix });
  }
}

/**
 * Sets variables from a file whose tensors were compared, reading a few of them at a time.
 * @throws {DataError} when a tensor cannot be read or has values that are not finite
 */
export async function importWeights(
  opened: TensorFile,
  variables: ReadonlyMap<string, tf.Variable>,
  { weights }: WeightImport,
): Promise<void> {
  const entries = new Map(opened.entries.map((entry) => [entry.name, entry]));
  for (const { variable, sources, convert } of weights) {
    const tensors: HostTensor[] = [];
    for (const { name } of sources) tensors.push(await opened.read(entries.get(name)!));
    const { shape, data } = convert(tensors);
    if (!isFinite(data)) {
      const names = sources.map(({ name }) => name).join(', ');
      throw new DataError({ where: opened.file, expected: `finite values of ${names}`, got: 'NaN or infinity' });
    }
    const value = tf.tensor(data, [...shape], 'float32');
    variables.get(variable)!.assign(value);
    value.dispose();
  }
}

/** Returns whether all values are numbers. */
function isFinite(data: HostTensor['data']): boolean {
  for (let at = 0; at < data.length; at++) if (!Number.isFinite(data[at])) return false;
  return true;
}

/** Characters of names that an error shows: another network differs in hundreds. */
const mostShown = 2000;

function shortened(text: string): string {
  return text.length > mostShown ? `${text.slice(0, mostShown)}...` : text;
}
