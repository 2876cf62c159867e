import type { Module } from '@vitvq/core';
import type { Transformer } from '../transformer.js';

/** Registers the parts of a transformer without a prefix of their own in the names; returns it. */
export function registerTransformer(
  transformer: Transformer,
  register: (name: string, part: Module) => void,
): Transformer {
  transformer.blocks.forEach((block, index) => register(`blocks.${index}`, block));
  register('norm', transformer.norm);
  return transformer;
}
