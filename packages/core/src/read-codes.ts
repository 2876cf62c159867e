import type { CodebookTable } from './contracts.js';
import type { HostTensor } from './module.js';

/** Reads the codes `[K, E]` of a table, as the quantizer compares them. */
export async function readCodes(table: CodebookTable): Promise<HostTensor> {
  const rows = table.rows();
  try {
    return { shape: rows.shape, data: Float32Array.from(await rows.data()) };
  } finally {
    rows.dispose();
  }
}
