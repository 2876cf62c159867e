/** Saves a model folder and loads it. */
import '@tensorflow/tfjs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTokenizer, saveTokenizer } from '@vitvq/tokenizer/node';
import { config, tokenizer } from './tokenizer.mjs';

const folder = join(await mkdtemp(join(tmpdir(), 'vitvq-runtime-')), 'model');
await saveTokenizer(folder, tokenizer, config);
const loaded = await loadTokenizer(folder);
const same = [...tokenizer.namedVariables()].every(([name, variable]) => {
  const values = loaded.namedVariables().get(name).dataSync();
  return variable.dataSync().every((value, index) => value === values[index]);
});
if (!same) throw new Error('other weights came back');
