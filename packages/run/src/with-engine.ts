import { endEngine, formatEngine, useEngine, type Engine, type ProcessesOptions } from '@vitvq/engine';
import type { ResolvedRunConfig } from './config/run-config.js';
import type { RunView } from './run-progress.js';

/** What an engine is started for. */
export interface EngineUse {
  readonly config: Pick<ResolvedRunConfig, 'engine' | 'threads' | 'mesh'>;
  /** @default this process is alone */
  readonly processes?: ProcessesOptions | undefined;
  readonly view: RunView;
  readonly signal: AbortSignal;
}

/**
 * Starts the engine of a run and does the work. Among several processes, the others end with it, or
 * are told why it fails; a run that is stopped does not fail.
 */
export async function withEngine<T>(
  { config, processes, view, signal }: EngineUse,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  const { engine: name, threads, mesh } = config;
  const engine = await useEngine({ name, threads, mesh, processes });
  view.log(`Engine: ${formatEngine(engine)}, ${engine.reason}`);
  if (!processes) return work(engine);
  let result: T;
  try {
    result = await work(engine);
  } catch (error) {
    const isStopped = signal.aborted && error === signal.reason;
    const reason = error instanceof Error ? error.message : String(error);
    // Whatever becomes of the end, the error is what people have to know.
    await endEngine(isStopped ? {} : { failure: reason }).catch(() => undefined);
    throw error;
  }
  await endEngine();
  return result;
}
