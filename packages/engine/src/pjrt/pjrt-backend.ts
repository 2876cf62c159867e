import type { Executable, Program } from '../backend/backend.js';
import { WorkerBackend } from '../backend/worker-backend.js';
import { pjrtWorker, startWorker } from '../backend/worker-file.js';
import { buildProgram } from './program.js';
import type { PjrtFacts, PjrtLoadRequest, PjrtWorkerOptions } from './protocol.js';
import { shardingDialectFor, type ShardingDialect } from './sharding/dialect.js';

/** The plug-in, its devices, and where compiled programs are kept. */
export type PjrtBackendOptions = Omit<PjrtWorkerOptions, 'control'>;

/** Runs programs with a PJRT plug-in (XLA) in a worker thread, which owns all buffers. */
export class PjrtBackend extends WorkerBackend<PjrtLoadRequest> {
  readonly #mesh: PjrtBackendOptions['mesh'];
  #dialect: ShardingDialect | undefined;

  private constructor(options: PjrtBackendOptions) {
    super({
      where: 'pjrt engine',
      runtime: 'the plug-in',
      start: (control) => {
        const workerData: PjrtWorkerOptions = { ...options, control };
        return startWorker(pjrtWorker, { workerData, name: 'vitvq-pjrt' });
      },
    });
    this.#mesh = options.mesh;
  }

  /**
   * Starts the plug-in, which finds out whether there are devices.
   * @throws {EngineError} with the plug-in's reason, when it does not start
   */
  static async start(options: PjrtBackendOptions): Promise<PjrtBackend> {
    const backend = new PjrtBackend(options);
    try {
      const { apiVersion } = await backend.describe();
      backend.#dialect = shardingDialectFor(apiVersion.minor);
      return backend;
    } catch (error) {
      await backend.terminate();
      throw error;
    }
  }

  prepare(program: Program): Executable {
    const definition = buildProgram(program, { mesh: this.#mesh, dialect: this.#dialect! });
    const { parameters, outputs, resultCount } = definition;
    const read = parameters.map(({ input }) => input);
    const frozen = read.filter((input) => program.frozen.has(input));
    return this.load(
      { definition, frozen: frozen.map((input) => ({ input, slot: program.frozen.get(input)!().id })) },
      {
        inputs: new Set(read.filter((input) => !frozen.includes(input))),
        results: outputs.slice(0, resultCount).map(({ shape, dtype }) => ({ shape, dtype })),
      },
    );
  }

  /** Returns the plug-in's facts and its devices. */
  async describe(): Promise<PjrtFacts> {
    return (await this.describeRuntime()) as PjrtFacts;
  }
}
