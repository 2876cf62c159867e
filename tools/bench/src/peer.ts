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

/**
 * The BLAS that PyTorch would use, or undefined where it cannot be told. Debian's PyTorch takes the
 * system's: the slow reference BLAS, unless OpenBLAS is installed; only the fast one is a fair
 * peer.
 */
export function isReferenceBlas(python: string): boolean {
  const code =
    'import torch\ntorch.rand(4, 4) @ torch.rand(4, 4)\n' +
    'print(any("openblas" in l or "mkl_rt" in l or "libblis" in l for l in open("/proc/self/maps")))\n' +
    'print("generic" in torch.__config__.show())';
  const { stdout, status } = spawnSync(python, ['-c', code], { encoding: 'utf8' });
  return status === 0 && stdout.trim().split('\n').join() === 'False,True';
}

export function peerScript(file: string): string {
  const absolute = path.resolve(file);
  if (!existsSync(absolute)) {
    throw new Error(`bench: expected the PyTorch peer at ${file}, found no file. Name it with --peer.`);
  }
  return absolute;
}

export async function startPeer(python: string, script: string, threads: number): Promise<LineProcess> {
  const peer = new LineProcess(python, [script, '--serve', '--threads', String(threads)], {
    OMP_NUM_THREADS: String(threads),
    OPENBLAS_NUM_THREADS: String(threads),
  });
  await peer.read(); // ready
  return peer;
}
