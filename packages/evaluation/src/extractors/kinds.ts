import type { TensorFile } from '@vitvq/checkpoint';
import type { RandomKey } from '@vitvq/core';
import { z } from 'zod';
import type { ExtractorNetwork } from './extractor-network.js';
import { ClipViT, clipSchemas, findClip, type ClipConfig, type ClipKind } from './clip-vit.js';
import { DINOv2, dinov2Schema, findDinov2 } from './dinov2.js';
import { findInception, InceptionV3, openInception } from './inception-v3.js';
import { findVgg16, VGG16LPIPS, vgg16Schema } from './vgg16-lpips.js';
import type { WeightImport } from './internal/imported-weights.js';

/** Network of an open file, and how its tensors become variables. */
interface Found<Config> extends WeightImport {
  readonly config: Config;
}

/** Row of a kind of feature extractor. */
interface Kind<S extends z.ZodType, N extends ExtractorNetwork> {
  /** Schema of the config. */
  readonly schema: S;
  /** Creates the network of a config, without weights. */
  readonly create: (config: z.output<S>, key: RandomKey) => N;
  /** Opens a file. @default openWeights */
  readonly open?: (file: string) => Promise<TensorFile>;
  /** Reads the config of a file off names and shapes. @throws {DataError} for other networks */
  readonly find: (opened: TensorFile) => Found<z.output<S>> | Promise<Found<z.output<S>>>;
}

function row<S extends z.ZodType, N extends ExtractorNetwork>(kind: Kind<S, N>): Kind<S, N> {
  return kind;
}

/** Feature extractors by kind: one row a kind. */
export const featureExtractorKinds = {
  'inception-v3-compat': row({
    schema: z.strictObject({ kind: z.literal('inception-v3-compat') }),
    create: (_, key) => new InceptionV3({ key }),
    find: (opened) => ({ config: { kind: 'inception-v3-compat' as const }, ...findInception(opened) }),
    open: openInception,
  }),
  'clip-vit': clipRow('clip-vit'),
  'open-clip-vit': clipRow('open-clip-vit'),
  'vgg16-lpips': row({
    schema: vgg16Schema,
    create: (config, key) => new VGG16LPIPS(config, { key }),
    find: findVgg16,
  }),
  dinov2: row({
    schema: dinov2Schema,
    create: (config, key) => new DINOv2(config, { key }),
    find: findDinov2,
  }),
};

function clipRow(kind: ClipKind): Kind<z.ZodType<ClipConfig>, ClipViT> {
  return {
    schema: clipSchemas[kind],
    create: (config, key) => new ClipViT(config, { key }),
    find: (opened) => findClip(kind, opened),
  };
}

type Kinds = typeof featureExtractorKinds;

/** Name of a kind of feature extractor. */
export type FeatureExtractorKind = keyof Kinds;

/** Feature extractor of a kind. */
export type FeatureExtractorOf<K extends FeatureExtractorKind> = ReturnType<Kinds[K]['create']>;

/** Config of a feature extractor, as data that JSON holds. */
export type FeatureExtractorConfig = z.input<Kinds[FeatureExtractorKind]['schema']>;

/** Returns the row of a kind, with the types that all rows share. */
export function rowOf(kind: FeatureExtractorKind): Kind<z.ZodType<FeatureExtractorConfig>, ExtractorNetwork> {
  return featureExtractorKinds[kind];
}
