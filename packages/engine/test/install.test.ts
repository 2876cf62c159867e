import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { DataError } from '@vitvq/core';
import { testOptions } from '@vitvq/test-utils';
import { it } from '@vitvq/test-utils/node';
import { afterEach, describe, expect, vi } from 'vitest';
import { EngineError } from '../src/errors.js';
import { describeInstallation, installableEngines, installEngine, planInstallation } from '../src/install.js';
import { findCppCompiler } from '../src/install/cpp-compiler.js';
import { compilerWheel, cpuPlugin, recipes } from '../src/install/installations.js';
import { fetchFromRegistry, type RegistryFetcher, type RegistryFile } from '../src/install/registry-file.js';

// `npm run check-tensorflow` installs an engine with real registries.

afterEach(() => vi.unstubAllEnvs());

const content = 'an archive';
const file: RegistryFile = {
  registry: 'pip',
  name: 'made-up',
  version: '1.2.3',
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
  purpose: 'nothing',
};

// A folder that cannot be made: nothing is fetched.
const nowhere = { name: 'tensorflow', folder: '/dev/null/engines/tensorflow', files: [file], diskBytes: 1 } as const;
testOptions({
  installEngine: {
    create: (options) => installEngine({ ...nowhere, compiler: undefined, isInstalled: false }, options),
    option: 'fetch',
    isOptional: true,
  },
});

/** A plan that fetches one file into a cache folder of its own. */
async function planOf(folder: string, files: readonly RegistryFile[] = [file]) {
  vi.stubEnv('VITVQ_CACHE', folder);
  return { ...(await planInstallation('tensorflow', 'linux-x64')), files, diskBytes: 1 };
}

const fetching =
  (bytes: string): RegistryFetcher =>
  async ({ name }, folder) => {
    await writeFile(join(folder, `${name}.whl`), bytes);
    return join(folder, `${name}.whl`);
  };

describe('planInstallation', () => {
  it('pins every file', () => {
    const files = installableEngines.flatMap((name) => Object.values(recipes[name]).flatMap((recipe) => recipe.files));
    for (const { name, version, sha256, bytes, registry, wheel } of [...files, ...cpuPlugin.files, compilerWheel]) {
      expect(version, name).toMatch(/^\d+(\.\d+)+$/);
      expect(sha256, name).toMatch(/^[0-9a-f]{64}$/);
      expect(bytes, name).toBeGreaterThan(1000);
      expect(wheel !== undefined, name).toBe(registry === 'pip');
    }
  });

  it('says what will be fetched, from where, and how much it is', async ({ temporaryFolder }) => {
    vi.stubEnv('VITVQ_CACHE', temporaryFolder);
    const plan = await planInstallation('tensorflow', 'linux-x64');
    expect(plan.isInstalled).toBe(false);
    const text = describeInstallation({ ...plan, compiler: { command: ['c++'], description: 'a compiler' } });
    expect(text).toContain(`tensorflow: can be installed into ${join(temporaryFolder, 'engines', 'tensorflow')}`);
    expect(text).toMatch(/from npm {2}@tensorflow\/tfjs-node 4\.22\.0 +229 kB/);
    expect(text).toMatch(/from pip {2}tensorflow-cpu 2\.21\.0 +274 MB/);
    expect(text).toContain('each file checked by its SHA-256');
    expect(text).toContain('compiled with a compiler');
    await expect(readdir(temporaryFolder)).resolves.toEqual([]);
  });

  it('adds a compiler where there is none', async ({ temporaryFolder }) => {
    vi.stubEnv('PATH', temporaryFolder);
    vi.stubEnv('CXX', '');
    expect(await findCppCompiler()).toBeUndefined();
    const plan = await planInstallation('tensorflow', 'linux-x64');
    expect(plan.files).toContain(compilerWheel);
    expect(describeInstallation(plan)).toContain('compiled with the compiler that is fetched');
  });

  it('compiles nothing for pjrt, and says how to get plug-ins for other machines', async () => {
    const plan = await planInstallation('pjrt', 'linux-x64');
    expect(plan.compiler).toBeUndefined();
    expect(plan.files).not.toContain(compilerWheel);
    expect(describeInstallation(plan)).not.toContain('compiled');
    await expect(planInstallation('pjrt', 'darwin-arm64')).rejects.toThrow(
      /^engine install pjrt: expected a machine of linux-x64, got darwin-arm64\. .*VITVQ_PJRT_PLUGIN/,
    );
  });

  it('takes the compiler that is named, with its options', async ({ temporaryFolder }) => {
    const program = join(temporaryFolder, 'my-compiler');
    await writeFile(program, '#!/bin/sh\necho "my compiler $*"\n');
    await chmod(program, 0o755);
    expect(await findCppCompiler({ CXX: `${program} -m64` })).toEqual({
      command: [program, '-m64'],
      description: 'my compiler -m64 --version',
    });
  });

  it('says which machines there is an engine for', async () => {
    await expect(planInstallation('tensorflow', 'win32-arm64')).rejects.toThrow(EngineError);
    await expect(planInstallation('tensorflow-gpu', 'win32-arm64')).rejects.toThrow(
      /^engine install tensorflow-gpu: expected a machine of linux-x64, got win32-arm64\. .*@tensorflow\/tfjs-node-gpu/,
    );
  });
});

describe('installEngine', () => {
  it('keeps nothing of a file that is another one, and leaves what is installed', async ({ temporaryFolder }) => {
    const plan = await planOf(temporaryFolder);
    await mkdir(plan.folder, { recursive: true });
    await writeFile(join(plan.folder, 'installed.json'), 'an earlier one');
    const installing = installEngine(plan, { fetch: fetching('other bytes') });
    await expect(installing).rejects.toThrow(DataError);
    await expect(installing).rejects.toThrow(
      /^made-up 1\.2\.3 \(pip\): expected a file with SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}\. .*Nothing was kept\.$/,
    );
    expect(await readdir(join(temporaryFolder, 'engines'))).toEqual(['tensorflow']);
    expect(await readFile(join(plan.folder, 'installed.json'), 'utf8')).toBe('an earlier one');
  });

  it('passes on what the client of a registry says', async ({ temporaryFolder }) => {
    const plan = await planOf(temporaryFolder);
    const fetch = () => Promise.reject(new Error('no network'));
    await expect(installEngine(plan, { fetch })).rejects.toThrow(
      'made-up 1.2.3 (pip): expected to fetch it with your pip, got no network. See that "python3 -m pip" works',
    );
  });

  it('says what could not be assembled, and keeps nothing of it', async ({ temporaryFolder }) => {
    const steps: string[] = [];
    const archive: RegistryFile = { ...file, registry: 'npm', name: '@tensorflow/tfjs-node' };
    const plan = await planOf(temporaryFolder, [archive]);
    const fetch: RegistryFetcher = async (_, folder) => fetching(content)(file, folder);
    const installing = installEngine(plan, { fetch, onStep: (step) => steps.push(step) });
    await expect(installing).rejects.toThrow(
      /^engine install tensorflow: expected to assemble the engine, got tar ended with code \d+: .*CXX/,
    );
    expect(steps[0]).toBe('Fetching @tensorflow/tfjs-node 1.2.3, 1 kB');
    expect(await readdir(join(temporaryFolder, 'engines'))).toEqual([]);
  });
});

// Archives of pip are read by Python, which is in CI.
const hasPython = process.env['CI'] === 'true' || spawnSync('python3', ['--version']).status === 0;

describe.skipIf(process.platform === 'win32' || !hasPython)('a whole installation', () => {
  /** Plans the real installation, with tiny archives and a compiler of one line. */
  async function tinyInstallation(folder: string, compiler: string) {
    const [contents, program] = [join(folder, 'contents'), join(folder, 'compiler')];
    await mkdir(join(contents, 'package', 'binding'), { recursive: true });
    await mkdir(join(contents, 'tensorflow', 'include', 'tensorflow'), { recursive: true });
    await writeFile(join(contents, 'package', 'package.json'), '{}');
    await writeFile(join(contents, 'tensorflow', 'libtensorflow_cc.so.2'), 'a library');
    await writeFile(join(contents, 'tensorflow', 'large.so'), 'a part that is not needed');
    execFileSync('tar', ['-czf', 'package.tgz', '-C', contents, 'package'], { cwd: folder });
    execFileSync('python3', ['-m', 'zipfile', '-c', '../wheel.whl', 'tensorflow'], { cwd: contents });
    await writeFile(program, `#!/bin/sh\n${compiler}\n`);
    await chmod(program, 0o755);
    vi.stubEnv('VITVQ_CACHE', join(folder, 'cache'));
    vi.stubEnv('CXX', program);
    const plan = await planInstallation('tensorflow', 'linux-x64');
    const archiveOf = ({ registry }: RegistryFile) => join(folder, registry === 'npm' ? 'package.tgz' : 'wheel.whl');
    const files = plan.files.map((each) => ({
      ...each,
      sha256: createHash('sha256')
        .update(readFileSync(archiveOf(each)))
        .digest('hex'),
    }));
    const fetch: RegistryFetcher = async (each, target) => {
      const path = join(target, `${each.name.replace('/', '-')}.archive`);
      await copyFile(archiveOf(each), path);
      return path;
    };
    return { plan: { ...plan, files, diskBytes: 1 }, fetch };
  }
  /** A compiler that answers --version and writes a text where the native part should be. */
  const wrong = 'while [ $# -gt 0 ]; do [ "$1" = -o ] && echo text > "$2"; shift; done';

  it('keeps nothing of an engine whose library cannot be loaded', async ({ temporaryFolder }) => {
    const { plan, fetch } = await tinyInstallation(temporaryFolder, wrong);
    const installing = installEngine(plan, { fetch });
    await expect(installing).rejects.toThrow(EngineError);
    await expect(installing).rejects.toThrow(/expected to load what was assembled, .*glibc 2\.27/);
    expect(await readdir(join(temporaryFolder, 'cache', 'engines'))).toEqual([]);
  });

  it('unpacks the wheels of pjrt, and keeps nothing without a plug-in that can be loaded', async ({
    temporaryFolder,
  }) => {
    const wheelWith = async (name: string): Promise<RegistryFetcher> => {
      const contents = join(temporaryFolder, name);
      await mkdir(join(contents, 'jax_plugins', 'made_up'), { recursive: true });
      await writeFile(join(contents, 'jax_plugins', 'made_up', name), 'no library');
      execFileSync('python3', ['-m', 'zipfile', '-c', `../${name}.whl`, 'jax_plugins'], { cwd: contents });
      return async (_, target) => {
        await copyFile(join(temporaryFolder, `${name}.whl`), join(target, 'plugin.whl'));
        return join(target, 'plugin.whl');
      };
    };
    vi.stubEnv('VITVQ_CACHE', join(temporaryFolder, 'cache'));
    const plan = await planInstallation('pjrt', 'linux-x64');
    const installing = async (name: string): Promise<void> => {
      const fetch = await wheelWith(name);
      const wheel = readFileSync(join(temporaryFolder, `${name}.whl`));
      const sha256 = createHash('sha256').update(wheel).digest('hex');
      await installEngine({ ...plan, files: [{ ...file, sha256 }], diskBytes: 1 }, { fetch });
    };
    await expect(installing('readme.txt')).rejects.toThrow(/expected a plug-in that can be loaded, got wheels without/);
    await expect(installing('pjrt_plugin.so')).rejects.toThrow(
      /^engine install pjrt: expected a plug-in that can be loaded, got .*pjrt_plugin\.so/,
    );
    expect(await readdir(join(temporaryFolder, 'cache', 'engines'))).toEqual([]);
  });

  it('says what the compiler complains of', async ({ temporaryFolder }) => {
    const complaint = 'case "$*" in *-shared*) echo "error: no such header" >&2; exit 1;; esac';
    const { plan, fetch } = await tinyInstallation(temporaryFolder, complaint);
    await expect(installEngine(plan, { fetch })).rejects.toThrow(
      /expected to assemble the engine, got .* ended with code 1: error: no such header\. .*CXX/,
    );
  });
});

describe.skipIf(process.platform === 'win32')('fetchFromRegistry', () => {
  /** Puts a shell script named python3 first on the path. */
  async function withPython(folder: string, script: string): Promise<string> {
    const [programs, target] = [join(folder, 'programs'), join(folder, 'target')];
    await mkdir(programs);
    await mkdir(target);
    await writeFile(join(programs, 'python3'), `#!/bin/sh\n${script}\n`);
    await chmod(join(programs, 'python3'), 0o755);
    vi.stubEnv('PATH', programs + delimiter + process.env['PATH']);
    return target;
  }

  it('asks pip for exactly one wheel, without what it depends on', async ({ temporaryFolder }) => {
    const target = await withPython(temporaryFolder, 'echo "$@" > "$TARGET/made_up-1.2.3.whl"');
    vi.stubEnv('TARGET', target);
    const wheel = { implementation: 'cp', abi: 'cp312', platform: 'manylinux_2_27_x86_64' } as const;
    const fetched = await fetchFromRegistry({ ...file, wheel }, target);
    expect(fetched).toBe(join(target, 'made_up-1.2.3.whl'));
    const given = await readFile(fetched, 'utf8');
    expect(given).toMatch(/^-m pip download --no-deps --only-binary=:all: --dest /);
    expect(given).toContain('--implementation cp --abi cp312 --platform manylinux_2_27_x86_64 made-up==1.2.3');
    expect(given).not.toMatch(/https?:|index-url/);
  });

  it("passes on pip's own words", async ({ temporaryFolder }) => {
    const target = await withPython(temporaryFolder, 'echo "ERROR: No matching distribution" >&2; exit 1');
    await expect(fetchFromRegistry(file, target)).rejects.toThrow(
      'python3 ended with code 1: ERROR: No matching distribution',
    );
  });
});
