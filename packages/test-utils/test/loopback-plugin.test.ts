import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@vitvq/core';
import { afterEach, describe, expect, vi } from 'vitest';
import { buildLoopbackPlugin, hasCompiler, it, runProgram } from '../src/node/index.js';

const main = fileURLToPath(new URL('../src/loopback-plugin/main.ts', import.meta.url));

afterEach(() => vi.unstubAllEnvs());

describe('building the loopback plug-in', () => {
  it('needs a C compiler, and says how to get one', async ({ temporaryFolder }) => {
    vi.stubEnv('CC', join(temporaryFolder, 'none'));
    expect(hasCompiler()).toBe(false);
    const built = buildLoopbackPlugin(join(temporaryFolder, 'libloopback.so'));
    await expect(built).rejects.toThrow(ConfigError);
    await expect(built).rejects.toThrow(/expected a C compiler, which the variable CC may name.*apt install gcc/);
  });

  it('refuses a name by which the engine would take it for a plug-in for the CPU', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'libCpu.so');
    await expect(buildLoopbackPlugin(file)).rejects.toThrow(/does not hold "cpu".*got libCpu\.so/);
    expect(existsSync(file)).toBe(false);
  });

  it('is a program that asks for a file and for a plug-in to wrap', async () => {
    vi.stubEnv('VITVQ_PJRT_PLUGIN', '');
    vi.stubEnv('VITVQ_LOOPBACK_PLUGIN', '');
    expect(await runProgram(main, [])).toEqual({ code: 2, output: expect.stringContaining('--out FILE') as string });
    const output = expect.stringContaining('Name a PJRT plug-in for the CPU in VITVQ_PJRT_PLUGIN') as string;
    expect(await runProgram(main, ['--out', 'libloopback.so'])).toEqual({ code: 2, output });
  });

  describe.skipIf(!hasCompiler())('with a C compiler', () => {
    it('names the variables under which the plug-in is used', async ({ temporaryFolder }) => {
      const file = join(temporaryFolder, 'new', 'libloopback.so');
      vi.stubEnv('VITVQ_PJRT_PLUGIN', file);
      vi.stubEnv('VITVQ_LOOPBACK_PLUGIN', '/plugins/libpjrt_cpu.so');
      const { code, output } = await runProgram(main, ['--out', file]);
      expect(output.trim().split('\n')).toEqual([
        `export VITVQ_PJRT_PLUGIN=${file}`,
        'export VITVQ_LOOPBACK_PLUGIN=/plugins/libpjrt_cpu.so',
        'export VITVQ_LOOPBACK_DEVICES=2',
      ]);
      expect(code).toBe(0);
      expect(existsSync(file)).toBe(true);
    });

    it('shows what the compiler says when it fails', async ({ temporaryFolder }) => {
      vi.stubEnv('CC', 'cc --no-such-flag');
      const file = join(temporaryFolder, 'libloopback.so');
      await expect(buildLoopbackPlugin(file)).rejects.toThrow(/--no-such-flag/);
    });
  });
});
