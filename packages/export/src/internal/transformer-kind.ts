import { isAnyOrder, isMasked, type AnyTokenModel } from '@vitvq/transformers';
import type { ExportedTransformer } from '../manifest.js';

/** Returns what the manifest calls a model of this kind. */
export function transformerKind(model: AnyTokenModel): ExportedTransformer['kind'] {
  if (isMasked(model)) return 'masked';
  return isAnyOrder(model) ? 'any-order' : 'raster';
}
