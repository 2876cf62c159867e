/**
 * What it takes to load a tokenizer in a page; the check of bundles measures it without
 * TensorFlow.js.
 */
import { createTokenizer, VIT_VQGAN_SMALL } from '@vitvq/tokenizer';

Object.assign(globalThis, { load: (seed: number) => createTokenizer(VIT_VQGAN_SMALL, { seed }) });
