import { ConfigError } from '@vitvq/core';

/** A host and a port of it. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What stands in names and numbers of hosts, no longer than DNS allows. */
const hostPattern = /^[A-Za-z0-9_.%:-]{1,253}$/;

/**
 * Parses `host:port`; an IPv6 address stands in brackets.
 * @param name  name of the setting in errors
 * @throws {ConfigError}
 */
export function parseAddress(text: string, name: string, where: string): Address {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? '';
  const port = Number(digits);
  if (hostPattern.test(host) && port >= 1 && port <= 65_535) return { host, port };
  throw new ConfigError({
    where,
    expected: `${name} to be host:port with a port of 1 to 65535`,
    got: JSON.stringify(text.slice(0, 300)),
    fix: 'An IPv6 address stands in brackets: [fd00::1]:62000.',
  });
}

/** Returns an address as `parseAddress` reads it. */
export function formatAddress({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
