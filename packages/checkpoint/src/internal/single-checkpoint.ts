import { createHash } from 'node:crypto';
import { DataError } from '@vitvq/core';
import { updateHash, writeAtomically } from '@vitvq/files';
import type { CheckpointContents, Verification, VerifiedFile } from './checkpoint-contents.js';
import { assertChecksum, checksumPlace } from './checksum.js';
import type { SafetensorsEntry } from '../safetensors-header.js';
import { encodeHeader } from './layout.js';
import { checksumName, formatName, stateName, stepName } from './metadata-names.js';
import { openWithData } from './open-file.js';
import { quote } from './scan-json.js';
import { forEachTensor } from './write-tensors.js';

/**
 * Checksum of the format, the step, the state and the names, types and shapes of the tensors, so
 * that the state can be trusted without reading the tensors. The other checksum covers the same
 * text and then the bytes of the tensors.
 */
const headChecksumName = 'vitvq.head-sha256';

const format = 'training-checkpoint/2';
const metadataNames: readonly string[] = [checksumName, formatName, stepName, stateName, headChecksumName];

/**
 * Writes a checkpoint as one file while holding one tensor at a time in memory. The checksum is
 * part of the header, which comes before the tensors: a placeholder is written first and replaced
 * before the file gets its name.
 */
export async function writeSingle(file: string, { step, state, tensors, entries }: CheckpointContents): Promise<void> {
  const head = headText(step, state, entries);
  const header = encodeHeader(
    entries,
    {
      // The first entry, so that no state before it can hold a copy of the placeholder.
      [checksumName]: checksumPlace,
      [formatName]: format,
      [stepName]: String(step),
      [stateName]: state,
      [headChecksumName]: createHash('sha256').update(head).digest('hex'),
    },
    file,
  );
  const hash = createHash('sha256').update(head);
  await writeAtomically(file, async (output) => {
    await output.append(header);
    await forEachTensor(tensors, entries, file, async (bytes) => {
      await updateHash(hash, bytes);
      await output.append(bytes);
    });
    const checksum = Buffer.from(hash.digest('hex'), 'latin1');
    await output.replace(checksum, Buffer.from(header.buffer).indexOf(checksumPlace, 0, 'latin1'));
  });
}

/** Opens a checkpoint of one file. @throws {DataError} naming the file and what is wrong with it */
export async function openSingle(file: string, verification: Verification): Promise<VerifiedFile> {
  const { opened, input, dataStart } = await openWithData(file);
  try {
    const { entries, metadata } = opened;
    const { [formatName]: written, [stepName]: step = '', [stateName]: state = '' } = metadata;
    if (written !== format) throw otherFile(file, written);
    const unknown = Object.keys(metadata).find((name) => !metadataNames.includes(name));
    if (unknown !== undefined) {
      throw new DataError({ where: file, expected: `metadata ${metadataNames.join(', ')}`, got: quote(unknown) });
    }
    const other = entries.find(({ dtype }) => dtype !== 'F32' && dtype !== 'I32');
    if (other) {
      throw new DataError({
        where: file,
        expected: 'tensors of type F32 or I32',
        got: `${other.dtype} of ${other.name}`,
      });
    }
    const hash = createHash('sha256').update(headText(Number(step), state, entries));
    assertChecksum(hash.copy().digest('hex'), metadata[headChecksumName] ?? '', file);
    if (verification === 'all') {
      await input.hash(hash, dataStart);
      assertChecksum(hash.digest('hex'), metadata[checksumName] ?? '', file);
    }
    return { step: Number(step), state, opened };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function headText(step: number, state: string, entries: readonly SafetensorsEntry[]): string {
  const described = entries.map(({ name, dtype, shape }) => [name, dtype, shape]);
  return `${JSON.stringify([format, step, state, described])}\n`;
}

function otherFile(file: string, written: string | undefined): DataError {
  const isShard = written?.startsWith('training-checkpoint-shard/') ?? false;
  return new DataError({
    where: file,
    expected: `a training checkpoint ("${format}")`,
    got: written === undefined ? 'a safetensors file without training state' : quote(written),
    fix: isShard
      ? 'This is one of several files of a checkpoint: read the *.safetensors.index.json beside it.'
      : 'To load weights alone, use readSafetensors.',
  });
}
