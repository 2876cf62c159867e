import { ConfigError } from '@vitvq/core';

/**
 * Returns the first host of a list of Slurm, such as `node[003-007,12],other1`: names with commas
 * between them, in which numbers and ranges in brackets stand for several hosts. Zeros in front are
 * part of a number.
 * @param name  name of the variable in errors
 * @throws {ConfigError} for what is no such list
 */
export function firstHost(list: string, name: string, where: string): string {
  const refuse = (): never => {
    throw new ConfigError({
      where,
      expected: `${name} to be a list of hosts such as node[003-007,12],other1`,
      got: JSON.stringify(list.slice(0, 300)),
    });
  };
  let host = '';
  let rest = list;
  while (rest !== '' && !rest.startsWith(',')) {
    // A name without brackets, or the first number in brackets; several brackets may follow.
    const [all, text, number] = /^(?:([A-Za-z0-9_.-]+)|\[(\d{1,10})(?:[-,][\d,-]*)?\])/.exec(rest) ?? [];
    if (all === undefined) return refuse();
    host += text ?? number!;
    rest = rest.slice(all.length);
  }
  return host === '' || host.length > 253 ? refuse() : host;
}
