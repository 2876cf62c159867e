import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { shellCommand } from '../src/index.js';

describe.skipIf(process.platform === 'win32')('shellCommand', () => {
  it('is read by a shell as the words that it was made of', () => {
    const words = ['my runs/of $HOME', "it's", '"', 'a\\b', '`x`', '*', '~', '', 'é', 'line\nbreak', '!1', '--out=x'];
    // Between lines that no word holds.
    const script = `for word in ${shellCommand(words)}; do printf '%s<end>' "$word"; done`;
    expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('<end>').slice(0, -1)).toEqual(words);
  });

  it('leaves alone what needs no quotes', () => {
    expect(shellCommand(['npm', 'run', 'pipeline', '--', '--minutes', '0.5', '--out', 'runs/a-1_b'])).toBe(
      'npm run pipeline -- --minutes 0.5 --out runs/a-1_b',
    );
  });
});
