import type { SkippedImage } from '../skipped-image.js';
import type { ByteRange } from './byte-range.js';
import { captionOf } from './caption-files.js';
import type { Sample } from './sample-set.js';
import { walkTar, type TarMember } from './tar-index.js';

/** A member of a sample whose text counts: the ending of its name, or a field of its JSON. */
export type MemberKey = string | { readonly key: string; readonly field: string };

/** Which members of a sample are read. */
export interface SampleKeys {
  /** Endings of images, in order of preference. */
  readonly images: readonly string[];
  readonly label: MemberKey;
  readonly caption: MemberKey | undefined;
}

/** An image in a shard. */
export interface ShardSample extends Sample {
  /** Position of the image in the shard. */
  readonly offset: number;
  /** Number of bytes of the image. */
  readonly size: number;
}

/** What a shard holds. */
export interface ShardIndex {
  readonly samples: readonly ShardSample[];
  /** Samples that cannot be used, and the shard where it is damaged. */
  readonly skipped: readonly SkippedImage[];
}

/** Members of more bytes are neither labels nor captions. */
const MAXIMUM_TEXT_BYTES = 2 ** 16;

/** Members of one sample: the files whose names agree up to the first dot. */
interface OpenSample {
  readonly key: string;
  readonly images: Map<string, TarMember>;
  readonly texts: Map<string, string>;
}

/**
 * Lists the samples of a WebDataset shard. A damaged shard gives the samples before the damage.
 * @param name  name of the shard, for messages
 */
export async function indexShard(
  shard: ByteRange,
  { name, keys, signal }: { readonly name: string; readonly keys: SampleKeys; readonly signal?: AbortSignal },
): Promise<ShardIndex> {
  const samples: ShardSample[] = [];
  const skipped: SkippedImage[] = [];
  const textKeys = [keys.label, keys.caption].flatMap((key) => (key === undefined ? [] : [endingOf(key)]));
  let open: OpenSample | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const sample = toSample(open, name, keys);
    if ('reason' in sample) skipped.push(sample);
    else samples.push(sample);
  };
  const problem = await walkTar(shard, {
    signal,
    onMember: async (member, read) => {
      const [, key, ending] = /^((?:.*\/)?[^./][^./]*)\.([^/]+)$/.exec(member.name.replace(/^\.\//, '')) ?? [];
      if (key === undefined || ending === undefined) return;
      if (open?.key !== key) {
        close();
        open = { key, images: new Map(), texts: new Map() };
      }
      const lower = ending.toLowerCase();
      if (keys.images.includes(lower)) open.images.set(lower, member);
      if (textKeys.includes(lower) && member.size <= MAXIMUM_TEXT_BYTES) {
        open.texts.set(lower, new TextDecoder().decode(await read()));
      }
    },
  });
  close();
  if (problem !== undefined) {
    skipped.push({ name, reason: `${problem}; ${samples.length} samples before that place are used` });
  }
  return { samples, skipped };
}

function toSample({ key, images, texts }: OpenSample, shard: string, keys: SampleKeys): ShardSample | SkippedImage {
  const name = `${shard}/${key}`;
  const ending = keys.images.find((each) => images.has(each));
  if (ending === undefined) return { name, reason: 'it has no image' };
  const { offset, size } = images.get(ending)!;
  const label = textsOf(texts, keys.label)[0]?.trim();
  const caption = keys.caption && captionOf(textsOf(texts, keys.caption).join('\n'));
  return { name: `${name}.${ending}`, offset, size, label, caption };
}

function endingOf(key: MemberKey): string {
  return (typeof key === 'string' ? key : key.key).toLowerCase();
}

/** Returns the text of a member, or the texts and numbers in a field of its JSON. */
function textsOf(texts: ReadonlyMap<string, string>, key: MemberKey): string[] {
  const text = texts.get(endingOf(key));
  if (text === undefined) return [];
  if (typeof key === 'string') return [text];
  try {
    const value = (JSON.parse(text) as Readonly<Record<string, unknown>> | null)?.[key.field];
    const values: unknown[] = Array.isArray(value) ? value : [value];
    return values.flatMap((each) => (typeof each === 'string' || typeof each === 'number' ? [String(each)] : []));
  } catch {
    return [];
  }
}
