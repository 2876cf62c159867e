import { readFile } from 'node:fs/promises';
import type * as OnnxRuntimeNode from 'onnxruntime-node';
import { ExportError } from '../errors.js';
import type { ExportedGraph } from '../manifest.js';
import type { RuntimeName } from '../runtime-name.js';

/** Values of a tensor in host memory. */
export interface HostValue {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Runtime with one file loaded. */
export interface Session {
  run(inputs: Readonly<Record<string, HostValue>>): Promise<Record<string, HostValue>>;
  release(): Promise<void>;
}

/** Both packages implement onnxruntime-common. */
type OnnxRuntime = Pick<typeof OnnxRuntimeNode, 'InferenceSession' | 'Tensor'>;

const packages = { node: 'onnxruntime-node', web: 'onnxruntime-web' } as const;
const providers = { node: 'cpu', web: 'wasm' } as const;

async function load(name: RuntimeName): Promise<OnnxRuntime> {
  if (name === 'node') return import('onnxruntime-node');
  const runtime = await import('onnxruntime-web');
  // Threads of onnxruntime-web would keep a process of Node alive.
  runtime.env.wasm.numThreads = 1;
  return runtime;
}

/** Returns whether a runtime is installed. */
export async function isInstalled(name: RuntimeName): Promise<boolean> {
  return load(name).then(
    () => true,
    () => false,
  );
}

/**
 * Loads a file into a runtime.
 * @throws {ExportError} where the runtime is missing, or refuses the file
 */
export async function openSession(name: RuntimeName, path: string, { inputs }: ExportedGraph): Promise<Session> {
  let runtime: OnnxRuntime;
  try {
    runtime = await load(name);
  } catch (error) {
    throw new ExportError(
      {
        where: 'verifyExport',
        expected: packages[name],
        got: (error as Error).message,
        fix: `Install it (npm install ${packages[name]}), or leave "${name}" out of runtimes.`,
      },
      { cause: error },
    );
  }
  const { InferenceSession, Tensor } = runtime;
  let session: Awaited<ReturnType<typeof InferenceSession.create>>;
  try {
    session = await InferenceSession.create(new Uint8Array(await readFile(path)), {
      executionProviders: [providers[name]],
      // Only errors: warnings would go to standard error.
      logSeverityLevel: 3,
    });
  } catch (error) {
    throw new ExportError(
      { where: path, expected: `${packages[name]} to load the file`, got: (error as Error).message },
      { cause: error },
    );
  }
  const dtypes = new Map(inputs.map((input) => [input.name, input.dtype]));
  return {
    async run(values) {
      const feeds = Object.entries(values).map(([input, { shape, data }]) => {
        const dtype = dtypes.get(input)!;
        return [input, new Tensor(dtype, data as Float32Array, shape)] as const;
      });
      const results = await session.run(Object.fromEntries(feeds));
      return Object.fromEntries(
        Object.entries(results).map(([output, { dims, data }]) => [
          output,
          { shape: dims, data: data as HostValue['data'] },
        ]),
      );
    },
    release: () => session.release(),
  };
}
