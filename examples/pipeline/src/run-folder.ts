import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { z } from 'zod';
import type { Settings } from './config.js';

/** In their order. */
const stages = ['tokenizer', 'codes', 'gpt', 'samples', 'probe'] as const;
export type StageName = (typeof stages)[number];

const SETTINGS_FILE = 'settings.json';
const settingsSchema = z.strictObject({ seed: z.int(), minutes: z.number(), smoke: z.boolean() });

/** What a stage came to. */
export interface Kept<T> {
  readonly result: T;
  /** Of the call that ended the stage. */
  readonly seconds: number;
}

/**
 * A folder that a run can be picked up from: `settings.json`, and for each stage that is done its result in
 * `<stage>.json`, written last. What a stage leaves on the way (checkpoints, shards) lies in `<stage>/`.
 */
export class RunFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws {ConfigError} when it holds a run of other settings @throws {DataError} when that cannot be read */
  static async open(path: string, settings: Settings, { fresh }: { readonly fresh: boolean }): Promise<RunFolder> {
    await mkdir(path, { recursive: true });
    const folder = new RunFolder(path);
    if (fresh) await folder.#clear();
    const file = join(path, SETTINGS_FILE);
    const earlier = await readJson(file, settingsSchema);
    if (earlier && JSON.stringify(earlier) !== JSON.stringify(settings)) {
      throw new ConfigError({
        where: file,
        expected: `a run of ${JSON.stringify(settings)}`,
        got: JSON.stringify(earlier),
        fix: 'Give the same options to go on with it, add --fresh to start over, or choose another --out.',
      });
    }
    if (!earlier) await writeJson(file, settings);
    return folder;
  }

  /** Where a stage keeps its files, such as checkpoints. */
  of(stage: StageName): string {
    return join(this.path, stage);
  }

  /** The result that an earlier start left of the stage, or what `run` returns, which is kept. */
  async stage<T>(name: StageName, schema: z.ZodType<T>, run: () => Promise<T>): Promise<Kept<T>> {
    const file = join(this.path, `${name}.json`);
    const keptSchema = z.strictObject({ result: schema, seconds: z.number() });
    const earlier = await readJson(file, keptSchema);
    const title = `Stage ${stages.indexOf(name) + 1} of ${stages.length}, ${name}`;
    if (earlier) {
      console.log(`${title}: kept from an earlier start`);
      return earlier;
    }
    console.log(title);
    await mkdir(this.of(name), { recursive: true });
    const start = performance.now();
    const result = await run();
    const kept = { result, seconds: (performance.now() - start) / 1000 };
    await writeJson(file, kept);
    console.log(`  done in ${kept.seconds.toFixed(1)} s`);
    return kept;
  }

  /** Nothing but what a run writes. */
  async #clear(): Promise<void> {
    const names = [SETTINGS_FILE, 'metrics.json', 'report.html', ...stages, ...stages.map((name) => `${name}.json`)];
    for (const name of names) await rm(join(this.path, name), { recursive: true, force: true });
  }
}

/** The file is there whole or not at all. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(`${file}.part`, `${JSON.stringify(value, null, 2)}\n`);
  await rename(`${file}.part`, file);
}

async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = schema.safeParse(tryJson(text));
  if (parsed.success) return parsed.data;
  throw new DataError({
    where: file,
    expected: 'what this program wrote',
    got: z.prettifyError(parsed.error),
    fix: 'Add --fresh to start over, or choose another --out.',
  });
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
