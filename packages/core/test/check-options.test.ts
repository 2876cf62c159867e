import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { assertMembers, checkOptions, ConfigError, parseOptions, type OptionTable } from '../src/index.js';
import { nearestName } from '../src/nearest-name.js';

interface Options {
  readonly channelLevels: number;
  readonly key: number;
  readonly beta?: number;
}
const table: OptionTable<Options> = { channelLevels: 'required', key: 'required', beta: 'optional' };
const check = (options: unknown, allowOthers = false) =>
  checkOptions(options as Options, table, 'Part', { allowOthers });

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  return 'nothing thrown';
}

describe('checkOptions', () => {
  it('returns the options themselves', () => {
    const options = { channelLevels: 1, key: 2 };
    expect(check(options)).toBe(options);
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['small', '"small"'],
    [3, 'a number'],
  ])('refuses %s in place of options, and says which there are', (value, got) => {
    expect(messageOf(() => check(value))).toBe(
      `Part: expected options with channelLevels, key, got ${got}. Options are channelLevels, key, beta.`,
    );
  });

  it('names everything that is missing or wrong, with the nearest right name', () => {
    expect(messageOf(() => check({ levels: 3, betta: 1, colour: 'red' }))).toBe(
      'Part: expected options with channelLevels, key, got unknown option "levels" (did you mean "channelLevels"?); ' +
        'unknown option "betta" (did you mean "beta"?); unknown option "colour"; no channelLevels; no key. ' +
        'Options are channelLevels, key, beta.',
    );
  });

  it('passes over options of other parts where these may come along, but not over a slip', () => {
    const options = { channelLevels: 1, key: 2, colour: 'red' };
    expect(check(options, true)).toBe(options);
    expect(messageOf(() => check({ ...options, Beta: 1 }, true))).toContain('"Beta" (did you mean "beta"?)');
    // It stands beside the right name, so it is not a slip.
    expect(check({ ...options, levels: 1 }, true)).toMatchObject({ levels: 1 });
  });

  it('takes undefined for an option that is not given', () => {
    expect(messageOf(() => check({ channelLevels: undefined, key: 1 }))).toContain('got no channelLevels.');
    expect(check({ channelLevels: 1, key: 1, colour: undefined })).toHaveProperty('key');
  });
});

describe('assertMembers', () => {
  it('takes whatever has the members', () => {
    expect(() => assertMembers(new Map(), ['get', 'size'], 'the map', 'here')).not.toThrow();
  });

  it.each([
    [undefined, 'here: expected the map to be an object with get, put, got undefined.'],
    ['map', 'here: expected the map to be an object with get, put, got "map".'],
    [{}, 'here: expected the map to have get, put, got an object without get, put.'],
    [new Map(), 'here: expected the map to have get, put, got a Map without put.'],
  ])('says what %s lacks', (value, message) => {
    expect(messageOf(() => assertMembers(value, ['get', 'put'], 'the map', 'here'))).toBe(message);
  });
});

describe('nearestName', () => {
  const known = ['numHeads', 'headDim', 'codebookSize', 'beta', 'key'];

  it.each([
    ['num_heads', 'numHeads'],
    ['heads', 'numHeads'],
    ['codebookSise', 'codebookSize'],
    ['bta', 'beta'],
    ['dim', 'headDim'],
    ['imageKey', 'key'],
  ])('finds for %s %s', (name, meant) => {
    expect(nearestName(name, known)).toBe(meant);
  });

  it.each(['depth', 'b', 'patchSize', 'ky', ''])('finds nothing for "%s"', (name) => {
    expect(nearestName(name, known)).toBeUndefined();
  });
});

describe('parseOptions', () => {
  const part = z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('fsq'), channelLevels: z.number() }),
    z.strictObject({ kind: z.literal('vector'), codeLevels: z.number().optional() }),
  ]);
  const schema = z.strictObject({
    seed: z.number().default(0),
    parts: z.array(part),
    inner: z.strictObject({ warmupSteps: z.number().optional() }).optional(),
  });

  it('names the nearest right name of an unknown one, wherever it is', () => {
    const given = {
      sed: 1,
      parts: [
        { kind: 'fsq', channelLevels: 1, levels: 2 },
        { kind: 'vector', levels: 1 },
      ],
    };
    const message = messageOf(() => parseOptions(schema, { ...given, inner: { warmUpSteps: 1, colour: 2 } }, 'here'));
    expect(message).toContain('unknown option "sed" (did you mean "seed"?)');
    expect(message).toContain('unknown option "parts.0.levels";');
    expect(message).toContain('unknown option "parts.1.levels" (did you mean "codeLevels"?)');
    expect(message).toContain('unknown option "inner.warmUpSteps" (did you mean "warmupSteps"?)');
    expect(message).toContain('unknown option "inner.colour"');
  });

  it('names one that is there where it was to be set again: the same but for case, or a letter away', () => {
    const sizes = z.strictObject({ topK: z.number(), topP: z.number().optional(), transformer: z.number() });
    const message = messageOf(() => parseOptions(sizes, { topK: 1, transformer: 2, topk: 3, transfomer: 4 }, 'here'));
    expect(message).toContain('unknown option "topk" (did you mean "topK"?)');
    expect(message).toContain('unknown option "transfomer" (did you mean "transformer"?)');
  });
});
