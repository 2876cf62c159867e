/**
 * Types of `vitvq.json` in an exported folder. The module holds types alone, so that a page which
 * imports them gets no code.
 */

/** Type of an input or output. A size that depends on the number of examples is a name: `batch`. */
export interface ExportedPort {
  readonly name: string;
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly shape: readonly (number | string)[];
}

/** ONNX file with operators of the standard's default domain alone. */
export interface ExportedGraph {
  /** Name of the file in the folder. */
  readonly file: string;
  readonly bytes: number;
  /** SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  readonly opset: number;
  /** Type in which weights are stored; everything is computed in float32. */
  readonly weights: 'float32' | 'float16';
  readonly inputs: readonly ExportedPort[];
  readonly outputs: readonly ExportedPort[];
}

/** Format of the encoder's input and the decoder's output; there is no other preprocessing. */
export interface ExportedImage {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Rows, columns, channels; red first where there are three. */
  readonly layout: 'NHWC';
  readonly dtype: 'float32';
  /** Values of black and white, to which the decoder clamps. */
  readonly range: readonly [0, 1];
}

/**
 * What computed the original of the first example: plain TensorFlow.js, operation by operation, or
 * for a large model the engine in use, which shares the translation to ONNX with the files.
 */
export type OriginalBy = 'tensorflow.js' | 'engine';

/** Differences between the files of a tokenizer and the tokenizer in one runtime. */
export interface MeasuredTokenizer {
  /** Runtime: `node` is onnxruntime-node, `web` the WebAssembly of onnxruntime-web. */
  readonly runtime: 'node' | 'web';
  /** Number of images. */
  readonly images: number;
  /**
   * Source of the images: the caller, or drawn smooth waves, whose PSNR says little of photographs.
   */
  readonly pictures: 'given' | 'synthetic';
  readonly firstOriginalBy: OriginalBy;
  /** Fraction of the encoder's tokens that equal the tokenizer's. */
  readonly equalTokens: number;
  /** Largest difference of a pixel when both decode the same tokens. */
  readonly pixels: number;
  /** Mean PSNR over images, in decibels, of the tokenizer's reconstructions and of both files'. */
  readonly psnr: { readonly original: number; readonly exported: number };
}

/** Differences between sampling with the files of a transformer and the model in one runtime. */
export interface MeasuredTransformer {
  readonly runtime: 'node' | 'web';
  /** Number of images, of drawn conditions and tokens. */
  readonly images: number;
  readonly firstOriginalBy: OriginalBy;
  /**
   * Largest difference between the logits of the files, step by step with a KV cache where there is
   * one, and those of the model's full forward pass over the same tokens.
   */
  readonly logits: number;
  readonly largestLogit: number;
  /** Fraction of positions at which the same token has the largest logit. */
  readonly equalTokens: number;
}

/** Tokenizer of an exported folder. */
export interface ExportedTokenizer {
  /** Rows and columns of tokens, which are in raster order. */
  readonly grid: readonly [number, number];
  /** Number of codes: tokens are in `[0, vocabSize)`. */
  readonly vocabSize: number;
  /** Codes of one token: with 1, tokens are `[B, N]`; with more, `[B, N, L]`. */
  readonly codeDepth: number;
  readonly image: ExportedImage;
  /** File that maps `images` to `tokens`. */
  readonly encoder: ExportedGraph;
  /** File that maps `tokens` to `images`. */
  readonly decoder: ExportedGraph;
  /** Results of the check, one for each runtime; none where the files were not checked. */
  readonly measured: readonly MeasuredTokenizer[];
  /** Notes of the caller of the export. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Condition of an image: tokens, or numbers that the model embeds. */
export type ExportedCondition = ExportedConditionTokens | ExportedConditionNumbers;

/** Condition of tokens. */
export interface ExportedConditionTokens {
  readonly input: 'tokens';
  /** Number of condition tokens of an image: `conditions` are int32 `[B, length]`. */
  readonly length: number;
  /** Number of condition tokens that exist: they are in `[0, vocabSize)`. */
  readonly vocabSize: number;
  /** The `length` tokens of no condition, for guidance. */
  readonly nullTokens: readonly number[];
  /**
   * Meaning of the tokens: `{ kind: 'class', classCount, classNames? }` (token c is class c),
   * `{ kind: 'text', length, tokenizer }` with the content of a `tokenizer.json` (one more token is
   * padding), `{ kind: 'unconditional' }` (always the null token), or the description of another
   * conditioner.
   */
  readonly meaning: ConditionMeaning;
}

/** Condition of numbers, which a conditioner embeds. */
export interface ExportedConditionNumbers {
  readonly input: 'numbers';
  /** Shape of the condition of one image: `conditions` are float32 `[B, ...shape]`. */
  readonly shape: readonly number[];
  /** Input of no condition, row-major. */
  readonly nullInput: readonly number[];
  /**
   * Present where the null condition beside a condition is padded as that is: its vectors along the
   * last axis are zeros where those of the condition are, and those of `nullInput` elsewhere.
   */
  readonly nullKeepsPadding?: true;
  /** Description by the conditioner. */
  readonly meaning: ConditionMeaning;
}

/** Meaning of conditions, as their conditioner describes itself. */
export interface ConditionMeaning {
  readonly kind?: unknown;
  readonly [name: string]: unknown;
}

/** Transformer of an exported folder, by the order in which its tokens are drawn. */
export type ExportedTransformer = ExportedRasterTransformer | ExportedMaskedTransformer | ExportedAnyOrderTransformer;

/** What transformers of all kinds have. */
interface ExportedTokenModel {
  readonly grid: readonly [number, number];
  readonly vocabSize: number;
  readonly codeDepth: number;
  readonly condition: ExportedCondition;
  /** Results of the check, one for each runtime; none where the files were not checked. */
  readonly measured: readonly MeasuredTransformer[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Names of a KV cache: each `present` output is the `past` input of the next step. */
export type ExportedCache = readonly { readonly past: string; readonly present: string }[];

/** Transformer that draws tokens row by row: a `GPT`, a `RAR` or an `RQTransformer`. */
export interface ExportedRasterTransformer extends ExportedTokenModel {
  readonly kind: 'raster';
  /**
   * File that maps `conditions` to `logits` of the first position (to `hidden`, which `predict`
   * takes, where `codeDepth` is above 1) and the KV cache.
   */
  readonly prefill: ExportedGraph;
  /**
   * File that maps `tokens` `[B, L]` of the last known position, `count` (scalar: the number of
   * known positions, this one included) and the KV cache to `logits` `[B, V]` (`hidden`) of
   * position `count` and the KV cache after it.
   */
  readonly decodeStep: ExportedGraph;
  /**
   * File that maps `hidden` and the first codes `tokens` `[B, L - 1]` to `logits` `[B, L, V]`;
   * present where `codeDepth` is above 1. The logits of code l depend on the codes before it only:
   * run the file once for each code, with any numbers in place of codes that are not chosen yet.
   */
  readonly predict?: ExportedGraph;
  readonly cache: ExportedCache;
}

/** Transformer that predicts all unknown tokens at once (MaskGIT, arXiv:2202.04200). */
export interface ExportedMaskedTransformer extends ExportedTokenModel {
  readonly kind: 'masked';
  /**
   * File that maps `conditions`, `tokens` `[B, N]` and `known` `[B, N]` (1 where the token is
   * known, 0 where it is not) to `logits` `[B, N, V]` of every position. Tokens that are not known
   * are never seen: any numbers in `[0, vocabSize)` stand for them.
   */
  readonly maskedLogits: ExportedGraph;
}

/** Transformer that draws tokens in any order, several a step (after RandAR, arXiv:2412.01827). */
export interface ExportedAnyOrderTransformer extends ExportedTokenModel {
  readonly kind: 'any-order';
  /** Number k of tokens that a step draws, each without the others. */
  readonly tokensPerStep: number;
  /**
   * File that maps `conditions` and the positions `next` `[B, k]` of the first tokens to their
   * `logits` `[B, k, V]` and the KV cache. Positions count in raster order; each image may have an
   * order of its own.
   */
  readonly prefill: ExportedGraph;
  /**
   * File that maps `tokens` `[B, k]` of the step before, their `positions` `[B, k]`, `count`
   * (scalar: the number of known tokens, these included, a multiple of k), the positions `next`
   * `[B, k]` and the KV cache to `logits` `[B, k, V]` of the next positions and the KV cache after
   * the tokens. Where k does not divide the number of positions, any positions fill up the last
   * step; their logits are not used.
   */
  readonly decodeStep: ExportedGraph;
  readonly cache: ExportedCache;
}

/** Content of `vitvq.json`. */
export interface ExportManifest {
  readonly format: 'vitvq-onnx';
  readonly version: 1;
  readonly tokenizer?: ExportedTokenizer;
  readonly transformer?: ExportedTransformer;
}
