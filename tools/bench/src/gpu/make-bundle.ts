/**
 * Makes the one file that compares us with JAX and PyTorch on a machine with an NVIDIA GPU:
 * `npm run gpu-bundle -- --out vitvq-gpu.sh`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandLine, runProgram } from '@vitvq/example-shared';
import { layOut, pack } from './bundle.js';

await runProgram('gpu-bundle', async () => {
  const line = new CommandLine(
    {
      name: 'gpu-bundle',
      usage: 'npm run gpu-bundle -- [options]',
      description: 'Makes one file that compares vitvq with JAX and PyTorch on a machine with a GPU.',
      options: [
        { flags: '--out [file]', description: 'the file (default: vitvq-gpu.sh)' },
        { flags: '--peers [folder]', description: 'with peer_jax.py and peer_pytorch.py (default: ../shared/bench)' },
      ],
    },
    process.argv.slice(2),
  );
  const out = line.text('out') ?? 'vitvq-gpu.sh';
  const peers = line.text('peers') ?? '../shared/bench';
  line.finish();
  const folder = await mkdtemp(join(tmpdir(), 'vitvq-gpu-bundle-'));
  try {
    await layOut(folder, peers);
    pack(folder, out);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`${out}: ${(statSync(out).size / 2 ** 20).toFixed(1)} MiB. On the machine with the GPU: sh ${out}`);
});
