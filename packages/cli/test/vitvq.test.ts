import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { rungNames } from '@vitvq/run';
import { programOptions, runProgram } from '@vitvq/test-utils/node';
import { describe, expect, test, vi } from 'vitest';
import { createProgram } from '../src/index.js';

interface Manifest {
  readonly version: string;
  readonly bin: { readonly vitvq: string };
}

const root = resolve(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as Manifest;
const { vitvq: builtBin } = manifest.bin;
const isBuilt = Boolean(process.env['VITVQ_BUILT']);
const bin = resolve(root, isBuilt ? builtBin : builtBin.replace('dist', 'src').replace('.js', '.ts'));
// What was built is JavaScript, which users start without the loader that sources need.
const command = isBuilt ? [bin] : [...programOptions, bin];

function vitvq(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...command, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

/** Returns what a command writes to standard error before it ends with the code of wrong usage. */
async function refusal(args: readonly string[]): Promise<string> {
  let written = '';
  const end = vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Error(`exit code ${code}`);
  });
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
  try {
    await expect(createProgram().parseAsync([...args], { from: 'user' })).rejects.toThrow('exit code 2');
  } finally {
    end.mockRestore();
    write.mockRestore();
  }
  return written;
}

describe('vitvq', () => {
  test('starts with a shebang, as a bin must', () => {
    expect(readFileSync(bin, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  test('--version prints the version of the package', () => {
    expect(vitvq('--version')).toEqual({ status: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  test('--help names the commands', () => {
    const { status, stdout } = vitvq('--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Usage: vitvq/);
    expect(stdout).toMatch(/doctor .*which engines can run here/);
  });

  test('without a command shows the help and fails', () => {
    const { status, stderr } = vitvq();
    expect(status).toBe(2);
    expect(stderr).toMatch(/^Usage: vitvq/);
  });

  test('doctor prints a readable report', () => {
    const { status, stdout, stderr } = vitvq('doctor');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/cpu/);
  });

  test('doctor --json prints one JSON object and nothing else', () => {
    const { status, stdout } = vitvq('doctor', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toBeTypeOf('object');
  });

  test('doctor reports all unknown options at once', () => {
    const { status, stdout, stderr } = vitvq('doctor', '--jsn', 'now', '--loud');
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain('vitvq: doctor: --jsn is not an option; --loud is not an option. Options: --json');
    expect(stderr).toContain('Run vitvq --help');
  });

  test.each([
    [
      ['import', 'a.ckpt', '--out', 'm', '--colour', 'red', 'b.ckpt', '--loud'],
      'import: --colour is not an option; "b.ckpt" is not expected; --loud is not an option. Options: --out <folder>',
    ],
    [['import', '--colour', 'a.ckpt', '--out', 'm'], 'import: --colour is not an option. Options: --out <folder>'],
    [
      ['export', 'run', '--form', '--loud', '--no-verify', '--images', 'pictures'],
      'export: --form is not an option; --loud is not an option; --images cannot be given with --no-verify. Options: ',
    ],
    [
      ['import', 'a.ckpt', '--out', 'm', '--quantizer', 'residual'],
      'import: --quantizer residual needs --code-depth. Options: ',
    ],
    [
      [
        'import',
        'a.safetensors',
        '--out',
        'm',
        '--code-depth',
        '2',
        '--config',
        'c.json',
        '--no-normalize',
        '--part',
        'ema',
      ],
      'import: --code-depth needs --quantizer residual; --code-depth, --normalize cannot be given with --config; ' +
        '--part can be given for files of PyTorch only. Options: ',
    ],
    [['import'], 'import: <file> and --out <folder> are missing. Options: '],
    [['import', '--quantizer', 'residual', 'a.ckpt'], 'import: --out <folder> is missing; --quantizer residual needs '],
    [['import', '--out', 'm', '--loud'], 'import: <file> is missing; --loud is not an option. Options: '],
    [['export'], 'export: <run> is missing. Options: '],
    [['train'], 'train: <config> and --out <folder> are missing. Options: --out <folder>'],
    [
      ['train', 'quickstart', '--out', 'r', '--resume', '--fresh', '--colour'],
      'train: --colour is not an option; --resume takes the config of the run: leave out <config>; ' +
        '--resume and --fresh exclude each other; there is no run in r to resume. Options: ',
    ],
    [['tokenize', 'run'], 'tokenize: --data <source> and --out <folder> are missing. Options: '],
    [
      ['tokenize', 'run', '--of', '0'],
      "option '--of <n>' argument '0' is invalid. Expected a whole number of at least 1.",
    ],
    [['verify-tokens', '--loud'], 'verify-tokens: <folder> is missing; --loud is not an option. Options: '],
    [['sample', '--out', 's'], 'sample: <run> and --count <n> are missing. Options: '],
    [['reconstruct', 'run', '--data', 'd'], 'reconstruct: --out <folder> is missing. Options: '],
    [['evaluate', '--json'], 'evaluate: <run> and --data <source> are missing. Options: '],
    [['ladder'], 'ladder: --out <folder> is missing. Options: '],
    [
      ['ladder', '--out', 'l', '--to', 'top'],
      `option '--to <rung>' argument 'top' is invalid. Allowed choices are ${rungNames.join(', ')}.`,
    ],
    [['probe', 'run', 'more'], 'probe: --data <source> is missing; "more" is not expected. Options: '],
    [['inspect'], 'inspect: <path> is missing. Options: '],
    [['plan', '--loud'], 'plan: <config> is missing; --loud is not an option. Options: '],
    [['card', 'run', '--out', 'o', '--name', 'me'], 'card: --name must be owner/name. Options: '],
    [['unpack'], 'unpack: --data <source> and --out <folder> are missing. Options: '],
    [['import-features', 'dinov2'], 'import-features: <file> and --out <folder> are missing. Options: '],
    [
      ['export', '--no-verify', '--images', 'pictures', '--loud'],
      'export: <run> is missing; --loud is not an option; ',
    ],
  ])('names everything that is wrong with %j', async (args, message) => {
    expect(await refusal(args)).toContain(`vitvq: ${message}`);
  });

  test('import takes one class with each --ignore, and has nothing to say besides what it is about', () => {
    const { status, stderr } = vitvq('import', '--out', 'm', '--ignore', 'a.B', '--ignore', 'c.*', 'nowhere.ckpt');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^vitvq: nowhere\.ckpt: .*\n$/);
  });

  test.skipIf(!existsSync('/proc/self'))('import says that nothing can be written before it reads the file', () => {
    const { status, stderr } = vitvq('import', '--out', '/proc/self', 'nowhere.ckpt');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^vitvq: \/proc\/self: expected a folder that can be written to, got .*\n$/);
  });

  test('train --print shows the config that would run, as one JSON object', () => {
    const { status, stdout } = vitvq('train', 'quickstart', '--print', '--json', '--seed', '3', '--engine', 'cpu');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ seed: 3, engine: 'cpu', tokenizer: { training: { batchSize: 16 } } });
  });

  test('train trains a classifier where the config asks for one, which --compare does not go with', async () => {
    const out = await mkdtemp(join(tmpdir(), 'vitvq-cli-'));
    try {
      const words = ['train', 'classifier-smoke', '--out', out, '--engine', 'cpu'];
      const trained = vitvq(...words, '--json');
      expect(trained.status).toBe(0);
      expect(JSON.parse(trained.stdout)).toMatchObject({ steps: 6, heldOutImages: 20, top5: 1 });
      expect(existsSync(join(out, 'classifier', 'model', 'model.safetensors'))).toBe(true);
      const refused = vitvq(...words, '--compare', 'another');
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain('--compare shows reconstructions of a tokenizer');
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }, 120_000);

  test('Ctrl-C in a training saves, and says which command goes on', async () => {
    const out = await mkdtemp(join(tmpdir(), 'vitvq-cli-'));
    try {
      const words = ['train', 'quickstart-smoke', '--out', out, '--engine', 'cpu', '--seed', '3'];
      const { code, output } = await runProgram(bin, [...words, '--set', 'training.duration.minutes=5'], {
        at: 'step 1/',
        signal: 'SIGINT',
      });
      expect(output).toContain(`Stopped; everything is saved in ${out}. To go on:\n  vitvq ${words.join(' ')} --set`);
      expect(code).toBe(130);
      expect(existsSync(join(out, 'config.yaml'))).toBe(true);
    } finally {
      await rm(out, { recursive: true, force: true });
    }
  }, 60_000);

  test('engine list says what can be installed, and from where, without fetching anything', () => {
    const { status, stdout, stderr } = vitvq('engine', 'list');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^tensorflow: /m);
    expect(stdout).toMatch(/^tensorflow-gpu: /m);
    expect(stdout).toMatch(/^pjrt: /m);
    for (const name of ['onnx', 'onnx-webgpu', 'onnx-cuda', 'cpu']) {
      expect(stdout, name).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
    expect(stdout).toContain('vitvq doctor tells which engines work here.');
  });

  test.each([
    ['cpu', 'comes with @tensorflow/tfjs'],
    ['onnx', 'npm install --ignore-scripts onnxruntime-node@1.30.0'],
  ])('engine install %s says where it comes from, and fetches nothing', (name, command) => {
    const { status, stdout, stderr } = vitvq('engine', 'install', name);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.startsWith(`${name}: `)).toBe(true);
    expect(stdout).toContain(command);
  });

  test.each([
    [['engine', 'install', '--yes', '--loud'], 'install: <name> is missing; --loud is not an option. Options: --yes'],
    [
      ['engine', 'install', 'tpu', '--yes'],
      'install: <name> must be one of tensorflow, tensorflow-gpu, pjrt, onnx, onnx-webgpu',
    ],
    [['engine', 'install', 'tensorflow'], 'install: --yes is needed where nobody can be asked. Options: --yes'],
    [['engine', 'list', 'all'], 'list: "all" is not expected. Options: '],
  ])('names what is wrong with %j', (args, message) => {
    const { status, stdout, stderr } = vitvq(...args);
    expect(stderr).toContain(`vitvq: ${message}`);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('an unknown command is named, with the nearest one', () => {
    const { status, stderr } = vitvq('docter');
    expect(status).toBe(2);
    expect(stderr).toContain("vitvq: unknown command 'docter'");
    expect(stderr).toContain('Did you mean doctor?');
  });
});
