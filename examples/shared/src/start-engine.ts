import { formatEngine, useEngine, type Engine, type EngineName } from '@vitvq/engine';

/** Choice of an engine, as `commonOptions` reads it. */
export interface EngineChoice {
  /** @default 'auto' */
  readonly engine?: EngineName | 'auto';
  /** @default the engine's own choice */
  readonly threads?: number | undefined;
  /** Devices over which batches are sharded, on the engine `pjrt`. @default 1 */
  readonly devices?: number | undefined;
}

/** Starts an engine and says which one. */
export async function startEngine({ engine: name, threads, devices }: EngineChoice = {}): Promise<Engine> {
  const engine = await useEngine({ name, threads, mesh: { data: devices } });
  console.log(`Engine: ${formatEngine(engine)}, ${engine.reason}`);
  return engine;
}
