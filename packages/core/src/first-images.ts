import type { HostImages } from './batches.js';
import { elementCount } from './host-arrays.js';

/**
 * Returns the first images of a batch, or all of them where there are fewer than wanted. The result
 * shares the memory of the batch.
 */
export function firstImages({ data, shape: [count, ...imageShape] }: HostImages, wanted: number): HostImages {
  const taken = Math.min(wanted, count);
  return { data: data.subarray(0, taken * elementCount(imageShape)), shape: [taken, ...imageShape] };
}
