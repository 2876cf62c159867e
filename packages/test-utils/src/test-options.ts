import { ConfigError, VitvqError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';

/** A function or a constructor that takes options. */
export interface OptionsContract {
  /** Calls it with options and whatever else it needs. */
  readonly create: (options: never) => unknown;
  /** Name of one of its options. */
  readonly option: string;
  /** Whether it works without options. @default false */
  readonly isOptional?: boolean;
}

/**
 * Tests that whatever takes options refuses missing and misspelt ones by an error that says so,
 * and never by a TypeError of the language.
 * @param contracts  by the names for people
 */
export function testOptions(contracts: Readonly<Record<string, OptionsContract>>): void {
  const outcome = async ({ create }: OptionsContract, options: unknown): Promise<unknown> => {
    try {
      await create(options as never);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  describe.each(Object.entries(contracts))('%s', (_name, contract) => {
    const { option, isOptional = false } = contract;
    const slip = `${option.slice(0, -1)}_${option.at(-1)!}`;

    it.each([[undefined], [null], [{}], ['text']])('says what it expects in place of %j', async (options) => {
      const isTaken = isOptional && (options === undefined || (typeof options === 'object' && options !== null));
      const error = await outcome(contract, options);
      // Options may be taken, and something else refused.
      const expected: unknown = isTaken && error === undefined ? undefined : expect.any(VitvqError);
      expect(error).toEqual(expected);
    });

    it(`names ${option} for ${slip}`, async () => {
      const error = await outcome(contract, { [slip]: 1 });
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as ConfigError).message).toContain(`unknown option "${slip}" (did you mean "${option}"?)`);
    });
  });
}
