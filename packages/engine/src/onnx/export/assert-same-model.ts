import { CompileError } from '../../errors.js';
import type { OnnxNode, OnnxTensor } from '../proto.js';
import type { SymbolicModel } from './symbolic-model.js';

/**
 * Throws where two models of one function, traced with two batch sizes, differ.
 * @throws {CompileError} naming the first operator, constant or shape that depends on the batch
 */
export function assertSameModel(
  a: SymbolicModel,
  b: SymbolicModel,
  { where, batchSizes }: { readonly where: string; readonly batchSizes: readonly number[] },
): void {
  const difference = firstDifference(a, b);
  if (difference === undefined) return;
  throw new CompileError({
    where,
    expected: 'a function that does the same for every batch size',
    got: `one that depends on it in ${difference}`,
    fix: `No constant, index or mean may be over the batch. (It was tried with ${batchSizes.join(' and ')} examples: a size of the model that is a multiple of one of them is taken for the batch too.)`,
  });
}

function firstDifference(a: SymbolicModel, b: SymbolicModel): string | undefined {
  const at = Array.from({ length: Math.max(a.nodes.length, b.nodes.length) }).findIndex(
    (_, index) => !a.nodes[index] || !b.nodes[index] || nodeText(a.nodes[index]) !== nodeText(b.nodes[index]),
  );
  if (at >= 0) return `the operator ${a.nodes[at] ? nodeText(a.nodes[at]) : 'after the last'}`;
  const others = new Map(b.initializers.map((tensor) => [tensor.name, tensor]));
  const constant = a.initializers.find((tensor) => !isSameTensor(tensor, others.get(tensor.name)));
  if (constant) return `the constant ${constant.name} [${constant.shape.join()}]`;
  const ports = (model: SymbolicModel): string => JSON.stringify([model.inputs, model.outputs]);
  return ports(a) === ports(b) ? undefined : 'the shape of a result';
}

function nodeText({ opType, inputs, outputs, attributes }: OnnxNode): string {
  return `${outputs.join()} = ${opType}(${inputs.join()}) ${JSON.stringify(attributes)}`;
}

function isSameTensor(a: OnnxTensor, b: OnnxTensor | undefined): boolean {
  if (!b || a.type !== b.type || a.shape.join() !== b.shape.join() || a.data.length !== b.data.length) return false;
  for (let index = 0; index < a.data.length; index++) if (!Object.is(a.data[index], b.data[index])) return false;
  return true;
}
