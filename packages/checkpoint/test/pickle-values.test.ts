import { describe, expect, it } from 'vitest';
import {
  call,
  dictionary,
  float,
  global,
  int,
  list,
  long,
  none,
  pickle,
  text,
  tuple,
  uint64,
  type Piece,
} from './build-pytorch.js';
import { load, simple } from './load-pickle.js';

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
  // Keys that are not strings are dropped, with their values.
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
  // A copy that a call made is unchanged when the list grows.
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

describe('the option ignore', () => {
  const object = `${call(global('mypackage.config', 'Config'))}${dictionary({ a: int(1) })}b`;

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
