import { DataError } from '@vitvq/core';
import { AllowedNames } from '../src/internal/pickle/names.js';
import { PickleReader } from '../src/internal/pickle/reader.js';
import { unpickle } from '../src/internal/pickle/unpickle.js';
import {
  PickleDictionary,
  PickleList,
  PickleName,
  PicklePlaceholder,
  PickleSet,
  PickleTuple,
  type PickleValue,
} from '../src/internal/pickle/values.js';
import { bytesOf, type Piece } from './build-pytorch.js';

/** Reads a pickle with the names that a checkpoint may mention. */
export const load = (bytes: Piece, ignore?: readonly string[]): PickleValue =>
  unpickle(new PickleReader(bytesOf(bytes)), {
    names: new AllowedNames(ignore),
    refuse: (expected, got, fix) => {
      throw new DataError({ where: 'pickle', expected, got, fix });
    },
  }).value;

/** Returns plain values of JavaScript for the values of a pickle. */
export function simple(value: PickleValue): unknown {
  if (value instanceof PickleTuple) return { tuple: value.items.map(simple) };
  if (value instanceof PickleList) return value.items.map(simple);
  if (value instanceof PickleSet) return new Set(value.items.map(simple));
  if (value instanceof PickleDictionary)
    return new Map([...value.entries].map(([key, item]) => [simple(key), simple(item)]));
  if (value instanceof PickleName) return { name: value.name };
  if (value instanceof PicklePlaceholder) return { placeholder: value.name };
  return value;
}
