import * as tf from '@tensorflow/tfjs-core';
import {
  assertMembers,
  checkOptions,
  namedDifferences,
  shapeDifference,
  ShapeError,
  type OptionTable,
} from '@vitvq/core';
import { isReadableDtype } from './dtypes.js';
import type { TensorEntry, TensorFile } from './tensor-source.js';

/** Options of {@link restoreVariables}. */
export interface RestoreVariablesOptions {
  /**
   * Whether to pass over tensors that have no variable, instead of refusing them.
   * @default false
   */
  readonly ignoreOthers?: boolean;
}

/** Names of the options of {@link restoreVariables}. */
export const restoreVariablesOptionNames: OptionTable<RestoreVariablesOptions> = {
  ignoreOthers: 'optional',
};

const integers = new Set(['int32', 'bool']);

/**
 * Sets variables from the tensors of the same names in an open file (`openCheckpoint`,
 * `openSafetensors`, `openShardedSafetensors`, `openModel`, `openModelFiles`,
 * `openPyTorchCheckpoint`). Tensors are read one at a time, so that no more memory is taken than
 * the largest of them needs. All names, shapes and types are checked before anything changes.
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped tensors together
 * @throws {DataError} when the file can no longer be read; variables before that tensor have their
 *   new values
 */
export async function restoreVariables<Entry extends TensorEntry>(
  opened: TensorFile<Entry>,
  variables: ReadonlyMap<string, tf.Variable>,
  options: RestoreVariablesOptions = {},
): Promise<void> {
  const where = 'restoreVariables';
  const { ignoreOthers = false } = checkOptions(options, restoreVariablesOptionNames, where);
  assertMembers(opened, ['entries', 'read'], 'the open file', where);
  const entries = new Map(opened.entries.map((entry) => [entry.name, entry]));
  const problems = namedDifferences(
    variables,
    ignoreOthers ? new Map([...entries].filter(([name]) => variables.has(name))) : entries,
    (entry, variable) => {
      if (!isReadableDtype(entry.dtype)) return `${entry.dtype}, which is not read as float32 or int32`;
      const isFraction = integers.has(variable.dtype) && entry.dtype.includes('F');
      return (
        shapeDifference(entry, variable) ?? (isFraction ? `${entry.dtype} instead of ${variable.dtype}` : undefined)
      );
    },
    'different',
  );
  if (problems.length) {
    throw new ShapeError({
      where: opened.file,
      expected: `the ${variables.size} variables to restore`,
      got: problems.join('; '),
      fix: opened.prefix
        ? `All names in the file begin with "${opened.prefix}", which was left out; open it with prefix: '' to keep that.`
        : undefined,
    });
  }
  // A separate function, because a variable of the loop would keep the tensor alive while the next
  // one is read.
  const restore = async (entry: Entry, variable: tf.Variable): Promise<void> => {
    // Nobody else holds the array, so TensorFlow.js may keep it as the storage of the variable.
    const { data } = await opened.read(entry);
    const value = tf.tensor(data, [...entry.shape], variable.dtype);
    variable.assign(value);
    value.dispose();
  };
  for (const [name, entry] of entries) {
    const variable = variables.get(name);
    if (variable) await restore(entry, variable);
  }
}
