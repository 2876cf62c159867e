import { LinearPattern } from './linear-pattern.js';

/** Tokens of a vocabulary; the largest published ones have 260,000. */
const maximumTokens = 1_000_000;
/** Characters of all tokens of a vocabulary, and of one token, pattern or replacement. */
const maximumCharacters = 2 ** 23;
const maximumTokenLength = 1024;
/** Characters of all tokens that are kept as a tree of characters, some 250 bytes for each. */
const maximumTreeCharacters = 2 ** 21;
/** Ids that a vocabulary may leave out, besides as many as it has tokens. */
const spareIds = 1024;
/** Normalizers and pre-tokenizers, and how many times longer a text may become by them. */
const maximumSteps = 64;
const maximumGrowth = 64;
/** Characters of a word that is looked up piece by piece; the time grows with their cube. */
const maximumWordLength = 1000;

/** Throws the error of a `tokenizer.json`. */
type Refuse = (expected: string, got: string) => never;

type JsonRecord = Readonly<Record<string, unknown>>;

/**
 * Refuses the content of a `tokenizer.json` that would take far more memory or time than its bytes
 * let expect: ids beyond the size of the vocabulary, steps that multiply a text or never end. What
 * is merely wrong passes, and is for the package that reads it.
 * @throws what `refuse` throws
 */
export function assertTokenizerBounds(content: unknown, refuse: Refuse): void {
  if (!isRecord(content)) return;
  const { model, added_tokens: added, normalizer, pre_tokenizer: preTokenizer } = content;
  if (isRecord(model)) assertModelBounds(model, Array.isArray(added) ? added : [], refuse);
  const steps = [...stepsOf(normalizer, 'normalizers', refuse), ...stepsOf(preTokenizer, 'pretokenizers', refuse)];
  if (steps.length > maximumSteps) {
    return refuse(`at most ${maximumSteps} normalizers and pre-tokenizers`, `${steps.length}`);
  }
  assertGrowth(
    steps.reduce((product, step) => product * growthOf(step, refuse), 1),
    refuse,
  );
}

/** A normalizer or pre-tokenizer of the package that reads the content, or a sequence of them. */
export interface TokenizerStep {
  readonly config?: { readonly pattern?: { readonly Regex?: unknown }; readonly content?: unknown };
  pattern?: unknown;
  readonly normalizers?: readonly (TokenizerStep | null)[];
  readonly tokenizers?: readonly (TokenizerStep | null)[];
}

/**
 * Replaces the patterns of a file in the steps that were made of it by patterns that take linear
 * time.
 * @throws what `refuse` throws, for a pattern that cannot be one, and for one whose matches of no
 *   characters would multiply a text
 */
export function makePatternsLinear(steps: readonly (TokenizerStep | null)[], refuse: Refuse): void {
  const waiting = [...steps];
  let growth = 1;
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    if (step === null) continue;
    waiting.push(...(step.normalizers ?? []), ...(step.tokenizers ?? []));
    const { pattern, config } = step;
    if (config?.pattern?.Regex === undefined || !(pattern instanceof RegExp)) continue;
    let linear: LinearPattern;
    try {
      linear = new LinearPattern(pattern.source, pattern.flags);
    } catch (error) {
      return refuse('patterns that are matched in linear time', (error as Error).message);
    }
    step.pattern = linear;
    if (linear.canBeEmpty && typeof config.content === 'string') growth *= config.content.length + 1;
  }
  assertGrowth(growth, refuse);
}

function assertGrowth(growth: number, refuse: Refuse): void {
  if (growth <= maximumGrowth) return;
  refuse(`normalizers and pre-tokenizers that make a text at most ${maximumGrowth} times longer`, `${growth}`);
}

function assertModelBounds(model: JsonRecord, added: readonly unknown[], refuse: Refuse): void {
  const { vocab } = model;
  const isTree = Array.isArray(vocab);
  const entries: (readonly [unknown, unknown])[] = isTree
    ? vocab.map((item: unknown, index) => [Array.isArray(item) ? item[0] : undefined, index])
    : isRecord(vocab)
      ? Object.entries(vocab)
      : [];
  const extra = added.map((token): readonly [unknown, unknown] =>
    isRecord(token) ? [token.content, token.id] : [undefined, undefined],
  );
  const tokens = [...entries, ...extra];
  if (tokens.length > maximumTokens) return refuse(`at most ${maximumTokens} tokens`, `${tokens.length}`);
  const idEnd = 2 * tokens.length + spareIds;
  let characters = 0;
  let treeCharacters = 0;
  for (const [index, [token, id]] of tokens.entries()) {
    if (typeof token !== 'string' || token.length > maximumTokenLength) {
      return refuse(
        `tokens that are texts of at most ${maximumTokenLength} characters`,
        typeof token === 'string' ? `one of ${token.length}` : typeof token,
      );
    }
    characters += token.length;
    if (isTree || index >= entries.length) treeCharacters += token.length;
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= idEnd) {
      return refuse(`ids below ${idEnd} for ${tokens.length} tokens`, `${String(id)} of "${token.slice(0, 40)}"`);
    }
  }
  if (characters > maximumCharacters) return refuse(`tokens of ${maximumCharacters} characters together`, 'more');
  if (treeCharacters > maximumTreeCharacters) {
    return refuse(`tokens of ${maximumTreeCharacters} characters together in a tree`, 'more');
  }
  const { unk_id: unknown, max_input_chars_per_word: wordLength = 100, merges } = model;
  if (typeof unknown === 'number' && !(unknown >= 0 && unknown < entries.length)) {
    return refuse(`unk_id to be one of ${entries.length} tokens`, `${unknown}`);
  }
  if (!(typeof wordLength === 'number' && wordLength <= maximumWordLength)) {
    return refuse(`max_input_chars_per_word of at most ${maximumWordLength}`, String(wordLength));
  }
  if (Array.isArray(merges) && merges.length > maximumTokens) {
    return refuse(`at most ${maximumTokens} merges`, `${merges.length}`);
  }
  for (const name of ['end_of_word_suffix', 'continuing_subword_prefix', 'continuing_subword_suffix']) {
    assertShort(model[name], name, refuse);
  }
}

/** Returns the normalizers or pre-tokenizers of a sequence of them, and of sequences in it. */
function stepsOf(step: unknown, name: 'normalizers' | 'pretokenizers', refuse: Refuse): JsonRecord[] {
  const steps: JsonRecord[] = [];
  const waiting: unknown[] = [step];
  for (let looked = 0; waiting.length > 0; looked++) {
    if (looked > 2 * maximumSteps) return refuse(`at most ${maximumSteps} ${name}`, 'more');
    const next = waiting.pop();
    if (!isRecord(next)) continue;
    const inner = next[name];
    if (Array.isArray(inner)) waiting.push(...(inner.slice(0, 2 * maximumSteps + 1) as unknown[]));
    else steps.push(next);
  }
  return steps;
}

/** Returns how many times longer a text may become by a normalizer or pre-tokenizer. */
function growthOf(step: JsonRecord, refuse: Refuse): number {
  const { type, pattern, content, length, prepend, str_rep: written, replacement } = step;
  const texts = { content, prepend, str_rep: written, replacement, ...(isRecord(pattern) ? pattern : {}) };
  for (const [name, value] of Object.entries(texts)) assertShort(value, name, refuse);
  switch (type) {
    case 'FixedLength':
      if (Number.isInteger(length) && (length as number) >= 1) return 1;
      return refuse('FixedLength to have a length of at least 1', String(length));
    case 'Replace': {
      const replaced = isRecord(pattern) && typeof pattern.String === 'string' ? pattern.String.length : 1;
      const added = typeof content === 'string' ? content.length : 0;
      return replaced === 0 ? added + 1 : Math.max(1, added / replaced);
    }
    case 'Metaspace':
      return Math.max(1, ...[written, replacement].map((text) => (typeof text === 'string' ? text.length : 0)));
    case 'ByteLevel':
      return 3; // bytes of a character in UTF-8
    default:
      return 1;
  }
}

function assertShort(value: unknown, name: string, refuse: Refuse): void {
  if (typeof value === 'string' && value.length > maximumTokenLength) {
    refuse(`${name} of at most ${maximumTokenLength} characters`, `${value.length}`);
  }
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
