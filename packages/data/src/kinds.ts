import { z } from 'zod';
import { cc3m } from './kinds/cc3m.js';
import { cifarBinary } from './kinds/cifar-binary.js';
import { cifar10 } from './kinds/cifar10.js';
import { coco } from './kinds/coco.js';
import { folder } from './kinds/folder.js';
import { madeUp } from './kinds/made-up.js';
import { imagenet } from './kinds/imagenet.js';
import { inaturalist } from './kinds/inaturalist.js';
import { lmdb } from './kinds/lmdb.js';
import { parquet } from './kinds/parquet.js';
import { webdataset } from './kinds/webdataset.js';

/** Sources of images that a config reaches by name: one row a kind. */
export const sourceKinds = {
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
};

type Kinds = typeof sourceKinds;
type Schema = Kinds[keyof Kinds]['schema'];

/** Config of a source of images, as data that JSON or YAML holds. */
export type DataSourceConfig = z.input<Schema>;

/** Schema of {@link DataSourceConfig}; it fills in the defaults. */
export const dataSourceSchema = z.discriminatedUnion(
  'kind',
  Object.values(sourceKinds).map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
);
