/**
 * What no tracked file may contain, and why. The patterns are written so that they do not match
 * themselves.
 */
const FORBIDDEN: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /(?<![\w.$}\])-])\/(?:home|root|work|tmp|mnt|Users)\/[\w.@-]+/,
    reason: 'an absolute path of some machine',
  },
  { pattern: /\b[A-Z]:\\Users\\/, reason: 'an absolute path of some machine' },
  { pattern: /\bregistry\.[\w-]+\.(?:org|com|io|dev)\b/, reason: 'the address of a package registry' },
  { pattern: /"resolved": "https?:/, reason: 'a lock file entry bound to one registry' },
  { pattern: /\b(?:npm_[A-Za-z0-9]{36}|gh[pousr]_[A-Za-z0-9]{36})\b/, reason: 'a credential' },
  { pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/, reason: 'a credential' },
];

/** A place where a file contains what it may not. */
export interface Finding {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly reason: string;
}

/** Returns the forbidden places of a text, line by line. */
export function findForbidden(text: string): Finding[] {
  return text.split('\n').flatMap((line, index) =>
    FORBIDDEN.flatMap(({ pattern, reason }) => {
      const match = pattern.exec(line);
      return match ? [{ line: index + 1, text: match[0], reason }] : [];
    }),
  );
}
