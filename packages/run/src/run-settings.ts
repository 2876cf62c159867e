import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha256OfFile } from '@vitvq/files';
import type { ResolvedClassifierRunConfig } from './config/classifier-run-config.js';
import type { ResolvedRunConfig } from './config/run-config.js';
import { findModel } from './find-model.js';
import type { StageName } from './run-context.js';
import type { Settings } from './run-folder.js';

/**
 * Returns what decides the numbers of a run: its config without what only says how it is watched
 * and where things lie. Images are compared by fingerprint, and a tokenizer that exists by its
 * weights.
 */
export async function settingsOf(config: ResolvedRunConfig): Promise<Settings> {
  const { seed, precision, data, tokenizer, transformer, samples, probe, evaluation } = config;
  const { heldOut, keptForProbe, validation } = data;
  const settings = {
    seed,
    precision,
    data: { ...(validation ? {} : { heldOut }), ...(probe && !data.probe ? { keptForProbe } : {}) },
    tokenizer:
      'from' in tokenizer
        ? { weights: await weightsOf(tokenizer.from) }
        : { ...tokenizer, training: learning(tokenizer.training) },
    transformer: transformer && { ...transformer, training: learning(transformer.training) },
    samples,
    probe: probe ?? undefined,
    evaluation: evaluation ?? undefined,
  };
  return asJson(settings);
}

/** Returns the same of a run that trains a classifier. */
export function settingsOfClassifier({ seed, precision, data, classifier }: ResolvedClassifierRunConfig): Settings {
  const { heldOut, validation } = data;
  return asJson({
    seed,
    precision,
    data: validation ? {} : { heldOut },
    classifier: { ...classifier, training: learning(classifier.training) },
  });
}

/** Returns settings as JSON holds them: without what is undefined. */
function asJson(settings: Settings): Settings {
  return JSON.parse(JSON.stringify(settings)) as Settings;
}

/** Returns a training without how often it is saved, and where weights lie that it uses. */
function learning(training: object): object {
  const left = ['checkpoint', 'perceptual', 'alignment'];
  return Object.fromEntries(Object.entries(training).filter(([name]) => !left.includes(name)));
}

/** Returns the SHA-256 of the weights of a tokenizer that exists. */
async function weightsOf(source: string): Promise<string> {
  const folder = await findModel(source, 'tokenizer');
  const file = ['model.safetensors', 'model.safetensors.index.json'].find((name) => existsSync(join(folder, name)));
  return (file && (await sha256OfFile(join(folder, file)))) ?? source;
}

/** Returns the settings that a stage and those before it depend on; later ones may still change. */
export function settingsOfStage(settings: Settings, stage: StageName): Settings {
  const { seed, precision, data, tokenizer, transformer, samples, probe, evaluation } = settings;
  const ofTokenizer = { seed, precision, data, tokenizer };
  switch (stage) {
    case 'tokenizer':
      return ofTokenizer;
    case 'codes':
      return { ...ofTokenizer, transformer: partOfCodes(transformer) };
    case 'transformer':
      return { ...ofTokenizer, transformer };
    case 'samples':
      return { ...ofTokenizer, transformer, samples };
    case 'probe':
      return { ...ofTokenizer, transformer, samples, probe };
    case 'evaluation':
      return { ...ofTokenizer, transformer, samples, evaluation };
  }
}

/** Returns the part that codes depend on: of a training, how many images it is measured on. */
function partOfCodes(transformer: unknown): unknown {
  const { codes, condition, training } = (transformer ?? {}) as {
    readonly codes?: unknown;
    readonly condition?: unknown;
    readonly training?: { readonly evaluation?: { readonly images?: unknown } };
  };
  return { codes, condition, training: { evaluation: { images: training?.evaluation?.images } } };
}
