import type { Executable, Program } from '../backend/backend.js';
import { WorkerBackend } from '../backend/worker-backend.js';
import { pjrtWorker, startWorker } from '../backend/worker-file.js';
import type { Mesh } from '../mesh.js';
import type { LinkedProcess } from './processes/linked-process.js';
import { buildProgram } from './program.js';
import type { PjrtFacts, PjrtLoadRequest, PjrtWorkerOptions } from './protocol.js';
import { shardingDialectFor, type ShardingDialect } from './sharding/dialect.js';

/** The plug-in, its devices, and where compiled programs are kept. */
export interface PjrtBackendOptions extends Omit<PjrtWorkerOptions, 'control' | 'conductor'> {
  /** Process 0 within a run of several; the backend ends it. @default this process is alone */
  readonly linked?: LinkedProcess | undefined;
}

/** Runs programs with a PJRT plug-in (XLA) in a worker thread, which owns all buffers. */
export class PjrtBackend extends WorkerBackend<PjrtLoadRequest> {
  readonly #mesh: Mesh;
  readonly #linked: LinkedProcess | undefined;
  #dialect: ShardingDialect | undefined;

  private constructor({ linked, ...options }: PjrtBackendOptions) {
    super({
      where: 'pjrt engine',
      runtime: 'the plug-in',
      start: (control) => {
        const conductor = linked && { place: linked.place, link: linked.devices };
        const workerData: PjrtWorkerOptions = { ...options, conductor, control };
        const transferList = conductor ? [conductor.link.port] : [];
        return startWorker(pjrtWorker, { workerData, transferList, name: 'vitvq-pjrt' });
      },
    });
    this.#mesh = options.mesh;
    this.#linked = linked;
    void linked?.failed.then((error) => this.fail(error));
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
      await backend.terminate((error as Error).message);
      throw error;
    }
  }

  prepare(program: Program): Executable {
    const definition = buildProgram(program, {
      mesh: this.#mesh,
      processes: this.#linked?.place.processes ?? 1,
      dialect: this.#dialect!,
    });
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

  override async terminate(failure?: string): Promise<void> {
    if (failure !== undefined) await this.#linked?.fail(failure);
    await super.terminate();
    await this.#linked?.leave();
  }

  /** Returns the plug-in's facts and its devices. */
  async describe(): Promise<PjrtFacts> {
    return (await this.describeRuntime()) as PjrtFacts;
  }
}
