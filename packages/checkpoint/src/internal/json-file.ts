import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { regularFileSize, systemReason } from '@vitvq/files';
import { assertJsonSize, parseJsonObject, type JsonObject, type JsonObjectLimits } from './json-object.js';

/** Reads a file as {@link parseJsonObject} parses it. @throws {DataError} naming the file */
export async function readJsonObject(file: string, noun: string, limits: JsonObjectLimits): Promise<JsonObject> {
  assertJsonSize(await regularFileSize(file, noun), noun, limits, file);
  const bytes = await fs.readFile(file).catch((error: unknown) => {
    throw new DataError(
      { where: file, expected: `${noun} that can be read`, got: systemReason(error) },
      { cause: error },
    );
  });
  return parseJsonObject(bytes, noun, limits, file);
}
