import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@vitvq/core';

const folder = fileURLToPath(new URL('.', import.meta.url));

/** Flags under which the sources have no warning. */
const flags = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O1', '-shared', '-fPIC', '-pthread', '-fvisibility=hidden'];

/** Returns the C compiler's program and its own arguments, as in `CC="ccache gcc"`. */
function compiler(): readonly [string, ...string[]] {
  const [program = 'cc', ...rest] = (process.env['CC'] ?? '').split(/\s+/).filter(Boolean);
  return [program, ...rest];
}

/** Returns whether there is a C compiler: the one that the variable `CC` names, or else `cc`. */
export function hasCompiler(): boolean {
  const [program, ...rest] = compiler();
  return process.platform !== 'win32' && spawnSync(program, [...rest, '--version']).status === 0;
}

/**
 * Builds the plug-in with which a run of several processes is tried without accelerators, see
 * `loopback-plugin.c`.
 * @param file  path of the library that is written
 * @throws {ConfigError} on Windows, for a name with "cpu", and without a C compiler
 */
export async function buildLoopbackPlugin(file: string): Promise<void> {
  const where = 'buildLoopbackPlugin';
  if (process.platform === 'win32') {
    throw new ConfigError({ where, expected: 'Linux or macOS', got: 'Windows' });
  }
  if (/cpu/i.test(basename(file))) {
    throw new ConfigError({
      where,
      expected: 'a file whose name does not hold "cpu", by which the engine knows a plug-in for the CPU',
      got: basename(file),
    });
  }
  mkdirSync(dirname(file), { recursive: true });
  const sources = readdirSync(folder).filter((name) => name.endsWith('.c'));
  const { code, output } = await runCompiler([...flags, '-o', file, ...sources.map((name) => folder + name), '-ldl']);
  if (code !== 0) {
    throw new ConfigError({ where, expected: 'the C compiler to build the plug-in', got: output.trim() });
  }
}

function runCompiler(values: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const [program, ...rest] = compiler();
  const child = spawn(program, [...rest, ...values]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  return new Promise((resolve, reject) => {
    child.once('close', (code) => resolve({ code, output }));
    child.once('error', (cause) => {
      const facts = {
        where: 'buildLoopbackPlugin',
        expected: 'a C compiler, which the variable CC may name',
        got: cause.message,
        fix: 'Install one: apt install gcc, or xcode-select --install on macOS.',
      };
      reject(new ConfigError(facts, { cause }));
    });
  });
}
