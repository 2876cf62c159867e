import * as tf from '@tensorflow/tfjs-core';
import { CompileError } from './errors.js';
import { refusePromises } from './refuse-promises.js';

/** Tensors in arrays and plain objects, nested at will. */
export type TensorStructure = tf.Tensor | readonly TensorStructure[] | { readonly [name: string]: TensorStructure };

/** A structure with the position of each tensor in the flat list in its place. */
export type StructureTemplate =
  | { readonly tensor: number }
  | { readonly list: readonly StructureTemplate[] }
  | { readonly record: Readonly<Record<string, StructureTemplate>> }
  | { readonly nothing: true };

/**
 * Returns the tensors of a structure in a fixed order, and a template to put others in their place.
 * @throws {CompileError} for a number, a string, a promise, a typed array or anything else that is
 *   no tensor
 */
export function flatten(structure: unknown, where: string): { tensors: tf.Tensor[]; template: StructureTemplate } {
  refusePromises(structure, where);
  const tensors: tf.Tensor[] = [];
  const visit = (node: unknown, path: string): StructureTemplate => {
    if (node instanceof tf.Tensor) return { tensor: tensors.push(node as tf.Tensor) - 1 };
    if (Array.isArray(node)) return { list: node.map((item, index) => visit(item, `${path}[${index}]`)) };
    if (node !== null && typeof node === 'object' && Object.getPrototypeOf(node) === Object.prototype) {
      const record: Record<string, StructureTemplate> = {};
      for (const [key, item] of Object.entries(node)) record[key] = visit(item, `${path}.${key}`);
      return { record };
    }
    if (node === undefined) return { nothing: true };
    throw new CompileError({
      where,
      expected: 'tensors, or arrays and plain objects of tensors',
      got: `${describe(node)} at ${path}`,
      fix: 'Wrap numbers in tf.scalar and host arrays in tf.tensor: a plain number would be frozen into the compiled function.',
    });
  };
  return { template: visit(structure, 'value'), tensors };
}

function describe(node: unknown): string {
  if (node === null) return 'null';
  if (typeof node === 'object') return node.constructor.name;
  return `the ${typeof node} ${typeof node === 'function' ? node.name : JSON.stringify(node)}`;
}

/** Returns the structure of `template` with `tensors` in place. */
export function unflatten(template: StructureTemplate, tensors: readonly tf.Tensor[]): unknown {
  if ('tensor' in template) return tensors[template.tensor];
  if ('list' in template) return template.list.map((item) => unflatten(item, tensors));
  if ('nothing' in template) return undefined;
  return Object.fromEntries(Object.entries(template.record).map(([key, item]) => [key, unflatten(item, tensors)]));
}
