import { DataError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { elementTypes } from '../src/internal/pickle/element-types.js';
import { PickleMachine } from '../src/internal/pickle/machine.js';
import { AllowedNames } from '../src/internal/pickle/names.js';
import { pickleOperations } from '../src/internal/pickle/operations.js';
import { PickleReader } from '../src/internal/pickle/reader.js';
import { PickleDictionary, PickleList, PickleName, PickleSet, PickleTuple } from '../src/internal/pickle/values.js';
import type { PickleValue } from '../src/internal/pickle/values.js';
import { bytesOf, little, uint64, type Piece } from './build-pytorch.js';
import { simple } from './load-pickle.js';

const operations = new Map(Object.values(pickleOperations).map((operation) => [operation.name, operation]));
const mark = Symbol('mark');
type Operand = PickleValue | typeof mark;

/** Runs one operation on a machine that holds operands, and returns the machine. */
function runAlone(name: string, before: readonly Operand[], argument: Piece): PickleMachine {
  const reader = new PickleReader(bytesOf(argument));
  const machine = new PickleMachine(reader, new AllowedNames(), (expected, got) => {
    throw new DataError({ where: name, expected, got });
  });
  for (const operand of before) {
    if (operand === mark) machine.mark();
    else machine.push(operand);
  }
  operations.get(name)!.run(machine, reader);
  expect(reader.remaining, 'bytes of the argument that were not read').toBe(0);
  return machine;
}

const ordered = new PickleName('collections.OrderedDict');
const noParameters = new PickleTuple([]);
const dictionaryOf = (): PickleDictionary => new PickleDictionary();
const storageId = (): PickleTuple => new PickleTuple(['storage', new PickleName('torch.FloatStorage'), '0', 'cpu', 4]);

/** Name, operands before, argument, and the operand on top of the stack after the operation. */
const cases: readonly (readonly [string, readonly Operand[], Piece, unknown])[] = [
  ['PROTO', ['below'], '\x05', 'below'],
  ['FRAME', ['below'], uint64(0), 'below'],
  ['POP', ['below', 'gone'], '', 'below'],
  ['POP', ['below', mark], '', 'below'],
  ['POP_MARK', ['below', mark, 1, 2], '', 'below'],
  ['DUP', ['twice'], '', 'twice'],
  ['PUT', ['kept'], '0\n', 'kept'],
  ['BINPUT', ['kept'], '\x00', 'kept'],
  ['LONG_BINPUT', ['kept'], little(3, 4), 'kept'],
  ['MEMOIZE', ['kept'], '', 'kept'],
  ['NONE', [], '', null],
  ['NEWTRUE', [], '', true],
  ['NEWFALSE', [], '', false],
  ['INT', [], '-12\n', -12],
  ['INT', [], '01\n', true],
  ['LONG', [], '123L\n', 123],
  ['BININT', [], little(-5, 4), -5],
  ['BININT1', [], '\xff', 255],
  ['BININT2', [], '\xff\xff', 65535],
  ['LONG1', [], '\x02\xff\x00', 255],
  ['LONG4', [], `${little(1, 4)}\xff`, -1],
  ['FLOAT', [], '1.5e3\n', 1500],
  ['BINFLOAT', [], '\xbf\xd0\x00\x00\x00\x00\x00\x00', -0.25],
  ['STRING', [], "'it\\'s'\n", "it's"],
  ['BINSTRING', [], `${little(1, 4)}x`, 'x'],
  ['SHORT_BINSTRING', [], '\x01x', 'x'],
  ['UNICODE', [], '\\u00e9\n', 'é'],
  ['BINUNICODE', [], `${little(1, 4)}x`, 'x'],
  ['SHORT_BINUNICODE', [], '\x02\xc3\xa9', 'é'],
  ['BINUNICODE8', [], `${uint64(1)}x`, 'x'],
  ['BINBYTES', [], `${little(1, 4)}a`, Uint8Array.of(97)],
  ['SHORT_BINBYTES', [], '\x01a', Uint8Array.of(97)],
  ['BINBYTES8', [], `${uint64(1)}a`, Uint8Array.of(97)],
  ['BYTEARRAY8', [], `${uint64(1)}a`, Uint8Array.of(97)],
  ['EMPTY_TUPLE', [], '', { tuple: [] }],
  ['TUPLE1', [1], '', { tuple: [1] }],
  ['TUPLE2', [1, 2], '', { tuple: [1, 2] }],
  ['TUPLE3', [1, 2, 3], '', { tuple: [1, 2, 3] }],
  ['TUPLE', [0, mark, 1, 2], '', { tuple: [1, 2] }],
  ['EMPTY_LIST', [], '', []],
  ['LIST', [0, mark, 1, 2], '', [1, 2]],
  ['APPEND', [new PickleList(), 1], '', [1]],
  ['APPENDS', [new PickleList(), mark, 1, 2], '', [1, 2]],
  ['EMPTY_DICT', [], '', new Map()],
  ['DICT', [mark, 'a', 1], '', new Map([['a', 1]])],
  ['SETITEM', [dictionaryOf(), 'a', 1], '', new Map([['a', 1]])],
  ['SETITEMS', [dictionaryOf(), mark, 'a', 1, 'b', 2], '', new Map(Object.entries({ a: 1, b: 2 }))],
  ['EMPTY_SET', [], '', new Set()],
  ['ADDITEMS', [new PickleSet(), mark, 1], '', new Set([1])],
  ['FROZENSET', [mark, 1], '', new Set([1])],
  ['GLOBAL', [], 'torch\nfloat32\n', { name: 'torch.float32' }],
  ['STACK_GLOBAL', ['torch', 'float32'], '', { name: 'torch.float32' }],
  ['REDUCE', [ordered, noParameters], '', new Map()],
  ['NEWOBJ', [ordered, noParameters], '', new Map()],
  ['NEWOBJ_EX', [ordered, noParameters, dictionaryOf()], '', new Map()],
  ['INST', [mark, 'a'], 'pathlib\nPosixPath\n', { placeholder: 'pathlib.PosixPath' }],
  ['OBJ', [mark, ordered], '', new Map()],
  ['BUILD', [dictionaryOf(), 'attributes'], '', new Map()],
  [
    'BINPERSID',
    [storageId()],
    '',
    expect.objectContaining({ key: '0', type: elementTypes.get('torch.float32'), length: 4 }),
  ],
];

/** Name, operands before, argument, and the reason of the refusal. */
const refused: readonly (readonly [string, readonly Operand[], Piece, string])[] = [
  ['PROTO', [], '\x06', 'a pickle of protocol 5 at most, got 6'],
  ['FRAME', [], uint64(1), 'a frame within the pickle'],
  ['POP', [], '', 'an operand on the stack'],
  ['POP_MARK', [1], '', 'a mark on the stack'],
  ['GET', [], '0\n', 'something remembered before'],
  ['BINGET', [], '\x00', 'something remembered before'],
  ['LONG_BINGET', [], little(0, 4), 'something remembered before'],
  ['LONG_BINPUT', [1], little(1001, 4), 'places of the memo in order, up to 1000 here'],
  ['GLOBAL', [], 'os\nsystem\n', 'only tensors, plain containers and settings, got os.system'],
  ['STACK_GLOBAL', ['os', 'system'], '', 'only tensors, plain containers and settings, got os.system'],
  ['REDUCE', ['os.system', noParameters], '', 'a class or function to call'],
  ['BUILD', [ordered, 'attributes'], '', 'attributes of a container'],
  ['PERSID', [], 'storage\n', 'storages of tensors as the only things outside of the pickle'],
  ['EXT1', [], '', 'an extension code'],
  ['EXT2', [], '', 'an extension code'],
  ['EXT4', [], '', 'an extension code'],
  ['NEXT_BUFFER', [], '', 'a buffer outside of it'],
  ['READONLY_BUFFER', [], '', 'a buffer outside of it'],
];

describe('the table of operations', () => {
  it('has one row for every operation of the protocols 0 to 5', () => {
    expect(Object.keys(pickleOperations)).toHaveLength(68);
    expect(operations.size).toBe(68);
    const bytes = Object.fromEntries(
      Object.entries(pickleOperations).map(([byte, { name }]) => [name, String.fromCharCode(Number(byte))]),
    );
    // The operations of the protocols 0 and 1 are printable characters.
    expect(bytes).toMatchObject({ MARK: '(', STOP: '.', REDUCE: 'R', BUILD: 'b', GLOBAL: 'c', DICT: 'd' });
    expect(bytes).toMatchObject({ PROTO: '\x80', TUPLE1: '\x85', LONG1: '\x8a', STACK_GLOBAL: '\x93', FRAME: '\x95' });
  });

  it('has a test for every row', () => {
    expect(new Set(['MARK', 'STOP', ...[...cases, ...refused].map(([name]) => name)])).toEqual(
      new Set(operations.keys()),
    );
  });
});

it.each(cases.map(([name, before, argument, after]) => ({ name, before, argument, after })))(
  '$name of $argument',
  ({ name, before, argument, after }) => {
    const machine = runAlone(name, before, argument);
    expect(simple(machine.top())).toEqual(after);
  },
);

it.each(refused.map(([name, before, argument, reason]) => ({ name, before, argument, reason })))(
  '$name refuses: $reason',
  ({ name, before, argument, reason }) => {
    // Unknown names are refused at the end of the pickle.
    expect(() => {
      const machine = runAlone(name, before, argument);
      machine.push(null);
      machine.stop();
    }).toThrow(reason);
  },
);

it.each([
  ['PUT', '0\n', 'GET', '0\n'],
  ['BINPUT', '\x00', 'BINGET', '\x00'],
  ['LONG_BINPUT', little(0, 4), 'LONG_BINGET', little(0, 4)],
  ['MEMOIZE', '', 'BINGET', '\x00'],
])('%s at %j keeps what %s at %j recalls', (put, place, get, samePlace) => {
  const machine = runAlone(put, ['kept'], place);
  machine.push('above');
  operations.get(get)!.run(machine, new PickleReader(bytesOf(samePlace)));
  expect(machine.popMany(3)).toEqual(['kept', 'above', 'kept']);
});

it('MARK hides the operands below it', () => {
  const machine = runAlone('MARK', ['below'], '');
  expect(() => machine.top()).toThrow('an operand on the stack, got none');
  machine.push('above');
  expect(machine.popMark()).toEqual(['above']);
  expect(machine.top()).toBe('below');
});

it('STOP ends the pickle with the operand on top', () => {
  const machine = runAlone('STOP', ['below', 'top'], '');
  expect(machine.result).toEqual({ value: 'top' });
});

it('BINPERSID lists the storage that a pickle mentions', () => {
  expect(runAlone('BINPERSID', [storageId()], '').storages).toHaveLength(1);
});
