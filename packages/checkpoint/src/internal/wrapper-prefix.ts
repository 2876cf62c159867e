/** What DataParallel, torch.compile and a module around a model put before all names. */
const wrappers = ['module.', '_orig_mod.', 'model.'];

/**
 * Returns the longest sequence of wrappers with which all names begin; empty where there is none.
 */
export function wrapperPrefix(names: readonly string[]): string {
  const isBeforeAll = (prefix: string): boolean =>
    names.every((name) => name.length > prefix.length && name.startsWith(prefix));
  let prefix = '';
  for (;;) {
    const longer = wrappers.map((wrapper) => prefix + wrapper).find(isBeforeAll);
    if (longer === undefined || names.length === 0) return prefix;
    prefix = longer;
  }
}
