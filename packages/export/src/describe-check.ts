import type { TokenizerCheck, TransformerCheck } from './export-report.js';

const runtimePackages = { node: 'onnxruntime-node', web: 'onnxruntime-web' } as const;

const originalNotes = {
  'tensorflow.js': 'the first compared with plain TensorFlow.js',
  engine: 'none compared with plain TensorFlow.js, which would take too long',
} as const;

/** Returns a check in one line, for people. */
export function describeCheck(check: TokenizerCheck | TransformerCheck): string {
  const runtime = runtimePackages[check.runtime];
  const equal = `${(100 * check.equalTokens).toFixed(2)} % of tokens equal`;
  if (check.part === 'tokenizer') {
    const { original, exported } = check.psnr;
    const examples = examplesOf(check, check.pictures === 'given' ? 'images' : 'synthetic pictures');
    return `tokenizer in ${runtime}: ${equal}, pixels differ by at most ${check.pixels.toExponential(1)}, PSNR ${exported.toFixed(2)} dB instead of ${original.toFixed(2)} (on ${examples})`;
  }
  return `transformer in ${runtime}: logits differ by at most ${check.logits.toExponential(1)} of ${check.largestLogit.toPrecision(3)}, ${equal} when the most likely is chosen (on ${examplesOf(check, 'sequences')})`;
}

function examplesOf(
  { images, firstOriginalBy }: Pick<TokenizerCheck | TransformerCheck, 'images' | 'firstOriginalBy'>,
  name: string,
): string {
  return `${images} ${name}, ${originalNotes[firstOriginalBy]}`;
}
