import { z } from 'zod';
import { ranged } from './internal/ranged.js';
import { cc3m } from './kinds/cc3m.js';
import { cifarBinary } from './kinds/cifar-binary.js';
import { cifar10 } from './kinds/cifar10.js';
import { coco } from './kinds/coco.js';
import { folder } from './kinds/folder.js';
import { madeUp } from './kinds/made-up.js';
import { imagenet } from './kinds/imagenet.js';
import { inaturalist } from './kinds/inaturalist.js';
import { lmdb } from './kinds/lmdb.js';
import { pairedFolders } from './kinds/paired-folders.js';
import { parquet } from './kinds/parquet.js';
import type { OpenedSource, SourceContext, SourceKind } from './kinds/source-kind.js';
import { superResolutionKind } from './kinds/super-resolution.js';
import { webdataset } from './kinds/webdataset.js';

/** Sources of images that a config reaches by name: one row a kind. */
const imageKinds = {
  folder,
  cifar10,
  'made-up': madeUp,
  'cifar-binary': cifarBinary,
  imagenet,
  inaturalist,
  webdataset,
  parquet,
  lmdb,
  coco,
  cc3m,
  'paired-folders': pairedFolders,
};

type ImageKinds = typeof imageKinds;
type ImageSchema = ImageKinds[keyof ImageKinds]['schema'];

const imageSchema = z.discriminatedUnion(
  'kind',
  Object.values(imageKinds).map(({ schema }) => schema) as unknown as readonly [ImageSchema, ...ImageSchema[]],
);

async function openImages(config: z.output<ImageSchema>, context: SourceContext): Promise<OpenedSource> {
  // TypeScript does not see that the row of a kind takes the configs of that kind.
  const { open } = imageKinds[config.kind] as unknown as SourceKind<z.ZodType>;
  return ranged(await open(config, context), config);
}

/** The kind that is made of another source. */
const superResolution = superResolutionKind<z.output<ImageSchema>, z.input<ImageSchema>>(imageSchema, openImages);

type Schema = ImageSchema | typeof superResolution.schema;

/** Config of a source of images, as data that JSON or YAML holds. */
export type DataSourceConfig = z.input<Schema>;

/** Schema of {@link DataSourceConfig}; it fills in the defaults. */
export const dataSourceSchema = z.discriminatedUnion('kind', [
  ...imageSchema.options,
  superResolution.schema,
] as unknown as readonly [Schema, ...Schema[]]);

/** Opens the source of a config that has been checked. */
export async function openKind(config: z.output<Schema>, context: SourceContext): Promise<OpenedSource> {
  if (config.kind !== 'super-resolution') return openImages(config, context);
  return ranged(await superResolution.open(config, context), config);
}
