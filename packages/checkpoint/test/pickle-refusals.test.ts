import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { openPyTorchCheckpoint } from '../src/index.js';
import {
  call,
  dictionary,
  global,
  int,
  legacyCheckpoint,
  list,
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
import { PickleDictionary } from '../src/internal/pickle/values.js';
import { load } from './load-pickle.js';

/** Attacks, with parts of their errors. Python would run a command when it reads such a pickle. */
const attacks: [string, Piece, string][] = [
  ['os.system by REDUCE', call(global('os', 'system'), text('true')), 'got os.system'],
  ['posix.system, as Python names it', call(global('posix', 'system'), text('id')), 'got posix.system'],
  ['nt.system', call(global('nt', 'system'), text('id')), 'got nt.system'],
  ['builtins.eval', call(global('builtins', 'eval'), text('1')), 'got builtins.eval'],
  ['builtins.exec of Python 2', call(global('__builtin__', 'exec'), text('1')), 'got builtins.exec'],
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

/** Damaged and excessive pickles, with parts of their errors. */
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
  let file: string;
  it.beforeEach(({ temporaryFolder }) => void (file = join(temporaryFolder, 'hostile.ckpt')));

  it.each([...attacks, ...malformed])('%s', async (_, piece, message) => {
    expect(() => load(`\x80\x02${piece}.`)).toThrow(message);
    // The position in the file and its format make no difference.
    const value = dictionary({ state_dict: dictionary({ w: tensor({ length: 1, shape: [1] }) }), extra: list(piece) });
    const one = Float32Array.of(1);
    for (const bytes of [zipCheckpoint(value, { 0: one }), legacyCheckpoint(value, { 0: [1, one] })]) {
      await fs.writeFile(file, bytes);
      const opening = openPyTorchCheckpoint(file);
      await expect(opening).rejects.toThrow(DataError);
      await expect(opening).rejects.toMatchObject({ where: file });
    }
  });

  it('all unknown names together, with what to pass', () => {
    const unknown = [
      global('mypackage.config', 'load'),
      call(global('mypackage', 'Config'), text('x'), text('y')),
      global('os', 'system'),
      global('mypackage.config', 'load'),
    ];
    expect(() => load(pickle(list(...unknown)))).toThrow(
      'pickle: expected only tensors, plain containers and settings, got mypackage.config.load, mypackage.Config, ' +
        'os.system. Nothing was imported or run. A checkpoint of weights alone, torch.save(model.state_dict()), has no such ' +
        "names. To pass over what is not needed: ignore: ['mypackage.config.load', 'mypackage.Config', 'os.system']. Python " +
        'would run os.system, which is its own: do not load the file there unless you know who made it.',
    );
    expect(() => load(pickle(list(...unknown)), ['mypackage.*', 'os.system'])).not.toThrow();
  });

  it('unknown names rather than what comes of them', () => {
    const rebuilt = call(global('torch._utils', '_rebuild_tensor_v2'), call(global('mypackage', 'storage')));
    expect(() => load(pickle(rebuilt))).toThrow('got mypackage.storage. Nothing was imported');
  });

  it('names that are long or many, without showing all', () => {
    expect(() => load(pickle(global('x'.repeat(1000), 'y')))).toThrow(/got x{157}\.\.\.\. Nothing/);
    const names = Array.from({ length: 25 }, (_, index) => global('mypackage', `f${index}`));
    expect(() => load(pickle(list(...names)))).toThrow(/mypackage\.f19 and 5 more\. Nothing/);
    const endless = Array.from({ length: 101 }, (_, index) => global('mypackage', `f${index}`)).join('');
    // The end of the pickle is missing: it is refused before.
    expect(() => load(`\x80\x02${endless}`)).toThrow(/mypackage\.f19 and 80 more\. Nothing/);
  });
});

describe('objects of classes that are in no table', () => {
  const config = global('mypackage.config', 'Config');
  const weight = tensor({ length: 1, shape: [1] });
  const object = (content: Piece): Piece => `${config})\x81${content}`;

  it.each([
    ['mentions', config],
    ['attributes', object(`${dictionary({ a: int(1), b: list(text('x'), dictionary({})) })}b`)],
    ['items of a dictionary', object(`(${text('a')}${int(1)}u`)],
    ['items of a list', object(`(${int(1)}${int(2)}e`)],
    ['the value of an enumeration', call(config, text('x'))],
    ['values of a named tuple', `${config}${tuple(int(1), text('x'))}\x81`],
  ])('are passed over where they have plain values: %s', (_, piece) => {
    expect(load(pickle(dictionary({ a: piece })))).toBeInstanceOf(PickleDictionary);
  });

  it.each([
    ['attributes', object(`${dictionary({ a: list(dictionary({ weight })) })}b`)],
    ['items of a dictionary', object(`(${text('a')}${weight}u`)],
    ['items of a list', object(`(${weight}e`)],
    ['parameters', `${config}${tuple(weight)}\x81`],
    ['parameters with names', `${config})${dictionary({ weight })}\x92`],
    ['objects within', object(`${dictionary({ a: object(`${dictionary({ weight })}b`) })}b`)],
  ])('are refused where tensors are among their %s', (_, piece) => {
    expect(() => load(pickle(piece))).toThrow('got mypackage.config.Config. Nothing was imported or run.');
    expect(() => load(pickle(piece), ['mypackage.config.Config'])).not.toThrow();
  });

  it('are refused where they are called, and so are classes of Python itself', () => {
    expect(() => load(pickle(call(config, text('x'), text('y'))))).toThrow('got mypackage.config.Config. Nothing');
    expect(() => load(pickle(global('subprocess', 'Popen')))).toThrow('got subprocess.Popen. Nothing');
    expect(() => load(pickle(`${global('_ctypes', 'Structure')})\x81`))).toThrow('got _ctypes.Structure. Nothing');
  });

  it('cost no more than the pickle may', () => {
    const big = list(...Array<Piece>(100_000).fill(none));
    const objects = `${config}q\x010${`h\x01)\x81h\x00b0`.repeat(1000)}`;
    expect(() => load(`\x80\x02${big}q\x00${objects}.`)).toThrow('objects of about');
  });
});
