import type { Tensor } from '@tensorflow/tfjs-core';
import type { OnnxInput } from '@vitvq/engine/onnx-export';
import {
  isAnyOrder,
  isMasked,
  type AnyConditioner,
  type AnyOrderModel,
  type AnyTokenModel,
  type AutoregressiveModel,
  type MaskedModel,
} from '@vitvq/transformers';
import type {
  ExportedAnyOrderTransformer,
  ExportedCache,
  ExportedCondition,
  ExportedGraph,
  ExportedMaskedTransformer,
  ExportedRasterTransformer,
} from '../manifest.js';
import { orderedPrefillFunction, orderedStepFunction } from './any-order-functions.js';
import { maskedLogitsFunction } from './masked-functions.js';
import { decodeStepFunction, predictFunction, prefillFunction } from './raster-functions.js';

/** Translates a function of named tensors to ONNX and writes it as a file of that name. */
export type WriteGraph = (
  name: string,
  fn: (inputs: Record<string, Tensor>) => Record<string, Tensor>,
  inputs: Record<string, OnnxInput>,
) => Promise<ExportedGraph>;

/** What the manifest says of the files of a transformer. */
type WrittenFiles =
  | Pick<ExportedRasterTransformer, 'kind' | 'prefill' | 'decodeStep' | 'predict' | 'cache'>
  | Pick<ExportedMaskedTransformer, 'kind' | 'maskedLogits'>
  | Pick<ExportedAnyOrderTransformer, 'kind' | 'tokensPerStep' | 'prefill' | 'decodeStep' | 'cache'>;

/** Writes the files of a transformer and returns their entries in the manifest. */
export function writeTransformer(
  model: AnyTokenModel,
  conditioner: AnyConditioner,
  {
    condition,
    tokensPerStep = 1,
  }: { readonly condition: ExportedCondition; readonly tokensPerStep: number | undefined },
  write: WriteGraph,
): Promise<WrittenFiles> {
  const conditions: OnnxInput =
    condition.input === 'tokens'
      ? { shape: ['batch', condition.length], dtype: 'int32' }
      : { shape: ['batch', ...condition.shape], dtype: 'float32' };
  if (isMasked(model)) return writeMasked(model, conditioner, conditions, write);
  if (isAnyOrder(model)) return writeAnyOrder(model, conditioner, { conditions, tokensPerStep }, write);
  return writeRaster(model, conditioner, conditions, write);
}

async function writeRaster(
  model: AutoregressiveModel,
  conditioner: AnyConditioner,
  conditions: OnnxInput,
  write: WriteGraph,
): Promise<WrittenFiles> {
  const { codeDepth, dim } = model;
  const prefill = await write('prefill', prefillFunction(model, conditioner), { conditions });
  const { cache, past } = cacheOf(prefill);
  const decodeStep = await write('decode-step', decodeStepFunction(model), {
    tokens: { shape: ['batch', codeDepth], dtype: 'int32' },
    count: { shape: [], dtype: 'int32' },
    ...past,
  });
  if (codeDepth === 1) return { kind: 'raster', prefill, decodeStep, cache };
  const predict = await write('predict', predictFunction(model), {
    hidden: { shape: ['batch', dim], dtype: 'float32' },
    tokens: { shape: ['batch', codeDepth - 1], dtype: 'int32' },
  });
  return { kind: 'raster', prefill, decodeStep, predict, cache };
}

async function writeMasked(
  model: MaskedModel,
  conditioner: AnyConditioner,
  conditions: OnnxInput,
  write: WriteGraph,
): Promise<WrittenFiles> {
  const tokens: OnnxInput = { shape: ['batch', model.grid[0] * model.grid[1]], dtype: 'int32' };
  const maskedLogits = await write('masked-logits', maskedLogitsFunction(model, conditioner), {
    conditions,
    tokens,
    known: tokens,
  });
  return { kind: 'masked', maskedLogits };
}

async function writeAnyOrder(
  model: AnyOrderModel,
  conditioner: AnyConditioner,
  { conditions, tokensPerStep }: { readonly conditions: OnnxInput; readonly tokensPerStep: number },
  write: WriteGraph,
): Promise<WrittenFiles> {
  const group: OnnxInput = { shape: ['batch', tokensPerStep], dtype: 'int32' };
  const prefill = await write('prefill', orderedPrefillFunction(model, conditioner, tokensPerStep), {
    conditions,
    next: group,
  });
  const { cache, past } = cacheOf(prefill);
  const decodeStep = await write('decode-step', orderedStepFunction(model), {
    tokens: group,
    positions: group,
    count: { shape: [], dtype: 'int32' },
    next: group,
    ...past,
  });
  return { kind: 'any-order', tokensPerStep, prefill, decodeStep, cache };
}

/** Returns the KV cache among the outputs of a prefill, and what of it goes into the next step. */
function cacheOf({ outputs }: ExportedGraph): { cache: ExportedCache; past: Record<string, OnnxInput> } {
  const present = outputs.filter(({ name }) => name.startsWith('present.'));
  const pastOf = (name: string): string => name.replace('present', 'past');
  return {
    cache: present.map(({ name }) => ({ past: pastOf(name), present: name })),
    past: Object.fromEntries(
      present.map(({ name, shape, dtype }) => [pastOf(name), { shape: shape as OnnxInput['shape'], dtype }]),
    ),
  };
}
