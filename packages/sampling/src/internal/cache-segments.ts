/**
 * The parts that a KV cache is divided into. Attention runs over as many whole segments as hold
 * the slots that are filled, so that early steps read less.
 */
export class CacheSegments {
  /** Slots of each segment. */
  readonly sizes: readonly number[];

  /**
   * @param slots  all slots: those of the condition and of all tokens but the last, which is never
   *   read
   * @param ends  numbers of slots where a segment ends; those beyond the last slot are left out
   */
  constructor(slots: number, ends: readonly number[]) {
    const all = [...new Set([...ends.filter((end) => end < slots), slots])].sort((a, b) => a - b);
    this.sizes = all.map((end, index) => end - (all[index - 1] ?? 0));
  }

  /** Returns the slots of the first `count` segments. */
  slotsOf(count: number): number {
    return this.sizes.slice(0, count).reduce((sum, size) => sum + size, 0);
  }

  /** Returns how many segments hold a slot and all slots before it; all for a slot beyond them. */
  countHolding(slot: number): number {
    const index = this.sizes.findIndex((_, each) => slot < this.slotsOf(each + 1));
    return index < 0 ? this.sizes.length : index + 1;
  }

  /** Returns the slots of those segments. */
  slotsHolding(slot: number): number {
    return this.slotsOf(this.countHolding(slot));
  }
}
