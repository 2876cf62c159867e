import { useEngine, type Engine, type EngineName } from '@vitvq/engine';

/** Choice of an engine, as `commonOptions` reads it. */
export interface EngineChoice {
  /** @default 'auto' */
  readonly engine?: EngineName | 'auto';
  /** @default the engine's own choice */
  readonly threads?: number | undefined;
}

/** Starts an engine and says which one. */
export async function startEngine({ engine: name, threads }: EngineChoice = {}): Promise<Engine> {
  const engine = await useEngine({ name, threads });
  console.log(`Engine: ${engine.name}, ${engine.threads} threads (${engine.description}), ${engine.reason}`);
  return engine;
}
