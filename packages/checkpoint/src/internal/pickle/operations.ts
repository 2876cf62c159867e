import type { PickleMachine } from './machine.js';
import type { PickleReader } from './reader.js';
import { unicodeText } from './text-literals.js';
import { describeValue, PickleDictionary, PickleList, PickleSet, PickleTuple } from './values.js';

/** One operation of the pickle machine. */
export interface PickleOperation {
  /** Name in Python's `pickletools`. */
  readonly name: string;
  /** Reads the operation's argument, if there is one, and changes the machine. */
  readonly run: (machine: PickleMachine, reader: PickleReader) => void;
}

/**
 * Largest number of bytes of a binary integer; longer ones take long to convert and mean nothing
 * here.
 */
const maximumLongBytes = 255;

/**
 * Operations of the protocols 0 to 5 by their byte. Source: `pickletools.opcodes` of Python
 * (https://docs.python.org/3/library/pickletools.html).
 */
export const pickleOperations: Readonly<Record<number, PickleOperation>> = {
  0x2e: { name: 'STOP', run: (machine) => machine.stop() },
  0x80: {
    name: 'PROTO',
    run: (machine, reader) => {
      const protocol = reader.byte();
      if (protocol > 5) machine.refuse('a pickle of protocol 5 at most', `${protocol}`);
    },
  },
  0x95: {
    name: 'FRAME',
    run: (machine, reader) => {
      const length = reader.uint64();
      if (length > reader.remaining) machine.refuse('a frame within the pickle', `one of ${length} bytes`);
    },
  },
  0x28: { name: 'MARK', run: (machine) => machine.mark() },
  0x30: { name: 'POP', run: (machine) => machine.drop() },
  0x31: { name: 'POP_MARK', run: (machine) => machine.popMark() },
  0x32: { name: 'DUP', run: (machine) => machine.push(machine.top()) },
  0x70: { name: 'PUT', run: (machine, reader) => machine.remember(machine.memoIndex(reader.line())) },
  0x71: { name: 'BINPUT', run: (machine, reader) => machine.remember(reader.byte()) },
  0x72: { name: 'LONG_BINPUT', run: (machine, reader) => machine.remember(reader.uint32()) },
  0x94: { name: 'MEMOIZE', run: (machine) => machine.remember(machine.remembered) },
  0x67: { name: 'GET', run: (machine, reader) => machine.recall(machine.memoIndex(reader.line())) },
  0x68: { name: 'BINGET', run: (machine, reader) => machine.recall(reader.byte()) },
  0x6a: { name: 'LONG_BINGET', run: (machine, reader) => machine.recall(reader.uint32()) },
  0x4e: { name: 'NONE', run: (machine) => machine.push(null) },
  0x88: { name: 'NEWTRUE', run: (machine) => machine.push(true) },
  0x89: { name: 'NEWFALSE', run: (machine) => machine.push(false) },
  0x49: {
    name: 'INT',
    run: (machine, reader) => {
      const text = reader.line();
      machine.push(text === '01' ? true : text === '00' ? false : machine.integer(text));
    },
  },
  0x4c: { name: 'LONG', run: (machine, reader) => machine.push(machine.integer(reader.line().replace(/L$/, ''))) },
  0x4a: { name: 'BININT', run: (machine, reader) => machine.push(reader.int32()) },
  0x4b: { name: 'BININT1', run: (machine, reader) => machine.push(reader.byte()) },
  0x4d: { name: 'BININT2', run: (machine, reader) => machine.push(reader.uint16()) },
  0x8a: { name: 'LONG1', run: (machine, reader) => machine.push(reader.long(reader.byte())) },
  0x8b: {
    name: 'LONG4',
    run: (machine, reader) => {
      const length = reader.int32();
      if (length < 0 || length > maximumLongBytes) {
        machine.refuse(`integers of at most ${maximumLongBytes} bytes`, `one of ${length}`);
      }
      machine.push(reader.long(length));
    },
  },
  0x46: { name: 'FLOAT', run: (machine, reader) => machine.push(machine.float(reader.line())) },
  0x47: { name: 'BINFLOAT', run: (machine, reader) => machine.push(reader.float64()) },
  0x53: { name: 'STRING', run: (machine, reader) => machine.pushText(machine.quoted(reader.line())) },
  0x54: {
    name: 'BINSTRING',
    run: (machine, reader) => machine.pushText(reader.text(machine.positiveLength(reader.int32()))),
  },
  0x55: { name: 'SHORT_BINSTRING', run: (machine, reader) => machine.pushText(reader.text(reader.byte())) },
  0x56: { name: 'UNICODE', run: (machine, reader) => machine.pushText(unicodeText(reader.line())) },
  0x58: { name: 'BINUNICODE', run: (machine, reader) => machine.pushText(reader.text(reader.uint32())) },
  0x8c: { name: 'SHORT_BINUNICODE', run: (machine, reader) => machine.pushText(reader.text(reader.byte())) },
  0x8d: { name: 'BINUNICODE8', run: (machine, reader) => machine.pushText(reader.text(reader.uint64())) },
  0x42: { name: 'BINBYTES', run: (machine, reader) => machine.pushNew(reader.bytes(reader.uint32())) },
  0x43: { name: 'SHORT_BINBYTES', run: (machine, reader) => machine.pushNew(reader.bytes(reader.byte())) },
  0x8e: { name: 'BINBYTES8', run: (machine, reader) => machine.pushNew(reader.bytes(reader.uint64())) },
  0x96: { name: 'BYTEARRAY8', run: (machine, reader) => machine.pushNew(reader.bytes(reader.uint64())) },
  0x29: { name: 'EMPTY_TUPLE', run: (machine) => machine.pushNew(new PickleTuple([])) },
  0x85: { name: 'TUPLE1', run: (machine) => machine.pushNew(new PickleTuple(machine.popMany(1))) },
  0x86: { name: 'TUPLE2', run: (machine) => machine.pushNew(new PickleTuple(machine.popMany(2))) },
  0x87: { name: 'TUPLE3', run: (machine) => machine.pushNew(new PickleTuple(machine.popMany(3))) },
  0x74: { name: 'TUPLE', run: (machine) => machine.pushNew(new PickleTuple(machine.popMark())) },
  0x5d: { name: 'EMPTY_LIST', run: (machine) => machine.pushNew(new PickleList()) },
  0x6c: { name: 'LIST', run: (machine) => machine.fill(new PickleList()) },
  0x61: { name: 'APPEND', run: (machine) => machine.append(machine.popMany(1)) },
  0x65: { name: 'APPENDS', run: (machine) => machine.append(machine.popMark()) },
  0x7d: { name: 'EMPTY_DICT', run: (machine) => machine.pushNew(new PickleDictionary()) },
  0x64: { name: 'DICT', run: (machine) => machine.fill(new PickleDictionary()) },
  0x73: { name: 'SETITEM', run: (machine) => machine.setItems(machine.popMany(2)) },
  0x75: { name: 'SETITEMS', run: (machine) => machine.setItems(machine.popMark()) },
  0x8f: { name: 'EMPTY_SET', run: (machine) => machine.pushNew(new PickleSet()) },
  0x90: { name: 'ADDITEMS', run: (machine) => machine.append(machine.popMark()) },
  0x91: { name: 'FROZENSET', run: (machine) => machine.fill(new PickleSet()) },
  0x63: { name: 'GLOBAL', run: (machine, reader) => machine.pushName(reader.line(), reader.line()) },
  0x93: {
    name: 'STACK_GLOBAL',
    run: (machine) => {
      const [module, name] = machine.popMany(2);
      if (typeof module !== 'string' || typeof name !== 'string') {
        machine.refuse(
          'the names of a module and of what is in it',
          `${describeValue(module)}, ${describeValue(name)}`,
        );
        return;
      }
      machine.pushName(module, name);
    },
  },
  0x52: {
    name: 'REDUCE',
    run: (machine) => {
      const [called, parameters] = machine.popMany(2);
      machine.call(called, parameters!);
    },
  },
  0x81: {
    name: 'NEWOBJ',
    run: (machine) => {
      const [called, parameters] = machine.popMany(2);
      machine.create(called, parameters!);
    },
  },
  0x92: {
    name: 'NEWOBJ_EX',
    run: (machine) => {
      // No known name takes keyword arguments.
      const [called, parameters, keywords] = machine.popMany(3);
      machine.create(called, parameters!, keywords);
    },
  },
  0x69: {
    name: 'INST',
    run: (machine, reader) => {
      machine.pushName(reader.line(), reader.line());
      const called = machine.pop();
      machine.call(called, new PickleTuple(machine.popMark()));
    },
  },
  0x6f: {
    name: 'OBJ',
    run: (machine) => {
      const [called, ...parameters] = machine.popMark();
      machine.call(called, new PickleTuple(parameters));
    },
  },
  0x62: { name: 'BUILD', run: (machine) => machine.build() },
  0x51: { name: 'BINPERSID', run: (machine) => machine.pushStorage(machine.pop()) },
  0x50: { name: 'PERSID', run: (machine, reader) => machine.pushStorage(reader.line()) },
  0x82: {
    name: 'EXT1',
    run: (machine) =>
      machine.refuse('only tensors and plain containers', `an extension code, which stands for a class`),
  },
  0x83: {
    name: 'EXT2',
    run: (machine) =>
      machine.refuse('only tensors and plain containers', `an extension code, which stands for a class`),
  },
  0x84: {
    name: 'EXT4',
    run: (machine) =>
      machine.refuse('only tensors and plain containers', `an extension code, which stands for a class`),
  },
  0x97: {
    name: 'NEXT_BUFFER',
    run: (machine) => machine.refuse('a pickle that is complete', 'a buffer outside of it'),
  },
  0x98: {
    name: 'READONLY_BUFFER',
    run: (machine) => machine.refuse('a pickle that is complete', 'a buffer outside of it'),
  },
};
