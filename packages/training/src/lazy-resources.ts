/**
 * Resources that are made when they are first needed, compiled functions above all, and disposed of
 * together.
 */
export class LazyResources {
  readonly #resources = new Map<string, { dispose(): void }>();

  /**
   * Returns the resource of that name, made by `create` at the first call; a name stands for one
   * type.
   */
  once<T extends { dispose(): void }>(name: string, create: () => T): T {
    const existing = this.#resources.get(name) as T | undefined;
    if (existing) return existing;
    const created = create();
    this.#resources.set(name, created);
    return created;
  }

  /** Disposes of everything that was made. */
  dispose(): void {
    for (const resource of this.#resources.values()) resource.dispose();
    this.#resources.clear();
  }
}
