import { RegExpParser, type AST } from '@eslint-community/regexpp';

/**
 * Parts of a pattern that are looked at, those of a repeated part once for each time. Published
 * tokenizers have less than 200.
 */
const maximumParts = 2000;

/** Returns whether something holds for one character; for the end of the text it is ''. */
type Test = (character: string) => boolean;

/** Steps of the machine that a pattern becomes. A step without a jump goes on to the next one. */
type Step =
  | { readonly kind: 'character'; readonly test: Test }
  /** Looks at the character before or after the place, and does not move. */
  | { readonly kind: 'look'; readonly isBehind: boolean; readonly test: Test }
  /** Goes on at all of these places; the first one that matches wins. */
  | { readonly kind: 'split'; to: readonly number[] }
  | { readonly kind: 'match' };

/**
 * A regular expression that takes time in proportion to the text for each match, whatever the
 * pattern is. The engine of JavaScript tries one way after the other, which takes `(a+)+$` longer
 * than anybody waits for on thirty letters; this one follows all ways at the same time (R. Cox,
 * "Regular Expression Matching Can Be Simple And Fast", 2007) and finds the same match. Methods of
 * strings (`match`, `matchAll`, `replaceAll`, `split`) take it as they take any `RegExp`. Groups
 * are not captured.
 *
 * Everything of regular expressions is known that patterns of tokenizers have: characters and
 * classes, alternatives, groups, greedy and lazy repetition, and looking at one character before or
 * after.
 */
export class LinearPattern extends RegExp {
  readonly #steps: readonly Step[];

  /** @throws {SyntaxError} for a pattern that is too large, or that this machine does not know */
  constructor(pattern: string | LinearPattern, flags: string) {
    super(pattern, flags);
    this.#steps = pattern instanceof LinearPattern ? pattern.#steps : compile(pattern);
  }

  /** Whether it may match no character at all, between any two characters of a text. */
  get canBeEmpty(): boolean {
    const seen = new Set<number>();
    const waiting = [0];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const step = this.#steps[at]!;
      if (step.kind === 'match') return true;
      if (step.kind === 'split') waiting.push(...step.to);
      if (step.kind === 'look') waiting.push(at + 1);
    }
    return false;
  }

  /** Finds the next match, as `RegExp` does; its methods call this one. */
  override exec(text: string): RegExpExecArray | null {
    const isStateful = this.global || this.sticky;
    const found = firstMatch(this.#steps, text, isStateful ? this.lastIndex : 0, this.sticky);
    if (isStateful) this.lastIndex = found?.end ?? 0;
    if (!found) return null;
    const { start, end } = found;
    return Object.assign([text.slice(start, end)], { index: start, input: text }) as RegExpExecArray;
  }
}

/** Part of a text. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** Ways through the steps at one place of the text; those that win over others come first. */
class Ways {
  readonly steps: number[] = [];
  /** Where the match of each way begins. */
  readonly starts: number[] = [];
  readonly #seen: Uint8Array;
  readonly #all: readonly Step[];

  constructor(all: readonly Step[]) {
    this.#all = all;
    this.#seen = new Uint8Array(all.length);
  }

  /**
   * Adds the steps that look at a character, or match, and that can be reached from one without
   * moving, unless another way has been there.
   */
  add(from: number, start: number, text: string, position: number): void {
    const waiting = [from];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (this.#seen[at] === 1) continue;
      this.#seen[at] = 1;
      const step = this.#all[at]!;
      if (step.kind === 'split') {
        for (let way = step.to.length - 1; way >= 0; way--) waiting.push(step.to[way]!);
      } else if (step.kind === 'look') {
        const seen = step.isBehind ? characterBefore(text, position) : characterAt(text, position);
        if (step.test(seen)) waiting.push(at + 1);
      } else {
        this.steps.push(at);
        this.starts.push(start);
      }
    }
  }
}

/**
 * Returns the first match from a place on. One walk over the text follows the matches that begin
 * anywhere: an earlier beginning wins over a later one.
 * @param isSticky  whether the match must begin at that place
 */
function firstMatch(steps: readonly Step[], text: string, from: number, isSticky: boolean): Range | undefined {
  let found: Range | undefined;
  let ways = new Ways(steps);
  for (let position = from; position <= text.length;) {
    if (!found && (position === from || !isSticky)) ways.add(0, position, text, position);
    if (ways.steps.length === 0 && (found || isSticky)) break;
    const character = characterAt(text, position);
    const width = Math.max(1, character.length);
    const next = new Ways(steps);
    for (const [index, at] of ways.steps.entries()) {
      const step = steps[at]!;
      if (step.kind === 'match') {
        found = { start: ways.starts[index]!, end: position };
        // Whatever comes later loses against this way.
        break;
      }
      if (step.kind === 'character' && character !== '' && step.test(character)) {
        next.add(at + 1, ways.starts[index]!, text, position + width);
      }
    }
    ways = next;
    position += width;
  }
  return found;
}

function characterAt(text: string, position: number): string {
  return text.slice(position, position + widthAt(text, position));
}

function characterBefore(text: string, position: number): string {
  const code = text.codePointAt(position - 2) ?? 0;
  return text.slice(Math.max(0, position - (position >= 2 && code > 0xffff ? 2 : 1)), position);
}

function widthAt(text: string, position: number): number {
  return (text.codePointAt(position) ?? 0) > 0xffff ? 2 : 1;
}

function compile(source: string): Step[] {
  const pattern = new RegExpParser().parsePattern(source, 0, source.length, { unicode: true, unicodeSets: false });
  const steps: Step[] = [];
  const tests = new Map<string, Test>();
  let parts = 0;
  const refuse = (what: string): never => {
    throw new SyntaxError(`the pattern ${JSON.stringify(source.slice(0, 80))} has ${what}`);
  };

  /** Returns the test of a part that looks at one character, the same one for equal parts. */
  const testOf = (raw: string): Test => {
    const test = tests.get(raw) ?? characterTest(raw);
    tests.set(raw, test);
    return test;
  };

  /** Appends steps that go on behind the last of them. */
  const append = (node: AST.Element): void => {
    if (++parts > maximumParts) refuse('too many parts');
    switch (node.type) {
      case 'Character':
      case 'CharacterSet':
      case 'CharacterClass':
        steps.push({ kind: 'character', test: testOf(node.raw) });
        break;
      case 'Group':
      case 'CapturingGroup':
        appendOneOf(node.alternatives);
        break;
      case 'Quantifier':
        appendRepeated(node);
        break;
      case 'Assertion': {
        if (node.kind !== 'lookahead' && node.kind !== 'lookbehind') return refuse(`${node.raw}, which is not known`);
        if (!node.alternatives.every(isCharacter)) return refuse('a look at more than one character');
        const test = testOf(node.raw.slice(node.raw.search(/[=!]/) + 1, -1));
        const wanted = !node.negate;
        steps.push({
          kind: 'look',
          isBehind: node.kind === 'lookbehind',
          test: (character) => test(character) === wanted,
        });
        break;
      }
      default:
        return refuse(`${node.raw}, which is not known`);
    }
  };

  const appendOneOf = (alternatives: readonly AST.Alternative[]): void => {
    const [only] = alternatives;
    if (alternatives.length === 1) {
      only!.elements.forEach(append);
      return;
    }
    const choice = pushSplit();
    const starts: number[] = [];
    const ends: { to: readonly number[] }[] = [];
    for (const { elements } of alternatives) {
      if (++parts > maximumParts) refuse('too many parts');
      starts.push(steps.length);
      elements.forEach(append);
      ends.push(pushSplit());
    }
    choice.to = starts;
    for (const end of ends) end.to = [steps.length];
  };

  const appendRepeated = ({ element, min, max, greedy }: AST.Quantifier): void => {
    for (let time = 0; time < min; time++) append(element);
    if (max === Infinity) {
      const loop = steps.length;
      const choice = pushSplit();
      append(element);
      pushSplit().to = [loop];
      choice.to = greedy ? [loop + 1, steps.length] : [steps.length, loop + 1];
      return;
    }
    const choices: [number, { to: readonly number[] }][] = [];
    for (let time = min; time < max; time++) {
      choices.push([steps.length + 1, pushSplit()]);
      append(element);
    }
    for (const [body, choice] of choices) choice.to = greedy ? [body, steps.length] : [steps.length, body];
  };

  const pushSplit = (): { to: readonly number[] } => {
    const step = { kind: 'split' as const, to: [] };
    steps.push(step);
    return step;
  };

  appendOneOf(pattern.alternatives);
  steps.push({ kind: 'match' });
  return steps;
}

/** Characters whose answers a test keeps. */
const keptAnswers = 1000;

/** Returns a test of one character by a part of a pattern that looks at one character. */
function characterTest(raw: string): Test {
  const one = new RegExp(`^(?:${raw})$`, 'u');
  const answers = new Map<string, boolean>();
  return (character) => {
    const known = answers.get(character);
    if (known !== undefined) return known;
    const answer = one.test(character);
    if (answers.size < keptAnswers) answers.set(character, answer);
    return answer;
  };
}

/**
 * Returns whether an alternative is one character: a character or class, one of several, or one of
 * which looking ahead at one character says more.
 */
function isCharacter({ elements }: AST.Alternative): boolean {
  const looks = elements.slice(0, -1);
  const last = elements.at(-1);
  if (!looks.every((node) => node.type === 'Assertion' && isLookAtCharacter(node))) return false;
  if (last?.type === 'Group' || last?.type === 'CapturingGroup') return last.alternatives.every(isCharacter);
  return last?.type === 'Character' || last?.type === 'CharacterSet' || last?.type === 'CharacterClass';
}

function isLookAtCharacter(node: AST.Assertion): boolean {
  return node.kind === 'lookahead' && node.alternatives.every(isCharacter);
}
