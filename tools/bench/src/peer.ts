import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { LineProcess } from './line-process.js';

/** The first Python that has PyTorch. @throws when none has */
export function findPython(): string {
  const candidates = [process.env.VITVQ_PYTHON, 'python3', '/usr/bin/python3', 'python'].filter(
    (candidate): candidate is string => candidate !== undefined,
  );
  for (const candidate of candidates) {
    if (spawnSync(candidate, ['-c', 'import torch'], { stdio: 'ignore' }).status === 0) return candidate;
  }
  throw new Error(
    `bench: expected a Python with PyTorch among ${candidates.join(', ')}, found none. ` +
      'On Debian: apt-get install python3-torch libopenblas0-pthread. Or name one in VITVQ_PYTHON.',
  );
}

/** A PyTorch: its version, and the library that it multiplies matrices with. */
export interface PeerDescription {
  readonly version: string;
  /** `reference` is slow: Debian's PyTorch takes it from the system unless OpenBLAS is there. */
  readonly blas: 'MKL' | 'OpenBLAS' | 'reference' | 'another BLAS';
}

/** Describes the PyTorch of a Python. @throws when it cannot be asked */
export function describePeer(python: string): PeerDescription {
  const code =
    'import json, torch\n' +
    'torch.rand(4, 4) @ torch.rand(4, 4)\n' +
    'maps = open("/proc/self/maps").read() if __import__("os").path.exists("/proc/self/maps") else ""\n' +
    'has_mkl = torch.backends.mkl.is_available()\n' +
    'config = torch.__config__.show()\n' +
    'print(json.dumps([torch.__version__, has_mkl or "mkl_rt" in maps, "openblas" in maps, "generic" in config]))';
  const { stdout, stderr, status } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`bench: expected ${python} to describe its PyTorch, got: ${stderr.trim()}`);
  const [version, mkl, openblas, generic] = JSON.parse(stdout) as [string, boolean, boolean, boolean];
  return { version, blas: mkl ? 'MKL' : openblas ? 'OpenBLAS' : generic ? 'reference' : 'another BLAS' };
}

export function peerScript(file: string): string {
  const absolute = path.resolve(file);
  if (!existsSync(absolute)) {
    throw new Error(`bench: expected the PyTorch peer at ${file}, found no file. Name it with --peer.`);
  }
  return absolute;
}

/** Starts a peer. @param compiled  whether it compiles its loss with `torch.compile` */
export async function startPeer(
  python: string,
  script: string,
  threads: number,
  compiled = false,
): Promise<LineProcess> {
  const flags = ['--serve', '--threads', String(threads), ...(compiled ? ['--compile'] : [])];
  const peer = new LineProcess(python, [script, ...flags], {
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
  });
  await peer.read(); // ready
  return peer;
}
