import { checkOptions } from '@vitvq/core';
import { readBytes } from '@vitvq/files';
import { jsonObjectLimitNames, parseJsonObject, type JsonObject, type JsonObjectLimits } from './json-object.js';

/**
 * Reads a file that holds one object in JSON and that may come from anywhere. A file beyond
 * `maximumBytes` is refused before it is read; depth, keys and values are bounded before the text
 * is parsed; keys of an object differ, and none is `__proto__`.
 * @param noun  description of the file for errors, such as "an index"
 * @throws {DataError} naming the file and the problem
 */
export async function readJsonObject(file: string, noun: string, limits: JsonObjectLimits): Promise<JsonObject> {
  checkOptions(limits, jsonObjectLimitNames, 'readJsonObject');
  return parseJsonObject(await readBytes(file, noun, limits.maximumBytes), noun, limits, file);
}
