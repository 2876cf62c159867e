/** What `vitvq.json` in an exported folder says. Types alone: a page may import them and gets no code. */

/** Type of an input or output. Sizes that follow the number of examples are names: `batch`. */
export interface ExportedPort {
  readonly name: string;
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly shape: readonly (number | string)[];
}

/** One ONNX file: operators of the standard's default domain alone. */
export interface ExportedGraph {
  /** Its name in the folder. */
  readonly file: string;
  readonly bytes: number;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  readonly opset: number;
  /** How weights are stored; everything is computed in float32. */
  readonly weights: 'float32' | 'float16';
  readonly inputs: readonly ExportedPort[];
  readonly outputs: readonly ExportedPort[];
}

/** What pixels are, for the encoder's input and the decoder's output: there is no other preprocessing. */
export interface ExportedImage {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Rows, columns, channels; red first where there are three. */
  readonly layout: 'NHWC';
  readonly dtype: 'float32';
  /** Black and white. The decoder clamps to it. */
  readonly range: readonly [0, 1];
}

/**
 * By what the original of the first example was computed: operation by operation, or by the engine that was in use, which shares
 * the translation to ONNX with the files (models that are large).
 */
export type OriginalBy = 'tensorflow.js' | 'engine';

/** How near the files of a tokenizer come to it in one runtime. */
export interface MeasuredTokenizer {
  /** `node` is onnxruntime-node, `web` the WebAssembly of onnxruntime-web. */
  readonly runtime: 'node' | 'web';
  /** How many. */
  readonly images: number;
  /** Whose: given ones, or smooth waves that were drawn, whose PSNR says little of photographs. */
  readonly pictures: 'given' | 'synthetic';
  readonly firstOriginalBy: OriginalBy;
  /** Share of the encoder's tokens that are the tokenizer's. */
  readonly equalTokens: number;
  /** Largest difference of a pixel that the decoder makes of the same tokens. */
  readonly pixels: number;
  /** Mean over images, in decibel: of the tokenizer's reconstructions and of those by both files, against the images. */
  readonly psnr: { readonly original: number; readonly exported: number };
}

/** How near sampling with the files of a transformer comes to it in one runtime. */
export interface MeasuredTransformer {
  readonly runtime: 'node' | 'web';
  /** How many, of drawn conditions and tokens. */
  readonly images: number;
  readonly firstOriginalBy: OriginalBy;
  /** Largest difference between logits of the files, token by token, and of the model's full pass over the same tokens. */
  readonly logits: number;
  readonly largestLogit: number;
  /** Share of tokens that have the largest logit in both. */
  readonly equalTokens: number;
}

export interface ExportedTokenizer {
  /** Rows and columns of tokens, which are in raster order. */
  readonly grid: readonly [number, number];
  /** Tokens are in `[0, vocabSize)`. */
  readonly vocabSize: number;
  /** Tokens a position: with 1, tokens are `[B, N]`; with more, `[B, N, L]`. */
  readonly levels: number;
  readonly image: ExportedImage;
  /** `images` to `tokens`. */
  readonly encoder: ExportedGraph;
  /** `tokens` to `images`. */
  readonly decoder: ExportedGraph;
  /** What the check of the files has found, a runtime each; none where they were not checked. */
  readonly measured: readonly MeasuredTokenizer[];
  /** Notes of whoever exported it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What says what an image is of: tokens, or numbers that the model embeds. */
export type ExportedCondition = ExportedConditionTokens | ExportedConditionNumbers;

export interface ExportedConditionTokens {
  readonly input: 'tokens';
  /** Condition tokens an image: `conditions` are int32 `[B, length]`. */
  readonly length: number;
  /** They are in `[0, vocabSize)`. */
  readonly vocabSize: number;
  /** What stands for no condition, for guidance: `length` tokens. */
  readonly nullTokens: readonly number[];
  /**
   * What they mean: `{ kind: 'class', classCount, classNames? }` (token c is class c), `{ kind: 'text', length, tokenizer }` with
   * the content of a `tokenizer.json` (one more token is padding), `{ kind: 'unconditional' }` (the null token always), or what
   * another conditioner tells of itself.
   */
  readonly meaning: ConditionMeaning;
}

export interface ExportedConditionNumbers {
  readonly input: 'numbers';
  /** Of one image: `conditions` are float32 `[B, ...shape]`. */
  readonly shape: readonly number[];
  /** What stands for no condition, row-major. */
  readonly nullInput: readonly number[];
  /** What the conditioner tells of itself. */
  readonly meaning: ConditionMeaning;
}

export interface ConditionMeaning {
  readonly kind?: unknown;
  readonly [name: string]: unknown;
}

export interface ExportedTransformer {
  readonly grid: readonly [number, number];
  readonly vocabSize: number;
  readonly levels: number;
  readonly condition: ExportedCondition;
  /** `conditions` to `logits` of the first position (with levels: `hidden`, which `predict` takes) and the cache. */
  readonly start: ExportedGraph;
  /**
   * `tokens` `[B, L]` of the last known position, `count` (scalar: positions that are known, these tokens included) and the
   * cache to `logits` `[B, V]` (`hidden`) of position `count` and the cache after it.
   */
  readonly step: ExportedGraph;
  /**
   * With levels alone: `hidden` and `tokens` `[B, L - 1]`, the levels above, to `logits` `[B, L, V]`. Level l sees the tokens of
   * levels above it only: run it once a level, with any tokens in the place of those that are not chosen yet.
   */
  readonly predict?: ExportedGraph;
  /** The cache: each `present` output is to come back as the `past` input of the next step. */
  readonly cache: readonly { readonly past: string; readonly present: string }[];
  /** What the check of the files has found, a runtime each; none where they were not checked. */
  readonly measured: readonly MeasuredTransformer[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ExportManifest {
  readonly format: 'vitvq-onnx';
  readonly version: 1;
  readonly tokenizer?: ExportedTokenizer;
  readonly transformer?: ExportedTransformer;
}
