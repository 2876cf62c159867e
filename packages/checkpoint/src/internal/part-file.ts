import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DataError, formatShape } from '@vitvq/core';
import type { SafetensorsFile } from '../safetensors-file.js';
import { assertChecksum } from './checksum.js';
import { formatName, stepName } from './metadata-names.js';
import { openWithData } from './open-file.js';
import { saveName, type ParsedPartsIndex, type PartsIndex } from './parts-index.js';
import { quote } from './scan-json.js';

const format = 'training-checkpoint-part/1';
const partKey = 'vitvq.part';

/** Returns the metadata of a part. @param part  number from 0 on */
export function partMetadata(step: number, save: string, part: number, parts: number): Record<string, string> {
  return { [formatName]: format, [stepName]: String(step), [saveName]: save, [partKey]: `${part + 1}/${parts}` };
}

/**
 * Opens a part of a checkpoint and checks that it is the one of the index. The caller closes it.
 * @param contents  whether its bytes are compared with the checksum too
 * @throws {DataError} naming the file that is missing, damaged, or of another save
 */
export async function openPart(
  folder: string,
  index: ParsedPartsIndex,
  part: number,
  contents: boolean,
): Promise<SafetensorsFile> {
  const { file: name, bytes, sha256 } = index.parts[part]!;
  const file = join(folder, name);
  const { opened, input } = await openWithData(file);
  try {
    assertSameSave(opened, index, part);
    if (input.size !== bytes) {
      throw new DataError({
        where: file,
        expected: `${bytes} bytes`,
        got: String(input.size),
        fix: 'The file was damaged after it was written.',
      });
    }
    if (contents) {
      const hash = createHash('sha256');
      await input.hash(hash);
      assertChecksum(hash.digest('hex'), sha256, file);
    }
    assertPieces(opened, index, part);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function assertSameSave({ file, metadata }: SafetensorsFile, { step, save, parts }: PartsIndex, part: number): void {
  const expected = partMetadata(step, save, part, parts.length);
  if (metadata[formatName] !== format) {
    const got = quote(metadata[formatName]);
    throw new DataError({ where: file, expected: `a part of a checkpoint ("${format}")`, got });
  }
  const other = Object.keys(expected).find((name) => metadata[name] !== expected[name]);
  if (other === undefined) return;
  throw new DataError({
    where: file,
    expected: `part ${expected[partKey]} of save ${save} at step ${step}`,
    got: `${other} ${quote(metadata[other])}`,
    fix: 'Parts of different saves do not belong together: take all files from one checkpoint.',
  });
}

function assertPieces({ file, entries }: SafetensorsFile, { heldBy }: ParsedPartsIndex, part: number): void {
  const found = new Map(entries.map((entry) => [entry.name, entry]));
  for (const { name, dtype, shape } of heldBy[part]!) {
    const wanted = `${dtype} ${formatShape(shape)}`;
    const entry = found.get(name);
    const got = entry ? `${entry.dtype} ${formatShape(entry.shape)}` : 'none of that name';
    if (got !== wanted) {
      throw new DataError({ where: file, expected: `tensor ${quote(name)} ${wanted}, as the index says`, got });
    }
    found.delete(name);
  }
  const [more] = found.keys();
  if (more === undefined) return;
  throw new DataError({ where: file, expected: 'only tensors that the index lists', got: quote(more) });
}
