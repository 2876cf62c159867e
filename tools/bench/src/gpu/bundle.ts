import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions } from 'esbuild';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const modules = join(root, 'node_modules');
const here = dirname(fileURLToPath(import.meta.url));

/** Size that the bundle has at most. */
export const mostBytes = 60 * 2 ** 20;

const readme = `vitvq on a GPU

  sh vitvq-gpu.sh             compares with the CPU, then with JAX and PyTorch, in 8 minutes
  sh vitvq-gpu.sh --help      its options

It needs Linux (x64, glibc), Python 3 with JAX for the device and, to be compared with, PyTorch; no Node and no network.
It unpacks itself into a temporary folder, which it removes, and writes vitvq-gpu.json. It contains Node, koffi, ONNX
Runtime and vitvq (licences beside this file), and two programs that measure JAX and PyTorch.
`;

/**
 * The beginning of the bundle; an archive follows it. Python, which must be there for the plug-in,
 * unpacks.
 */
const script = (bytes: number): string => `#!/bin/sh
# vitvq on a GPU: sh vitvq-gpu.sh --help
set -e
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
"\${VITVQ_PYTHON:-python3}" - "$0" "$folder" <<'END'
import sys, tarfile
with open(sys.argv[1], "rb") as bundle:
    bundle.seek(${bytes})
    tarfile.open(fileobj=bundle, mode="r|xz").extractall(sys.argv[2])
END
"$folder/node" "$folder/run.js" "$@"
exit $?
`;

/** Bundles our programs and the threads that own runtimes. */
async function bundlePrograms(folder: string): Promise<void> {
  const engine = join(root, 'packages/engine/src');
  const shared = {
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@vitvq/source'],
    external: ['koffi', 'onnxruntime-node', '@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'],
    logLevel: 'warning',
    outdir: folder,
  } satisfies BuildOptions;
  // TensorFlow.js calls `require`, which a module lacks.
  const banner = { js: "import { createRequire as from } from 'node:module'; const require = from(import.meta.url);" };
  const entryPoints = [join(here, 'run.ts'), join(here, 'parity-main.ts'), join(here, '../ours.ts')].map((input) => ({
    in: input,
    out: input.slice(dirname(input).length + 1, -3),
  }));
  await build({ ...shared, entryPoints, splitting: true, banner });
  const workers = [
    { in: join(engine, 'onnx/worker.ts'), out: 'worker' },
    { in: join(engine, 'pjrt/pjrt-worker.ts'), out: 'pjrt-worker' },
  ];
  await build({ ...shared, entryPoints: workers, outExtension: { '.js': '.mjs' } });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
}

/** Copies native packages, of which a machine with Linux on x64 needs a part. */
function copyPackages(folder: string): void {
  const copy = (path: string): void =>
    cpSync(join(modules, path), join(folder, 'node_modules', path), { recursive: true, dereference: true });
  for (const path of ['package.json', 'index.js', 'index.cjs', 'indirect.js', 'indirect.cjs', 'LICENSE.txt', 'src']) {
    copy(join('koffi', path));
  }
  for (const path of ['package.json', 'index.js', 'linux_x64']) copy(join('@koromix/koffi-linux-x64', path));
  copy('onnxruntime-common/package.json');
  copy('onnxruntime-common/dist/cjs');
  copy('onnxruntime-node/package.json');
  copy('onnxruntime-node/dist');
  for (const name of ['libonnxruntime.so.1', 'onnxruntime_binding.node']) {
    copy(`onnxruntime-node/bin/napi-v6/linux/x64/${name}`);
  }
}

/** Places in which installations of Node keep its licence. */
const nodeLicences = ['../LICENSE', '../share/doc/nodejs/LICENSE', '../share/doc/node/LICENSE'];

function copyLicences(folder: string): void {
  const licences = join(folder, 'licences');
  mkdirSync(licences);
  copyFileSync(join(root, 'LICENSE'), join(licences, 'vitvq.txt'));
  copyFileSync(join(modules, 'koffi/LICENSE.txt'), join(licences, 'koffi.txt'));
  const node = nodeLicences.map((path) => resolve(dirname(process.execPath), path)).find((path) => existsSync(path));
  const text = node === undefined ? 'MIT, https://github.com/nodejs/node/blob/main/LICENSE\n' : readFileSync(node);
  writeFileSync(join(licences, 'node.txt'), text);
  writeFileSync(join(licences, 'onnxruntime.txt'), 'MIT, Copyright (c) Microsoft Corporation\n');
  writeFileSync(join(licences, 'tensorflowjs.txt'), 'Apache-2.0, Copyright Google LLC\n');
}

/**
 * Writes into an empty folder what the bundle contains.
 * @param peers  folder with `peer_jax.py` and `peer_pytorch.py`
 */
export async function layOut(folder: string, peers: string): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`gpu-bundle: expected Linux on x64, whose Node goes into the bundle, got ${process.platform}`);
  }
  for (const name of ['peer_jax.py', 'peer_pytorch.py']) {
    const file = join(peers, name);
    if (!existsSync(file)) throw new Error(`gpu-bundle: expected the peer at ${file}. Name its folder with --peers.`);
    copyFileSync(file, join(folder, name));
    chmodSync(join(folder, name), 0o644);
  }
  await bundlePrograms(folder);
  copyPackages(folder);
  copyLicences(folder);
  writeFileSync(join(folder, 'README.txt'), readme);
  copyFileSync(process.execPath, join(folder, 'node'));
  chmodSync(join(folder, 'node'), 0o755);
}

/**
 * Packs a folder into one file that unpacks itself and runs.
 * @throws {Error} when the file is larger than `most` bytes
 */
export function pack(folder: string, out: string, most = mostBytes): void {
  const archive = execFileSync('tar', ['--owner=0', '--group=0', '-cf', '-', '-C', folder, '.'], {
    maxBuffer: 2 ** 30,
  });
  const compressed = execFileSync('xz', ['-9', '--threads=1', '-c'], { input: archive, maxBuffer: 2 ** 30 });
  // The number of bytes is part of what it counts.
  let bytes = 0;
  while (Buffer.byteLength(script(bytes)) !== bytes) bytes = Buffer.byteLength(script(bytes));
  writeFileSync(out, Buffer.concat([Buffer.from(script(bytes)), compressed]), { mode: 0o755 });
  const { size } = statSync(out);
  if (size > most) throw new Error(`gpu-bundle: expected at most ${most} bytes, got ${size}`);
}
