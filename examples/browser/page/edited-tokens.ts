/**
 * Tokens of an image that a person changes, and what they were before. `L` of them a position, one
 * after the other.
 */
export class EditedTokens {
  readonly codeDepth: number;
  #original: Int32Array = new Int32Array(0);
  #current: Int32Array = new Int32Array(0);
  readonly #earlier: Int32Array[] = [];

  constructor(codeDepth: number) {
    this.codeDepth = codeDepth;
  }

  /** As they are now. Do not change. */
  get current(): Int32Array {
    return this.#current;
  }

  /** As they came. Do not change. */
  get original(): Int32Array {
    return this.#original;
  }

  get canUndo(): boolean {
    return this.#earlier.length > 0;
  }

  /** Whether anything differs from how it came. */
  get isChanged(): boolean {
    return this.#current.some((code, index) => code !== this.#original[index]);
  }

  /** Whether any code of a position differs from how it came. */
  isChangedAt(position: number): boolean {
    const levels = Array.from({ length: this.codeDepth }, (_, level) => position * this.codeDepth + level);
    return levels.some((index) => this.#current[index] !== this.#original[index]);
  }

  /** Those of another image. */
  load(tokens: Iterable<number>): void {
    this.#original = Int32Array.from(tokens);
    this.#current = this.#original;
    this.#earlier.length = 0;
  }

  /** One code. Setting what is there already is no change. */
  set(position: number, level: number, code: number): void {
    const index = position * this.codeDepth + level;
    if (this.#current[index] !== code) this.#change((tokens) => (tokens[index] = code));
  }

  /** Exchanges two positions with all their levels. */
  swap(a: number, b: number): void {
    if (a === b) return;
    const at = (tokens: Int32Array, position: number): Int32Array =>
      tokens.slice(position * this.codeDepth, (position + 1) * this.codeDepth);
    const [ofA, ofB] = [at(this.#current, a), at(this.#current, b)];
    this.#change((tokens) => {
      tokens.set(ofB, a * this.codeDepth);
      tokens.set(ofA, b * this.codeDepth);
    });
  }

  /** All of them at once, as one change. */
  replace(tokens: Int32Array): void {
    this.#change((current) => current.set(tokens));
  }

  /** Takes the last change back; does nothing where there is none. */
  undo(): void {
    this.#current = this.#earlier.pop() ?? this.#current;
  }

  /** Everything as it came, which can be undone too. */
  reset(): void {
    if (this.isChanged) this.#change((tokens) => tokens.set(this.#original));
  }

  #change(edit: (tokens: Int32Array) => void): void {
    this.#earlier.push(this.#current);
    this.#current = this.#current.slice();
    edit(this.#current);
  }
}
