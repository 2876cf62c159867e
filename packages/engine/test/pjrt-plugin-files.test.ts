import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findPlugin } from '../src/pjrt/find-plugin.js';

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'vitvq-plugins-')));
  vi.stubEnv('VITVQ_CACHE', join(root, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

/** Writes an empty file with the folders above it, and returns its path. */
function file(...parts: string[]): string {
  const path = join(root, ...parts);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '');
  return path;
}

const packages = ['lib', 'python3.12', 'site-packages'] as const;
const cuda = ['jax_plugins', 'xla_cuda13', 'xla_cuda_plugin.so'] as const;

describe('findPlugin', () => {
  it('takes what the variable names, whatever else is there', () => {
    file('venv', ...packages, ...cuda);
    const environment = { VITVQ_PJRT_PLUGIN: '/some/libpjrt_cpu.so', VIRTUAL_ENV: join(root, 'venv') };
    expect(findPlugin(environment)).toEqual({ path: '/some/libpjrt_cpu.so', isNamed: true, isCpu: true });
  });

  it('takes a path from the working directory', () => {
    expect(findPlugin({ VITVQ_PJRT_PLUGIN: 'plugin.so' })?.path).toBe(join(process.cwd(), 'plugin.so'));
  });

  it.each([
    ['CUDA', cuda, false],
    ['ROCm', ['jax_plugins', 'xla_rocm10', 'xla_rocm_plugin.so'], false],
    ['a TPU', ['libtpu', 'libtpu.so'], false],
    ['Apple', ['jax_plugins', 'metal_plugin', 'pjrt_plugin_metal_14.dylib'], false],
    ['a CPU', ['fastatomstruct_xla_cpu', 'libpjrt_cpu.so'], true],
  ] as const)('finds the plug-in for %s in the active virtual environment', (_, parts, isCpu) => {
    const path = file('venv', ...packages, ...parts);
    expect(findPlugin({ VIRTUAL_ENV: join(root, 'venv'), PATH: '', HOME: root })).toEqual({
      path,
      isNamed: false,
      isCpu,
    });
  });

  it('finds one beside the python3 of the path, and where a link of it leads', () => {
    const python = file('base', 'bin', 'python3.12');
    mkdirSync(join(root, 'bin'));
    symlinkSync(python, join(root, 'bin', 'python3'));
    const path = file('base', ...packages, ...cuda);
    expect(findPlugin({ PATH: join(root, 'bin'), HOME: root })?.path).toBe(path);
  });

  it('finds the one that was installed into the cache, before those of pip', () => {
    file('venv', ...packages, ...cuda);
    const path = file('cache', 'engines', 'pjrt', 'site-packages', ...cuda);
    expect(findPlugin({ VIRTUAL_ENV: join(root, 'venv'), PATH: '', HOME: root })?.path).toBe(path);
  });

  it('prefers an accelerator, and passes over other libraries', () => {
    file('venv', ...packages, 'fastatomstruct_xla_cpu', 'libpjrt_cpu.so');
    file('venv', ...packages, 'jax_plugins', 'xla_cuda13', '_rnn.so');
    const path = file('venv', ...packages, ...cuda);
    expect(findPlugin({ VIRTUAL_ENV: join(root, 'venv'), PATH: '', HOME: root })?.path).toBe(path);
  });
});
