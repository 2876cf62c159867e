import * as ort from 'onnxruntime-web/wasm';
// The bundler leaves the file beside the page and tells where: nothing is fetched from elsewhere.
import wasmFile from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import type {
  ExportedCondition,
  ExportedConditionTokens,
  ExportedGraph,
  ExportedMaskedTransformer,
  ExportedRasterTransformer,
  ExportedTokenizer,
  ExportedTransformer,
  ExportManifest,
} from '@vitvq/export';

ort.env.wasm.wasmPaths = { wasm: wasmFile };
// More threads need a page that is isolated from other origins, which not every server of static
// files can say.
ort.env.wasm.numThreads = 1;

/** Encoder and decoder, for one image at a time. */
export interface TokenizerSession {
  readonly about: ExportedTokenizer;
  /** Pixels `[H, W, C]` in [0, 1] to tokens `[N]` (`[N, L]`). */
  encode(pixels: Float32Array): Promise<Int32Array>;
  /** The other way; all tokens in `[0, vocabSize)`. */
  decode(tokens: Int32Array): Promise<Float32Array>;
}

/** What the transformer knows after some positions of B sequences. */
export interface SequenceState {
  /** Positions that it has seen. */
  readonly count: number;
  /**
   * Logits `[B, V]` of the next position; with levels the hidden features `[B, D]` that `predict`
   * makes logits of.
   */
  readonly output: ort.Tensor;
  /** The inputs `past` of the next step. */
  readonly cache: Readonly<Record<string, ort.Tensor>>;
}

export interface TransformerSession {
  readonly about: ExportedRasterTransformer;
  readonly condition: ExportedConditionTokens;
  /** Reads condition tokens, one row a sequence. */
  prefill(conditions: readonly (readonly number[])[]): Promise<SequenceState>;
  /** Reads one more position, the same tokens `[L]` in every sequence. */
  decodeStep(state: SequenceState, tokens: readonly number[]): Promise<SequenceState>;
  /**
   * Logits `[V]` of each sequence for a level of the next position, of which the levels above are
   * known.
   */
  logits(state: SequenceState, known: readonly number[]): Promise<Float32Array[]>;
}

/** A model that predicts all unknown tokens of an image at once. */
export interface MaskedSession {
  readonly about: ExportedMaskedTransformer;
  readonly condition: ExportedConditionTokens;
  /**
   * Logits `[N, V]` for each row of condition tokens, given the same tokens `[N]`, -1 where they
   * are not known.
   */
  logits(conditions: readonly (readonly number[])[], tokens: Int32Array): Promise<Float32Array[]>;
}

/** The models of a page; transformers only where there are any. */
export interface Models {
  readonly tokenizer: TokenizerSession;
  /** Draws in raster order. */
  readonly transformer: TransformerSession | undefined;
  readonly masked: MaskedSession | undefined;
}

/**
 * Loads everything that folders of `@vitvq/export` hold.
 * @param folder  of the tokenizer and its transformer, if there is one
 * @param brush  folder of a masked transformer of the same tokens, which counts before that of the
 *   other folder; undefined for none
 * @param onProgress  told the fraction that is loaded, in [0, 1]
 * @throws when a file is missing, there is no tokenizer, or a transformer is not told tokens or is
 *   of another kind
 */
export async function openModels(
  folder: string,
  brush: string | undefined,
  onProgress: (fraction: number) => void,
): Promise<Models> {
  const { tokenizer, transformer } = await readManifest(folder);
  if (!tokenizer) throw new Error(`${folder}/vitvq.json names no tokenizer.`);
  const brushTransformer = brush === undefined ? undefined : (await readManifest(brush)).transformer;
  const files = [tokenizer.encoder, tokenizer.decoder, ...graphsOf(transformer)].map((graph) => ({ folder, graph }));
  files.push(...graphsOf(brushTransformer).map((graph) => ({ folder: brush!, graph })));
  const total = files.reduce((sum, { graph }) => sum + graph.bytes, 0);
  let loaded = 0;
  const sessions = new Map<ExportedGraph, ort.InferenceSession>();
  for (const { folder: of, graph } of files) {
    sessions.set(graph, await ort.InferenceSession.create(await download(`${of}/${graph.file}`)));
    onProgress((loaded += graph.bytes) / total);
  }
  const run: Run = (graph, inputs) => sessions.get(graph)!.run(inputs);
  const masked = [brushTransformer, transformer].find((each) => each?.kind === 'masked');
  return {
    tokenizer: tokenizerSession(tokenizer, run),
    transformer: transformer?.kind === 'raster' ? transformerSession(transformer, run) : undefined,
    masked: masked && maskedSession(masked, run),
  };
}

async function readManifest(folder: string): Promise<ExportManifest> {
  return JSON.parse(new TextDecoder().decode(await download(`${folder}/vitvq.json`))) as ExportManifest;
}

/** Files of a transformer that the page runs. @throws for one that it has no use for */
function graphsOf(transformer: ExportedTransformer | undefined): ExportedGraph[] {
  if (!transformer) return [];
  if (transformer.kind === 'masked') return [transformer.maskedLogits];
  if (transformer.kind === 'any-order') throw new Error('The page cannot run a transformer of any order.');
  const { prefill, decodeStep, predict } = transformer;
  return [prefill, decodeStep, ...(predict ? [predict] : [])];
}

type Tensors = Record<string, ort.Tensor>;
type Run = (graph: ExportedGraph, inputs: Tensors) => Promise<Tensors>;

async function download(file: string): Promise<Uint8Array> {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

function int32(values: Iterable<number>, shape: readonly number[]): ort.Tensor {
  return new ort.Tensor('int32', Int32Array.from(values), shape);
}

function tokenizerSession(about: ExportedTokenizer, run: Run): TokenizerSession {
  const { encoder, decoder, image, grid, codeDepth } = about;
  const positions = grid[0] * grid[1];
  return {
    about,
    encode: async (pixels) => {
      const images = new ort.Tensor('float32', pixels, [1, image.height, image.width, image.channels]);
      return (await run(encoder, { images })).tokens!.data as Int32Array;
    },
    decode: async (tokens) => {
      const shape = codeDepth === 1 ? [1, positions] : [1, positions, codeDepth];
      return (await run(decoder, { tokens: int32(tokens, shape) })).images!.data as Float32Array;
    },
  };
}

function transformerSession(about: ExportedRasterTransformer, run: Run): TransformerSession {
  const { prefill, decodeStep, predict, cache, codeDepth, vocabSize } = about;
  const condition = tokensOf(about.condition);
  const stateOf = (outputs: Tensors, count: number): SequenceState => ({
    count,
    output: (predict ? outputs.hidden : outputs.logits)!,
    cache: Object.fromEntries(cache.map(({ past, present }) => [past, outputs[present]!])),
  });
  return {
    about,
    condition,
    prefill: async (conditions) => {
      const shape = [conditions.length, condition.length];
      return stateOf(await run(prefill, { conditions: int32(conditions.flat(), shape) }), 0);
    },
    decodeStep: async (state, tokens) => {
      const count = state.count + 1;
      const rows = state.output.dims[0]!;
      const inputs = {
        ...state.cache,
        tokens: int32(repeated(tokens, rows), [rows, codeDepth]),
        count: int32([count], []),
      };
      return stateOf(await run(decodeStep, inputs), count);
    },
    logits: async ({ output }, known) => {
      const rows = output.dims[0]!;
      const row = (values: Float32Array, index: number): Float32Array =>
        values.slice(index * vocabSize, (index + 1) * vocabSize);
      if (!predict) return Array.from({ length: rows }, (_, index) => row(output.data as Float32Array, index));
      // Levels below do not count: any token stands for them.
      const above = Array.from({ length: codeDepth - 1 }, (_, level) => known[level] ?? 0);
      const tokens = int32(repeated(above, rows), [rows, codeDepth - 1]);
      const { logits } = await run(predict, { hidden: output, tokens });
      const values = logits!.data as Float32Array; // [B, L, V]
      return Array.from({ length: rows }, (_, index) => row(values, index * codeDepth + known.length));
    },
  };
}

function maskedSession(about: ExportedMaskedTransformer, run: Run): MaskedSession {
  const condition = tokensOf(about.condition);
  return {
    about,
    condition,
    logits: async (conditions, tokens) => {
      const rows = conditions.length;
      const shape = [rows, tokens.length];
      const { logits } = await run(about.maskedLogits, {
        conditions: int32(conditions.flat(), [rows, condition.length]),
        // Any token stands for one that is not known.
        tokens: int32(repeated([...tokens.map((token) => Math.max(0, token))], rows), shape),
        known: int32(repeated([...tokens.map((token) => Number(token !== -1))], rows), shape),
      });
      const values = logits!.data as Float32Array; // [B, N, V]
      const size = values.length / rows;
      return Array.from({ length: rows }, (_, index) => values.slice(index * size, (index + 1) * size));
    },
  };
}

/** @throws for conditions that nobody can enter */
function tokensOf(condition: ExportedCondition): ExportedConditionTokens {
  if (condition.input === 'tokens') return condition;
  throw new Error('The transformer wants to be told numbers, which nobody enters here.');
}

function repeated(values: readonly number[], times: number): number[] {
  return Array.from({ length: times }, () => values).flat();
}
