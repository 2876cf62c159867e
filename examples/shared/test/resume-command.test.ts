import { describe, expect, it } from 'vitest';
import { resumeCommand } from '../src/resume-command.js';

describe('resumeCommand', () => {
  it('is the command that started the run, quoted for a shell', () => {
    expect(resumeCommand('quickstart', [])).toBe('npm run quickstart');
    expect(resumeCommand('quickstart', ['--minutes', '30', '--out', 'my runs/q'])).toBe(
      "npm run quickstart -- --minutes 30 --out 'my runs/q'",
    );
  });

  it('does not delete the run that it goes on with', () => {
    expect(resumeCommand('pipeline', ['--fresh'])).toBe('npm run pipeline');
    expect(resumeCommand('pipeline', ['--seed', '1', '--fresh'])).toBe('npm run pipeline -- --seed 1');
  });
});
