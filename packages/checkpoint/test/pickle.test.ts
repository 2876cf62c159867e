import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { afterEach, describe, expect, it } from 'vitest';
import { openPyTorchCheckpoint } from '../src/index.js';
import { AllowedNames } from '../src/internal/pickle/names.js';
import { PickleEnd, PickleReader } from '../src/internal/pickle/reader.js';
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
import { temporaryFolder } from './build-file.js';
import {
  bytesOf,
  call,
  dictionary,
  float,
  global,
  int,
  legacyCheckpoint,
  list,
  long,
  none,
  pickle,
  storage,
  tensor,
  text,
  tuple,
  uint64,
  zipCheckpoint,
  type Piece,
} from './build-pytorch.js';

const folder = await temporaryFolder();
const file = join(folder, 'hostile.ckpt');

const load = (bytes: Piece, ignore?: readonly string[]): PickleValue =>
  unpickle(new PickleReader(bytesOf(bytes)), {
    names: new AllowedNames(ignore),
    refuse: (expected, got, fix) => {
      throw new DataError({ where: 'pickle', expected, got, fix });
    },
  }).value;

/** As plain values of JavaScript. */
function simple(value: PickleValue): unknown {
  if (value instanceof PickleTuple) return { tuple: value.items.map(simple) };
  if (value instanceof PickleList) return value.items.map(simple);
  if (value instanceof PickleSet) return new Set(value.items.map(simple));
  if (value instanceof PickleDictionary)
    return new Map([...value.entries].map(([key, item]) => [simple(key), simple(item)]));
  if (value instanceof PickleName) return { name: value.name };
  if (value instanceof PicklePlaceholder) return { placeholder: value.name };
  return value;
}

const plainValues: [Piece, unknown][] = [
  ['N', null],
  ['\x88', true],
  ['\x89', false],
  ['I01\n', true],
  ['I00\n', false],
  ['I-12\n', -12],
  ['L123L\n', 123],
  ['L-99999999999999999999L\n', -99999999999999999999n],
  [int(-5), -5],
  ['K\xff', 255],
  ['M\xff\xff', 65535],
  ['\x8a\x00', 0],
  ['\x8a\x01\xff', -1],
  ['\x8a\x02\xff\x00', 255],
  [long(2 ** 40), 2 ** 40],
  [`\x8b\x09\x00\x00\x00${uint64(0)}\x01`, 2n ** 64n],
  ['F1.5e3\n', 1500],
  ['F-inf\n', -Infinity],
  ['Fnan\n', NaN],
  [float(-0.25), -0.25],
  ["S'it\\'s\\x41\\n\\\\'\n", "it'sA\n\\"],
  ['S"x"\n', 'x'],
  ['V\\u00e9 \\U0001f600\n', 'é 😀'],
  ['U\x02\xc3\xa9', 'é'],
  ['T\x01\x00\x00\x00x', 'x'],
  ['\x8c\x01x', 'x'],
  [`\x8d${uint64(1)}x`, 'x'],
  [text('naïve 名'), 'naïve 名'],
  ['C\x02ab', Uint8Array.of(97, 98)],
  ['B\x01\x00\x00\x00a', Uint8Array.of(97)],
  [`\x8e${uint64(1)}a`, Uint8Array.of(97)],
  [`\x96${uint64(1)}a`, Uint8Array.of(97)],
  [')', { tuple: [] }],
  [`${int(1)}\x85`, { tuple: [1] }],
  [`${int(1)}${int(2)}\x86`, { tuple: [1, 2] }],
  [`${int(1)}${int(2)}N\x87`, { tuple: [1, 2, null] }],
  [tuple(int(1), tuple()), { tuple: [1, { tuple: [] }] }],
  [list(int(1), text('a')), [1, 'a']],
  [`(${int(1)}${int(2)}l`, [1, 2]],
  [`]${int(1)}a`, [1]],
  [dictionary({ a: int(1) }), new Map([['a', 1]])],
  [`(${text('a')}${int(1)}d`, new Map([['a', 1]])],
  // Keys that are no texts are dropped, with their values.
  [`}${int(1)}${text('a')}s${text('b')}${int(2)}s`, new Map([['b', 2]])],
  [`}(${float(0.5)}NNN\x88N)N]Nu`, new Map()],
  [`}(${[1, 2, 3].map((high) => `\x8a\x09${uint64(5)}${String.fromCharCode(high)}N`).join('')}u`, new Map()],
  [
    call(global('collections', 'OrderedDict'), list(tuple(int(1), int(1)), tuple(text('a'), none))),
    new Map([['a', null]]),
  ],
  [`}${text('k'.repeat(4096))}Ns`, new Map([['k'.repeat(4096), null]])],
  [`${int(1)}r\xe8\x03\x00\x00\x940h\x01`, 1],
  [`\x8f(${int(1)}${int(2)}\x90`, new Set([1, 2])],
  [`(${int(1)}\x91`, new Set([1])],
  [`]p1\n0g1\n`, []],
  ['](K\x01K\x021e'.replace('1e', 'e'), [1, 2]],
  [`${text('a')}\x94${text('b')}\x940h\x00`, 'a'],
  [`${text('a')}r\x00\x01\x00\x00${none}0j\x00\x01\x00\x00\x86`, { tuple: ['a', 'a'] }],
  [`K\x012\x86`, { tuple: [1, 1] }],
  ['K\x01(K\x02K\x031', 1],
  ['K\x01(0', 1],
  [`\x95${uint64(4)}K\x01N0`, 1],
  [call(global('collections', 'OrderedDict'), list(tuple(text('a'), int(1)))), new Map([['a', 1]])],
  [call(global('collections', 'OrderedDict'), list(list(text('a'), int(1)))), new Map([['a', 1]])],
  [`${call(global('collections', 'OrderedDict'))}${dictionary({ _metadata: int(1) })}b`, new Map()],
  [call(global('collections', 'defaultdict'), global('__builtin__', 'list')), new Map()],
  [call(global('collections', 'Counter'), dictionary({ a: int(2) })), new Map([['a', 2]])],
  [call(global('collections', 'deque'), list(int(1)), int(3)), [1]],
  [call(global('__builtin__', 'set'), list(int(1))), new Set([1])],
  [call(global('builtins', 'frozenset'), list(int(1))), new Set([1])],
  [call(global('_codecs', 'encode'), text('é'), text('latin1')), Uint8Array.of(0xe9)],
  [call(global('builtins', 'bytearray'), 'C\x01a'), Uint8Array.of(97)],
  [call(global('torch', 'Size'), tuple(int(1), int(2))), { tuple: [1, 2] }],
  // What a call copied stays as it was when the list grows.
  [`]q\x00${int(1)}a0${call(global('torch', 'Size'), 'h\x00')}h\x00${int(2)}a0`, { tuple: [1] }],
  [`]q\x00${int(1)}a0${call(global('builtins', 'tuple'), 'h\x00')}h\x00${int(2)}a0`, { tuple: [1] }],
  [`]q\x00${int(1)}a0${call(global('builtins', 'list'), 'h\x00')}h\x00${int(2)}a0`, [1]],
  [`]q\x00${int(1)}a0${call(global('builtins', 'set'), 'h\x00')}h\x00${int(2)}a0`, new Set([1])],
  [
    `}q\x00${text('a')}${int(1)}s0${call(global('builtins', 'dict'), 'h\x00')}h\x00${text('b')}${int(2)}s0`,
    new Map([['a', 1]]),
  ],
  [`${text('torch')}${text('float32')}\x93`, { name: 'torch.float32' }],
  [`${global('argparse', 'Namespace')})\x81${dictionary({ a: int(1) })}b`, { placeholder: 'argparse.Namespace' }],
  [`(ipathlib\nPosixPath\n`.replace('(i', `(${text('a')}i`), { placeholder: 'pathlib.PosixPath' }],
  [`(${global('pathlib', 'PosixPath')}${text('a')}o`, { placeholder: 'pathlib.PosixPath' }],
  [`${global('typing', 'Any')})}\x92`, { placeholder: 'typing.Any' }],
  [
    `${global('omegaconf.listconfig', 'ListConfig')})\x81(${int(1)}e${text('a')}${int(1)}s`,
    { placeholder: 'omegaconf.listconfig.ListConfig' },
  ],
];

describe('plain values', () => {
  it.each(plainValues.map(([piece, expected]) => [JSON.stringify(piece), piece, expected] as const))(
    '%s',
    (_, piece, expected) => {
      expect(simple(load(`\x80\x05${piece}.`))).toEqual(expected);
    },
  );
});

/** Attacks, and what the error must say. Each would run a command where Python reads it. */
const attacks: [string, Piece, string][] = [
  ['os.system by REDUCE', call(global('os', 'system'), text('true')), 'got os.system'],
  ['posix.system, as Python names it', call(global('posix', 'system'), text('id')), 'got posix.system'],
  ['nt.system', call(global('nt', 'system'), text('id')), 'got nt.system'],
  ['builtins.eval', call(global('builtins', 'eval'), text('1')), 'got builtins.eval'],
  ['builtins.exec of Python 2', call(global('__builtin__', 'exec'), text('1')), 'got __builtin__.exec'],
  ['builtins.getattr', call(global('builtins', 'getattr'), none, text('x')), 'got builtins.getattr'],
  ['subprocess.Popen by NEWOBJ', `${global('subprocess', 'Popen')}${tuple(text('id'))}\x81`, 'got subprocess.Popen'],
  ['NEWOBJ_EX', `${global('subprocess', 'Popen')}${tuple(text('id'))}}\x92`, 'got subprocess.Popen'],
  ['INST', `(${text('id')}ios\nsystem\n`, 'got os.system'],
  ['OBJ', `(${global('os', 'system')}${text('id')}o`, 'got os.system'],
  ['STACK_GLOBAL', `${text('os')}${text('system')}\x93${tuple(text('id'))}R`, 'got os.system'],
  ['STACK_GLOBAL of remembered names', `${text('system')}q\x000${text('os')}h\x00\x93`, 'got os.system'],
  [
    'STACK_GLOBAL of other values',
    `${int(1)}${text('system')}\x93`,
    'the names of a module and of what is in it, got 1, "system"',
  ],
  ['dotted names', `${text('torch')}${text('serialization.os.system')}\x93`, 'got torch.serialization.os.system'],
  [
    'dotted names of what is known',
    `${text('collections')}${text('OrderedDict.__init__.__globals__')}\x93`,
    'got collections.OrderedDict.__init__',
  ],
  [
    'a state with __setstate__',
    `${call(global('collections', 'OrderedDict'))}${dictionary({ __setstate__: global('os', 'system') })}b`,
    'got os.system',
  ],
  ['__reduce__ of a class of torch', call(global('torch', 'load'), text('x')), 'got torch.load'],
  [
    'torch.storage._load_from_bytes, which reads a pickle within',
    call(global('torch.storage', '_load_from_bytes'), text('x')),
    'got torch.storage._load_from_bytes',
  ],
  ['runpy', call(global('runpy', '_run_code'), text('x')), 'got runpy._run_code'],
  ['importlib', call(global('importlib', 'import_module'), text('os')), 'got importlib.import_module'],
  ['operator.attrgetter', call(global('operator', 'attrgetter'), text('system')), 'got operator.attrgetter'],
  ['functools.partial', call(global('functools', 'partial'), none), 'got functools.partial'],
  ['pickle.loads', call(global('_pickle', 'loads'), text('x')), 'got _pickle.loads'],
  ['copyreg', call(global('copyreg', '_reconstructor'), none), 'got copyreg._reconstructor'],
  ['a function that is mentioned alone', global('os', 'system'), 'got os.system'],
  ['prototypes of JavaScript', call(global('constructor', 'constructor'), text('x')), 'got constructor.constructor'],
  ['names of JavaScript', global('__proto__', 'toString'), 'got __proto__.toString'],
  ['names with line feeds', `${text('os\n')}${text('system')}\x93`, 'got os\\n.system'],
  ['a class as a function', call(global('torch', 'FloatStorage'), text('x')), 'got a call of torch.FloatStorage'],
  ['a type as a function', call(global('torch', 'float32')), 'got a call of torch.float32'],
  ['a call of a text', call(text('os.system'), text('id')), 'a class or function to call, got "os.system"'],
  ['a call of what a call gave', call(call(global('collections', 'OrderedDict'))), 'to call, got a dictionary'],
  [
    'a call without a tuple',
    `${global('collections', 'OrderedDict')}]R`,
    'expected a tuple of what collections.OrderedDict takes, got a list',
  ],
  [
    'rebuilding by another function',
    call(global('torch._tensor', '_rebuild_from_type_v2'), global('builtins', 'dict')),
    'a tensor to be rebuilt, got builtins.dict',
  ],
  [
    'rebuilding by itself',
    call(global('torch._tensor', '_rebuild_from_type_v2'), global('torch._tensor', '_rebuild_from_type_v2')),
    'a tensor to be rebuilt, got torch._tensor._rebuild_from_type_v2',
  ],
  [
    'a parameter of no tensor',
    call(global('torch._utils', '_rebuild_parameter'), text('x')),
    'expected a tensor, got "x"',
  ],
  [
    'a tensor of no storage',
    call(global('torch._utils', '_rebuild_tensor_v2'), text('x')),
    'the storage of a tensor, got "x"',
  ],
  [
    'a module with its source',
    `${tuple(text('module'), global('torch', 'Size'), text('x.py'), text('import os'))}Q`,
    'the only things outside of the pickle, got "module"',
  ],
  ['a persistent id that is a text', 'Pstorage\n', 'the only things outside of the pickle, got "storage"'],
  [
    'a persistent id of an unknown class',
    `${tuple(text('storage'), text('FloatStorage'), text('0'), text('cpu'), int(1))}Q`,
    'got "FloatStorage"',
  ],
  [
    'a persistent id with a number as key',
    `${tuple(text('storage'), global('torch', 'FloatStorage'), int(0), text('cpu'), int(1))}Q`,
    'the key of a storage to be a text, got 0',
  ],
  [
    'attributes of a tensor',
    `${tensor({ length: 1, shape: [1] })}${dictionary({})}b`,
    'attributes of a container, got some of a tensor',
  ],
  [
    'attributes of a class',
    `${global('collections', 'OrderedDict')}${dictionary({})}b`,
    'got some of collections.OrderedDict',
  ],
  [
    'a view of a storage beyond it',
    storage({ length: 4, shape: [], view: tuple(text('v'), int(2), int(3)) }),
    'expected a view within the 4 elements of storage "0", got 2',
  ],
  ['extension codes', '\x82\x01', 'got an extension code, which stands for a class'],
  ['extension codes of 4 bytes', '\x84\x01\x00\x00\x00', 'got an extension code'],
  ['buffers elsewhere', '\x97', 'got a buffer outside of it'],
];

/** Damage and excess. */
const malformed: [string, Piece, string][] = [
  ['an unknown operation', '\xff', 'expected an operation of a pickle, got byte 0xff, before byte 3'],
  ['a protocol of the future', '\x80\x06', 'a pickle of protocol 5 at most, got 6'],
  [
    'a frame beyond the pickle',
    `\x95${uint64(2n ** 62n)}`,
    'a frame within the pickle, got one of 4611686018427387904 bytes',
  ],
  ['a long of 2 GiB', '\x8b\xff\xff\xff\x7f', 'integers of at most 255 bytes, got one of 2147483647'],
  ['a long of negative length', '\x8b\xff\xff\xff\xff', 'got one of -1'],
  ['a number of a million digits', `L${'9'.repeat(1e6)}L\n`, 'an integer in decimal digits'],
  ['no number', 'Ix\n', 'an integer in decimal digits, got "x"'],
  ['no decimal number', 'F0x10\n', 'expected a number, got "0x10"'],
  ['a text without quotes', 'Sx\n', 'a text in quotes, got "x"'],
  ['a text of negative length', 'T\xff\xff\xff\xff', 'a length of at least 0, got -1'],
  ['nothing on the stack', '0', 'an operand on the stack, got none'],
  ['too little on the stack', 'N\x86', '2 operands on the stack, got fewer'],
  ['an operand below a mark', 'N(2', 'an operand on the stack, got none'],
  ['no mark', 'Nt', 'a mark on the stack, got none'],
  ['nothing remembered', 'h\x07', 'something remembered before, got number 7, which is not'],
  ['a place below 0', 'Np-1\n', 'a place of the memo, got a number below 0'],
  ['items of a tuple', ')Na', 'a list or a set to add to, got a tuple'],
  ['keys of a list', ']NNs', 'a dictionary to add to, got a list'],
  ['a key without a value', '}(Nu', 'keys with values, got a key without one'],
  ['a place far ahead', 'Nr\xe9\x03\x00\x00', 'expected places of the memo in order, up to 1000 here, got 1001'],
  ['a place beyond 32 bits', 'Np4294967296\n', 'up to 1000 here, got 4294967296'],
  ['a long key', `}${text('k'.repeat(4097))}Ns`, 'keys of at most 4096 characters, got one of 4097'],
  [
    'a long key of a pair',
    call(global('collections', 'OrderedDict'), list(tuple(text('k'.repeat(4097)), none))),
    'keys of at most 4096 characters, got one of 4097',
  ],
  [
    'a long key of a storage',
    storage({ key: 'k'.repeat(4097), length: 1, shape: [] }),
    'keys of at most 4096 characters, got one of 4097',
  ],
  ['pairs that are none', call(global('collections', 'OrderedDict'), list(int(1))), 'items to fill a container, got 1'],
  ['pairs of three', call(global('builtins', 'dict'), list(tuple(none, none, none))), 'pairs of key and value'],
  [
    'bytes in another encoding',
    call(global('_codecs', 'encode'), text('x'), text('rot13')),
    'a text in latin1, got "rot13"',
  ],
];

describe('refuses, and runs nothing', () => {
  afterEach(() => fs.rm(file, { force: true }));

  it.each([...attacks, ...malformed])('%s', async (_, piece, message) => {
    expect(() => load(`\x80\x02${piece}.`)).toThrow(message);
    // Wherever it stands, and in either format.
    const value = dictionary({ state_dict: dictionary({ w: tensor({ length: 1, shape: [1] }) }), extra: list(piece) });
    const one = Float32Array.of(1);
    for (const bytes of [zipCheckpoint(value, { 0: one }), legacyCheckpoint(value, { 0: [1, one] })]) {
      await fs.writeFile(file, bytes);
      const opening = openPyTorchCheckpoint(file);
      await expect(opening).rejects.toThrow(DataError);
      await expect(opening).rejects.toMatchObject({ where: file });
    }
  });

  it('names in a message that helps', () => {
    expect(() => load(pickle(global('mypackage.config', 'Config')))).toThrow(
      'pickle: expected only tensors and plain containers, got mypackage.config.Config, before byte 27 of its pickle. Nothing ' +
        'was imported or run.',
    );
    expect(() => load(pickle(global('x'.repeat(1000), 'y')))).toThrow(/got x{157}\.\.\., before/);
  });
});

describe('the option ignore', () => {
  const object = `${global('mypackage.config', 'Config')})\x81${dictionary({ a: int(1) })}b`;

  it.each([['mypackage.config.Config'], ['mypackage.*'], ['mypackage.config.*']])('%s passes over', (name) => {
    expect(simple(load(pickle(object), [name]))).toEqual({ placeholder: 'mypackage.config.Config' });
  });

  it.each([['mypackage.config'], ['mypackage.config.Con'], ['my*'], ['package.*'], ['*']])('%s does not', (name) => {
    expect(() => load(pickle(object), [name])).toThrow('got mypackage.config.Config');
  });

  it('does not change what is known', () => {
    const counter = call(global('collections', 'Counter'), dictionary({ a: int(2) }));
    expect(simple(load(pickle(counter), ['collections.*']))).toEqual(new Map([['a', 2]]));
  });
});

describe('bounds memory', () => {
  it.each(['](', '}', ')', '\x8f', 'U\x00', 'Nq\x00', 'N('])('of objects without end: %j', (piece) => {
    const endless = piece.repeat(Math.ceil((256 * 2 ** 20) / 16 / piece.length));
    expect(() => load(`\x80\x02${endless}.`)).toThrow('objects of about 268435456 bytes at most, got more');
  });

  it('of long names of what is passed over', () => {
    const names = `${text(`x.${'y'.repeat(2 ** 20)}`)}q\x000${text('z')}q\x010${'h\x00h\x01\x93'.repeat(200)}`;
    expect(() => load(`\x80\x02${names}.`, ['x.*'])).toThrow('objects of about');
  });

  it('of a list that is copied again and again', () => {
    const big = list(...Array<Piece>(100_000).fill('N'));
    const copies = `${global('builtins', 'list')}q\x01h\x00\x85R0`.repeat(1000);
    expect(() => load(`\x80\x02${big}q\x00${copies}.`)).toThrow('objects of about');
  });

  it('of lists of lists of lists, which share what is in them', async () => {
    // A billion laughs: 2^64 paths through 64 lists.
    let laughs: Piece = '](Ne';
    for (let depth = 0; depth < 64; depth++)
      laughs += `q${String.fromCharCode(depth)}0](h${String.fromCharCode(depth)}h${String.fromCharCode(depth)}e`;
    let dictionaries: Piece = '}';
    for (let depth = 64; depth < 128; depth++) {
      const place = String.fromCharCode(depth);
      dictionaries += `q${place}0}(${text('a')}h${place}${text('b')}h${place}u`;
    }
    const value = dictionary({ list: laughs, dictionary: dictionaries, w: tensor({ length: 1, shape: [1] }) });
    await fs.writeFile(file, zipCheckpoint(value, { 0: Float32Array.of(1) }));
    const opened = await openPyTorchCheckpoint(file);
    expect(opened.entries.map(({ name }) => name)).toEqual(['w']);
    await opened.close();
  });

  it('of nesting without end', async () => {
    const deep = `${'('.repeat(1e5)}${'t'.repeat(1e5)}`;
    const key = text('a');
    const dictionaries = `}${`${key}}`.repeat(1e5)}${'s'.repeat(1e5)}`;
    await fs.writeFile(file, zipCheckpoint(dictionary({ deep, dictionaries })));
    const opened = await openPyTorchCheckpoint(file);
    expect(opened.entries).toEqual([]);
    await opened.close();
  });

  it.each([
    ['BINBYTES8', `\x8e${uint64(2n ** 63n - 1n)}`],
    ['BINUNICODE8', `\x8d${uint64(2n ** 40n)}`],
    ['BYTEARRAY8', `\x96${uint64(-1)}`],
    ['BINUNICODE', 'X\xff\xff\xff\xff'],
    ['BINBYTES', 'B\xff\xff\xff\xff'],
    ['LONG1', '\x8a\xff'],
    ['GLOBAL', 'cos'],
  ])('of a %s that is longer than the file', (_, piece) => {
    expect(() => load(`\x80\x02${piece}`)).toThrow(PickleEnd);
  });
});
