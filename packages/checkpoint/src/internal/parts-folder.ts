import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { namesIn, removeFile } from '@vitvq/files';

const folderPattern = /^checkpoint-(\d{1,15})\.parts$/;
const partPattern = /^part-\d{5,}-of-\d{5,}\.([0-9a-f]{16})\.safetensors$/;
const temporaryPattern = /^\.(?:part-.+|index\.json)\.[0-9a-f]{12}\.tmp$/;

/** Name of the index of a checkpoint in parts within its folder. */
export const partsIndexName = 'index.json';

/** Folder of a checkpoint in parts. */
export interface PartsFolder {
  readonly folder: string;
  readonly step: number;
}

/** Returns the folder of a checkpoint in parts. */
export function partsFolder(directory: string, step: number): string {
  return join(directory, `checkpoint-${String(step).padStart(8, '0')}.parts`);
}

/** Returns the name of the file of a part. @param part  number from 0 on */
export function partName(part: number, parts: number, save: string): string {
  const padded = (value: number): string => String(value).padStart(5, '0');
  return `part-${padded(part + 1)}-of-${padded(parts)}.${save}.safetensors`;
}

/** Returns whether a name is that of a part of a save. */
export function isPartName(name: string, save: string): boolean {
  return partPattern.exec(name)?.[1] === save;
}

/** Returns the folders of checkpoints in parts by ascending step, whether or not they are whole. */
export async function partsFolders(directory: string): Promise<PartsFolder[]> {
  return (await namesIn(directory))
    .flatMap((name) => {
      const step = folderPattern.exec(name)?.[1];
      return step === undefined ? [] : [{ folder: join(directory, name), step: Number(step) }];
    })
    .sort((a, b) => a.step - b.step);
}

/** Returns the folders of the checkpoints in parts that have an index, by ascending step. */
export async function indexedFolders(directory: string): Promise<PartsFolder[]> {
  const found: PartsFolder[] = [];
  for (const each of await partsFolders(directory)) {
    if ((await namesIn(each.folder)).includes(partsIndexName)) found.push(each);
  }
  return found;
}

/** Removes the files of parts that belong to another save, and what killed processes left. */
export async function removeOtherParts(folder: string, save: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    const isOther = (partPattern.test(name) && !isPartName(name, save)) || temporaryPattern.test(name);
    if (isOther) await removeFile(join(folder, name), 'to remove a file that belongs to no checkpoint');
  }
}

/**
 * Removes a checkpoint in parts, its index first, so that a kill in between leaves none without
 * parts. A folder that holds other files stays, with them.
 */
export async function removeParts(folder: string): Promise<void> {
  const purpose = 'to remove an older checkpoint';
  await removeFile(join(folder, partsIndexName), purpose);
  for (const name of await namesIn(folder)) {
    if (partPattern.test(name) || temporaryPattern.test(name)) await removeFile(join(folder, name), purpose);
  }
  await fs.rmdir(folder).catch(() => undefined);
}
