import type { EngineRequest } from '@vitvq/cli';
import { formatEngine, useEngine, type Engine } from '@vitvq/engine';

/** Choice of an engine, as `commonOptions` reads it. */
export type EngineChoice = EngineRequest;

/** Starts an engine and says which one. */
export async function startEngine({ engine: name, threads, devices }: EngineChoice = {}): Promise<Engine> {
  const engine = await useEngine({ name, threads, mesh: { data: devices } });
  console.log(`Engine: ${formatEngine(engine)}, ${engine.reason}`);
  return engine;
}
