import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../src/internal/workspace.js';

const github = join(repositoryRoot, '.github');
const files = readdirSync(github, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yml'))
  .map((name) => [name, readFileSync(join(github, name), 'utf8').split('\n')] as const);

/** Returns the lines of the value that starts at a line, by their indentation. */
function block(lines: readonly string[], start: number): string[] {
  const indentation = (line: string): number => line.search(/\S/);
  const own = indentation(lines[start]!.replace(/- /, '  '));
  const end = lines.findIndex((line, at) => at > start && line.trim() !== '' && indentation(line) <= own);
  return lines.slice(start, end === -1 ? undefined : end);
}

/** Returns the lines of a job. */
function job(name: string, file: string): string[] {
  const lines = files.find(([path]) => path.endsWith(file))![1];
  return block(lines, lines.indexOf(`  ${name}:`));
}

describe.each(files)('%s', (_name, lines) => {
  it('pins every action by its commit, and says its version', () => {
    const uses = lines.filter((line) => /^\s*(- )?uses: /.test(line));
    const loose = uses.filter((line) => !/uses: (\.\/|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$)/.test(line));
    expect(uses.length).toBeGreaterThan(0);
    expect(loose).toEqual([]);
  });

  it('puts no expression into a shell line', () => {
    const commands = lines.flatMap((line, at) => (/^\s*(- )?run: /.test(line) ? block(lines, at) : []));
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.filter((line) => line.includes('${{'))).toEqual([]);
  });
});

describe('the job that can publish', () => {
  it('is the only one that npm trusts', () => {
    const trusted = files.flatMap(([, lines]) => lines.filter((line) => line.includes('id-token: write')));
    expect(trusted).toHaveLength(1);
    expect(job('publish', 'release.yml').join('\n')).toContain(trusted[0]);
    const withToken = files.flatMap(([, lines]) => lines.filter((line) => line.includes('secrets.NPM_TOKEN')));
    expect(withToken).toHaveLength(1);
    expect(job('publish', 'release.yml').join('\n')).toContain(withToken[0]);
  });

  it('runs no code of the repository or of a dependency', () => {
    const lines = job('publish', 'release.yml');
    const uses = lines.flatMap((line) => /uses: ([^@\s]+)/.exec(line)?.[1] ?? []);
    expect(uses).toEqual(['actions/setup-node', 'actions/download-artifact']);
    expect(
      lines.filter((line) => /\b(npx|node|npm (ci|install|run|exec))\b/.test(line.replace(/node-version/, ''))),
    ).toEqual(['      - uses: actions/setup-node@48b55a011bda9f5d6aeb4c2d9c7362e8dae4041e # v6.4.0']);
    expect(lines.filter((line) => line.includes('npm publish')).join()).toContain('--ignore-scripts');
  });
});
