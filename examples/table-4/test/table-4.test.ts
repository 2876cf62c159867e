import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openResults } from '../src/results.js';
import { VARIANTS } from '../src/config.js';

const settings = { steps: 2, seed: 0, smoke: true };
const result = { name: 'x', steps: 2, seconds: 1, usage: 0.5, perplexity: 4, l2: 0.1, l1: 0.2, psnr: 10, detail: 0.5 };

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'vitvq-table-4-'));
});
afterEach(async () => {
  await rm(out, { recursive: true, force: true });
});

describe('results', () => {
  it('are kept as each training ends', async () => {
    const variant = VARIANTS[0]!;
    const images = { data: new Float32Array(2 * 8 * 8 * 3).fill(0.5), shape: [2, 8, 8, 3] as const };
    await (await openResults(out, settings)).keep(variant, { ...result, name: variant.name }, images);
    const again = await openResults(out, settings);
    expect(again.of(variant)).toEqual({ ...result, name: variant.name });
    expect(again.of(VARIANTS[1]!)).toBeUndefined();
    expect((await readFile(join(out, `${variant.name}.png`))).subarray(1, 4).toString()).toBe('PNG');
    await expect(openResults(out, { ...settings, steps: 3 })).rejects.toThrow('"steps":2');
  });
});

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const program = ['--import', 'tsx', '--conditions=@vitvq/source', main];

describe('a training that is stopped', () => {
  it('is saved, and goes on', { timeout: 180_000 }, async () => {
    /** Starts the program, and sends it a signal once the output holds a text. */
    const start = async (at: string, signal: NodeJS.Signals): Promise<{ code: number | null; output: string }> => {
      const child = spawn(process.execPath, [...program, '--out', out, '--smoke', '--steps', '5000']);
      let output = '';
      let isSent = false;
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (isSent || !output.includes(at)) return;
          isSent = true;
          child.kill(signal);
        });
      }
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, output };
    };
    const stopped = await start('step 1/', 'SIGTERM');
    expect(stopped.output).toContain(`To go on:\n  npm run table-4 -- --out ${out} --smoke --steps 5000\n`);
    expect(stopped.code).toBe(143);
    expect((await start('going on after step', 'SIGKILL')).output).toMatch(/going on after step [1-9]/);
  });
});

describe('the command line', () => {
  it('names every problem at once', () => {
    const argv = [...program, '--out', out, '--steps', '0', '--sed', '1', '--smoke'];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain('--steps must be a whole number of at least 1, not 0');
    expect(stderr).toContain('--sed is not an option');
  });
});
