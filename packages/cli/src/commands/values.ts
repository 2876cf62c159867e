import { InvalidArgumentError } from 'commander';

/** Reads an option's value as a whole number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number of at least 1.');
  return value;
}

/** Reads an option's value as a whole number from 0 on. */
export function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError('Expected a whole number of at least 0.');
  return value;
}

/** Reads an option's value as a number. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** Reads an option's value as a number above 0. */
export function aboveZero(text: string): number {
  const value = number(text);
  if (value <= 0) throw new InvalidArgumentError('Expected a number above 0.');
  return value;
}

/** Reads an option's value as whole numbers above 0 with commas between them. */
export const listOfPositive = (text: string): readonly number[] => text.split(',').map(positive);

/** Collects the values of an option that may be given several times. */
export function several(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}
