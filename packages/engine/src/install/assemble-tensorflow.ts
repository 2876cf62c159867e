import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '@vitvq/files';
import { sitePackages, tensorFlowJsKey } from '../engines/installed-engine.js';
import type { CppCompiler } from './cpp-compiler.js';
import { unpackWheel } from './unpack-wheel.js';

/** Packages that a folder of TensorFlow is assembled from: paths of fetched files by name. */
export type FetchedFiles = ReadonlyMap<string, string>;

/** Parts of TensorFlow's wheels that are needed: libraries and the headers of its C interface. */
const libraries = ['tensorflow/libtensorflow_', 'nvidia/'];
const headers = ['tensorflow/include/tensorflow/', 'tensorflow/include/xla/', 'tensorflow/include/tsl/'];

/** Name of the native part in the folder. */
const bindingName = 'tfjs_binding.node';

/**
 * Packages that the Node package imports and that are written here: the program's own TensorFlow.js
 * instead of a second copy, and the one function that is called of a package of installation tools.
 */
const programsTensorFlowJs = `module.exports = globalThis[Symbol.for(${JSON.stringify(tensorFlowJsKey)})];\n`;
const writtenPackages: Readonly<Record<string, string>> = {
  '@tensorflow/tfjs': programsTensorFlowJs,
  '@tensorflow/tfjs-core': programsTensorFlowJs,
  '@mapbox/node-pre-gyp': `exports.find = () => require('node:path').join(__dirname, '../../..', '${bindingName}');\n`,
};

/**
 * Assembles a folder that the engine loads TensorFlow from: the Node package of TensorFlow.js, its
 * native part, compiled, and TensorFlow's library.
 * @param compiler  undefined where it is among the files
 * @throws {Error} with what a program complained of
 */
export async function assembleTensorFlow(
  folder: string,
  files: FetchedFiles,
  wheels: readonly string[],
  compiler: CppCompiler | undefined,
): Promise<void> {
  const modules = join(folder, 'node_modules');
  const parts = join(folder, 'parts');
  const packages = join(folder, sitePackages);
  for (const name of ['@tensorflow/tfjs-node', 'google-protobuf', 'progress']) {
    await unpackNpm(files.get(name)!, join(modules, name));
  }
  for (const [name, program] of Object.entries(writtenPackages)) {
    await mkdir(join(modules, name), { recursive: true });
    await writeFile(join(modules, name, 'index.js'), program);
    await writeFile(join(modules, name, 'package.json'), `${JSON.stringify({ name, main: 'index.js' })}\n`);
  }
  await unpackNpm(files.get('node-api-headers')!, join(parts, 'node-api-headers'));
  for (const wheel of wheels) await unpackWheel(wheel, packages, [...libraries, ...headers]);
  const zig = files.get('ziglang');
  if (zig !== undefined) await unpackWheel(zig, parts, ['ziglang/']);
  await compileBinding(folder, compiler ?? (await unpackedCompiler(parts)));
  await rm(join(packages, 'tensorflow', 'include'), { recursive: true, force: true });
  await rm(join(modules, '@tensorflow', 'tfjs-node', 'binding'), { recursive: true, force: true });
  await rm(parts, { recursive: true, force: true });
}

/**
 * Loads what was assembled in a process of its own.
 * @throws {Error} with what the process complained of
 */
export async function tryTensorFlow(folder: string): Promise<void> {
  await runProgram(process.execPath, ['-e', `require(${JSON.stringify(join(folder, bindingName))})`]);
}

/** Compiles the native part, which finds TensorFlow's library wherever the folder is moved. */
async function compileBinding(folder: string, { command: [program, ...args] }: CppCompiler): Promise<void> {
  const sources = join(folder, 'node_modules', '@tensorflow', 'tfjs-node', 'binding');
  const library = join(folder, sitePackages, 'tensorflow');
  await runProgram(
    program,
    [
      ...args,
      ...['-std=c++17', '-O2', '-fPIC', '-shared', '-fvisibility=hidden'],
      ...['-DNAPI_VERSION=8', '-DBUILDING_NODE_EXTENSION'],
      ...['-I', join(folder, 'parts', 'node-api-headers', 'include'), '-I', join(library, 'include')],
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(sources, name)),
      ...['-o', join(folder, bindingName)],
      ...['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'].map((name) => join(library, name)),
      `-Wl,-rpath,$ORIGIN/${sitePackages}/tensorflow`,
    ],
    { env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(folder, 'parts', 'zig-cache') } },
  );
}

async function unpackedCompiler(parts: string): Promise<CppCompiler> {
  const program = join(parts, 'ziglang', 'zig');
  await chmod(program, 0o755); // archives of Python keep no rights
  return { command: [program, 'c++'], description: 'zig' };
}

/** Unpacks an archive of npm, whose files lie in a folder of their own in it. */
async function unpackNpm(archive: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await runProgram('tar', ['-xzf', archive, '-C', folder, '--strip-components=1']);
}
