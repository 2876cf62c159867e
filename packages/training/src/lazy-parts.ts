/** What a task makes when it is first needed, compiled functions above all, and disposes of together. */
export class LazyParts {
  readonly #parts = new Map<string, { dispose(): void }>();

  /** The part of that name, made by `create` the first time; a name stands for one type. */
  once<T extends { dispose(): void }>(name: string, create: () => T): T {
    const existing = this.#parts.get(name) as T | undefined;
    if (existing) return existing;
    const created = create();
    this.#parts.set(name, created);
    return created;
  }

  dispose(): void {
    for (const part of this.#parts.values()) part.dispose();
    this.#parts.clear();
  }
}
