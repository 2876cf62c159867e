import { openModel } from '@vitvq/checkpoint';
import { weightsHash } from '@vitvq/evaluation';
import type { VQTokenizer } from '@vitvq/tokenizer';

/**
 * Returns the SHA-256 of a tokenizer: of its config and its weights.
 * @param folder  model folder that it was loaded from
 */
export async function tokenizerIdentity(tokenizer: VQTokenizer, folder: string): Promise<string> {
  const model = await openModel(folder);
  await model.close();
  return weightsHash(tokenizer, JSON.stringify([model.type, model.config]));
}
