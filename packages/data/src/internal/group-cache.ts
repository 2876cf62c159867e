/** Keeps the values that were asked for last. */
export class GroupCache<T> {
  readonly #limit: number;
  readonly #values = new Map<string, Promise<T>>();

  /** @param limit  number of values that are kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Returns a value, which is loaded unless it is kept. One that fails is not kept. */
  get(key: string, load: () => Promise<T>): Promise<T> {
    const value = this.#values.get(key) ?? load();
    // The last in the order of a map is the one that was set last.
    this.#values.delete(key);
    this.#values.set(key, value);
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#limit) break;
      this.#values.delete(oldest);
    }
    value.catch(() => this.#values.delete(key));
    return value;
  }
}
