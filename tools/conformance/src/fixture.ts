import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readSafetensors } from '@vitvq/checkpoint';
import { DataError, type HostTensor } from '@vitvq/core';
import { fnv1a, hashSym } from './checksum.js';

/** Describes a tensor in a case's file, as in the manifest. */
export interface TensorEntry {
  readonly shape: readonly number[];
  readonly dtype?: string;
  /** Largest absolute value. */
  readonly absMax?: number;
  /** Difference between the float32 and float64 results of the reference. */
  readonly f64Diff?: number;
  /** Largest difference that passes. */
  readonly atol?: number;
}

type TensorEntries = Readonly<Record<string, TensorEntry>>;

export type Config = Readonly<Record<string, unknown>>;

/** Describes one case of a manifest. */
export interface FixtureCase {
  readonly name: string;
  /** Class or function of the reference. */
  readonly module: string;
  readonly config: Config;
  /** Safetensors file beside the manifest; cases with `values` have none. */
  readonly file?: string;
  readonly inputs?: TensorEntries;
  readonly weights?: TensorEntries;
  readonly outputs?: TensorEntries;
  readonly grads?: TensorEntries;
  /** Files of `torch.save` with the weights of the case, by format. */
  readonly checkpoints?: Readonly<Record<string, { readonly file: string }>>;
  /** Shapes of all tensors under `state_dict` in those files. */
  readonly stateDict?: Readonly<Record<string, readonly number[]>>;
  /** Sum, l2 norm and hashed sum of the same tensors. */
  readonly checksums?: Readonly<Record<string, readonly number[]>>;
  /**
   * Seed of the rule that generates the weights, for cases that store none. Each module has its own
   * scales for the rule.
   */
  readonly hashWeights?: { readonly hashSeed: number };
  /** Arguments of each call of a loss, in order. */
  readonly calls?: readonly Readonly<Record<string, unknown>>[];
  /** Expectations other than tensors: schedules and initial distributions. */
  readonly values?: Readonly<Record<string, unknown>>;
}

/**
 * Holds a case with the tensors of its file: `in/…`, `w/…`, `out/…` and `grad/<scalar>/…`, in
 * the layouts of PyTorch.
 */
export interface LoadedCase extends FixtureCase {
  /** Folder of the case's files. */
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

export interface Manifest {
  readonly folder: string;
  readonly set: string;
  readonly cases: readonly FixtureCase[];
}

const format = 'enhancing-transformers golden fixtures, v1';

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCase(value: unknown): value is FixtureCase {
  return (
    isRecord(value) && typeof value.name === 'string' && typeof value.module === 'string' && isRecord(value.config)
  );
}

/** Checks that the hash rule reproduces the examples in the manifest. */
function checkHash(hash: unknown, file: string): void {
  if (!isRecord(hash) || !isRecord(hash.check)) return;
  const { seed, hashSym: expected, fnv1a_abc: abc } = hash.check;
  const numbers = Array.isArray(expected) ? expected : [];
  const got = numbers.map((_, index) => hashSym(index, Number(seed)));
  if (numbers.some((value, index) => value !== got[index]) || (abc !== undefined && abc !== fnv1a('abc'))) {
    throw new DataError({
      where: file,
      expected: 'the hash rule of this runner to give the examples of the manifest',
      got: `${JSON.stringify(got)}, ${fnv1a('abc')} instead of ${JSON.stringify(expected)}, ${JSON.stringify(abc)}`,
    });
  }
}

/** Reads `manifest.json` of a folder. @throws {DataError} */
export async function readManifest(folder: string): Promise<Manifest> {
  const file = path.join(folder, 'manifest.json');
  let manifest: unknown;
  try {
    manifest = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new DataError(
      {
        where: file,
        expected: 'a manifest of golden cases',
        got: cause instanceof Error ? cause.message : String(cause),
        fix: 'Give the folder that holds manifest.json and the safetensors files.',
      },
      { cause },
    );
  }
  if (!isRecord(manifest) || manifest.format !== format) {
    const got = isRecord(manifest) ? JSON.stringify(manifest.format) : typeof manifest;
    throw new DataError({ where: file, expected: `format "${format}"`, got });
  }
  checkHash(manifest.hash, file);
  const { cases } = manifest;
  if (!Array.isArray(cases) || cases.length === 0 || !cases.every(isCase)) {
    throw new DataError({ where: file, expected: 'cases with name, module and config', got: 'something else' });
  }
  return { folder, set: String(manifest.set), cases };
}

/**
 * Reads the tensors of a case.
 * @throws {DataError} when the file lacks tensors that the manifest lists
 */
export async function loadCase(folder: string, fixture: FixtureCase): Promise<LoadedCase> {
  if (fixture.file === undefined) return { ...fixture, folder, tensors: new Map() };
  const file = path.join(folder, fixture.file);
  const { tensors } = await readSafetensors(file);
  const listed = [
    ...Object.keys(fixture.inputs ?? {}).map((name) => `in/${name}`),
    ...Object.keys(fixture.weights ?? {}).map((name) => `w/${name}`),
    ...Object.keys(expectations(fixture)),
  ];
  const missing = listed.filter((name) => !tensors.has(name));
  if (missing.length > 0) {
    throw new DataError({
      where: file,
      expected: 'the tensors that the manifest lists',
      got: `none named ${missing.join(', ')}`,
    });
  }
  return { ...fixture, folder, tensors };
}

/** Returns the expected tensors by the names of the file: `out/<name>` and `grad/<name>`. */
export function expectations({ outputs = {}, grads = {} }: FixtureCase): Record<string, TensorEntry> {
  return Object.fromEntries([
    ...Object.entries(outputs).map(([name, entry]) => [`out/${name}`, entry] as const),
    ...Object.entries(grads).map(([name, entry]) => [`grad/${name}`, entry] as const),
  ]);
}

/** Returns the tensors whose names start with `prefix/`, by their names without it. */
export function tensorsUnder(tensors: ReadonlyMap<string, HostTensor>, prefix: string): Map<string, HostTensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(`${prefix}/`) ? [[name.slice(prefix.length + 1), tensor]] : [],
    ),
  );
}
