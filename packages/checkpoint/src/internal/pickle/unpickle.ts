import type { AllowedNames } from './names.js';
import { plain, type PickleReader } from './reader.js';
import { buildStorage } from './tensors.js';
import {
  PickleDictionary,
  PickleList,
  PickleName,
  PicklePlaceholder,
  PickleSet,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  describeValue,
  type PickleValue,
  type Refuse,
} from './values.js';

export interface UnpickleOptions {
  readonly names: AllowedNames;
  /** Throws the error of the file. */
  readonly refuse: Refuse;
}

export interface Unpickled {
  readonly value: PickleValue;
  /** All that the pickle mentions, wherever. */
  readonly storages: readonly PickleStorage[];
}

/**
 * About how many bytes the objects of a pickle may take. Checkpoints with thousands of tensors take a few million; a small pickle
 * that builds objects without end stops here.
 */
const maximumBytes = 256 * 2 ** 20;
const containerBytes = 200;
/** Of a growing stack, of which there are two for a moment. */
const operandBytes = 32;
const slotBytes = 40;

/** How far a place of the memo may be ahead of those in use: writers count from 0 or 1, and a sparse memo is slow. */
const placesAhead = 1000;

/** Digits of an integer in text, and bytes of one in binary: more take long to convert, and mean nothing here. */
const maximumDigits = 600;
const maximumLongBytes = 255;
const decimal = /^\s*[+-]?\d+\s*$/;
const float = /^\s*[+-]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*$/i;

/**
 * Reads one pickle, of protocols 0 to 5: a small machine with a stack and a memo (https://docs.python.org/3/library/pickletools.html
 * lists its operations). Python's own runs whatever the pickle names. This one knows a few dozen names, refuses all others,
 * and what it builds for a known one is code of ours.
 *
 * The npm package `pickleparser` was considered as a base. As of 0.2.1 it lets a pickle set prototypes (`__proto__` as a key of DICT and
 * of BUILD's state), calls whatever function-valued property is called `__setstate__`, spreads lists of any length onto the stack of
 * JavaScript, reads LONG1 without its sign, gives tuples and lists one type, and has no limits.
 * @throws what `refuse` throws; PickleEnd where the bytes end before the pickle
 */
export function unpickle(reader: PickleReader, options: UnpickleOptions): Unpickled {
  return new Machine(reader, options).run();
}

class Machine {
  readonly #reader: PickleReader;
  readonly #names: AllowedNames;
  readonly #refuse: Refuse;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at the marks. */
  readonly #marks: number[] = [];
  /** An array, not a Map: a pickle could choose places that all hash alike. */
  readonly #memo: PickleValue[] = [];
  #remembered = 0;
  readonly #storages: PickleStorage[] = [];
  #spent = 0;

  constructor(reader: PickleReader, { names, refuse }: UnpickleOptions) {
    this.#reader = reader;
    this.#names = names;
    this.#refuse = (expected, got, fix) =>
      refuse(expected, `${got}, before byte ${reader.position} of its pickle`, fix);
  }

  run(): Unpickled {
    const reader = this.#reader;
    for (;;) {
      const opcode = reader.byte();
      switch (opcode) {
        case 0x2e: // STOP
          return { value: this.#pop(), storages: this.#storages };

        // Structure
        case 0x80: {
          const protocol = reader.byte(); // PROTO
          if (protocol > 5) this.#refuse('a pickle of protocol 5 at most', `${protocol}`);
          break;
        }
        case 0x95: {
          const length = reader.uint64(); // FRAME
          if (length > reader.remaining) this.#refuse('a frame within the pickle', `one of ${length} bytes`);
          break;
        }
        case 0x28: // MARK
          this.#spend(operandBytes);
          this.#marks.push(this.#stack.length);
          break;
        case 0x30: // POP
          if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
          else this.#pop();
          break;
        case 0x31: // POP_MARK
          this.#popMark();
          break;
        case 0x32: // DUP
          this.#push(this.#top());
          break;

        // Memo
        case 0x70: // PUT
          this.#remember(this.#index(reader.line()));
          break;
        case 0x71: // BINPUT
          this.#remember(reader.byte());
          break;
        case 0x72: // LONG_BINPUT
          this.#remember(reader.uint32());
          break;
        case 0x94: // MEMOIZE
          this.#remember(this.#remembered);
          break;
        case 0x67: // GET
          this.#recall(this.#index(reader.line()));
          break;
        case 0x68: // BINGET
          this.#recall(reader.byte());
          break;
        case 0x6a: // LONG_BINGET
          this.#recall(reader.uint32());
          break;

        // Plain values
        case 0x4e: // NONE
          this.#push(null);
          break;
        case 0x88: // NEWTRUE
          this.#push(true);
          break;
        case 0x89: // NEWFALSE
          this.#push(false);
          break;
        case 0x49: {
          const text = reader.line(); // INT
          this.#push(text === '01' ? true : text === '00' ? false : this.#integer(text));
          break;
        }
        case 0x4c: // LONG
          this.#push(this.#integer(reader.line().replace(/L$/, '')));
          break;
        case 0x4a: // BININT
          this.#push(reader.int32());
          break;
        case 0x4b: // BININT1
          this.#push(reader.byte());
          break;
        case 0x4d: // BININT2
          this.#push(reader.uint16());
          break;
        case 0x8a: // LONG1
          this.#push(reader.long(reader.byte()));
          break;
        case 0x8b: {
          const length = reader.int32(); // LONG4
          if (length < 0 || length > maximumLongBytes) {
            this.#refuse(`integers of at most ${maximumLongBytes} bytes`, `one of ${length}`);
          }
          this.#push(reader.long(length));
          break;
        }
        case 0x46: // FLOAT
          this.#push(this.#float(reader.line()));
          break;
        case 0x47: // BINFLOAT
          this.#push(reader.float64());
          break;
        case 0x53: // STRING
          this.#pushText(this.#quoted(reader.line()));
          break;
        case 0x54: // BINSTRING
          this.#pushText(reader.text(this.#length(reader.int32())));
          break;
        case 0x55: // SHORT_BINSTRING
          this.#pushText(reader.text(reader.byte()));
          break;
        case 0x56: // UNICODE
          this.#pushText(unescaped(reader.line(), /\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g));
          break;
        case 0x58: // BINUNICODE
          this.#pushText(reader.text(reader.uint32()));
          break;
        case 0x8c: // SHORT_BINUNICODE
          this.#pushText(reader.text(reader.byte()));
          break;
        case 0x8d: // BINUNICODE8
          this.#pushText(reader.text(reader.uint64()));
          break;
        case 0x42: // BINBYTES
          this.#pushNew(reader.bytes(reader.uint32()));
          break;
        case 0x43: // SHORT_BINBYTES
          this.#pushNew(reader.bytes(reader.byte()));
          break;
        case 0x8e: // BINBYTES8
        case 0x96: // BYTEARRAY8
          this.#pushNew(reader.bytes(reader.uint64()));
          break;

        // Containers
        case 0x29: // EMPTY_TUPLE
          this.#pushNew(new PickleTuple([]));
          break;
        case 0x85: // TUPLE1
          this.#pushNew(new PickleTuple(this.#popMany(1)));
          break;
        case 0x86: // TUPLE2
          this.#pushNew(new PickleTuple(this.#popMany(2)));
          break;
        case 0x87: // TUPLE3
          this.#pushNew(new PickleTuple(this.#popMany(3)));
          break;
        case 0x74: // TUPLE
          this.#pushNew(new PickleTuple(this.#popMark()));
          break;
        case 0x5d: // EMPTY_LIST
          this.#pushNew(new PickleList());
          break;
        case 0x6c: // LIST
          this.#fill(new PickleList());
          break;
        case 0x61: // APPEND
          this.#append(this.#popMany(1));
          break;
        case 0x65: // APPENDS
          this.#append(this.#popMark());
          break;
        case 0x7d: // EMPTY_DICT
          this.#pushNew(new PickleDictionary());
          break;
        case 0x64: // DICT
          this.#fill(new PickleDictionary());
          break;
        case 0x73: // SETITEM
          this.#setItems(this.#popMany(2));
          break;
        case 0x75: // SETITEMS
          this.#setItems(this.#popMark());
          break;
        case 0x8f: // EMPTY_SET
          this.#pushNew(new PickleSet());
          break;
        case 0x90: // ADDITEMS
          this.#append(this.#popMark());
          break;
        case 0x91: // FROZENSET
          this.#fill(new PickleSet());
          break;

        // Names and calls
        case 0x63: // GLOBAL
          this.#pushName(reader.line(), reader.line());
          break;
        case 0x93: {
          const [module, name] = this.#popMany(2); // STACK_GLOBAL
          if (typeof module !== 'string' || typeof name !== 'string') {
            this.#refuse(
              'the names of a module and of what is in it',
              `${describeValue(module)}, ${describeValue(name)}`,
            );
            break;
          }
          this.#pushName(module, name);
          break;
        }
        case 0x52: // REDUCE
        case 0x81: {
          const [called, parameters] = this.#popMany(2); // NEWOBJ
          this.#call(called, parameters!);
          break;
        }
        case 0x92: {
          const [called, parameters] = this.#popMany(3); // NEWOBJ_EX; of keywords nothing known takes any
          this.#call(called, parameters!);
          break;
        }
        case 0x69: {
          this.#pushName(reader.line(), reader.line()); // INST
          const called = this.#pop();
          this.#call(called, new PickleTuple(this.#popMark()));
          break;
        }
        case 0x6f: {
          const [called, ...parameters] = this.#popMark(); // OBJ
          this.#call(called, new PickleTuple(parameters));
          break;
        }
        case 0x62: // BUILD
          this.#build();
          break;
        case 0x51: // BINPERSID
          this.#pushStorage(this.#pop());
          break;
        case 0x50: // PERSID
          this.#pushStorage(reader.line());
          break;
        case 0x82: // EXT1
        case 0x83: // EXT2
        case 0x84: // EXT4
          this.#refuse('only tensors and plain containers', `an extension code, which stands for a class`);
          break;
        case 0x97: // NEXT_BUFFER
        case 0x98: // READONLY_BUFFER
          this.#refuse('a pickle that is complete', 'a buffer outside of it');
          break;
        default:
          this.#refuse('an operation of a pickle', `byte 0x${opcode.toString(16).padStart(2, '0')}`);
      }
    }
  }

  #spend(bytes: number): void {
    this.#spent += bytes;
    if (this.#spent > maximumBytes) {
      this.#refuse(`objects of about ${maximumBytes} bytes at most`, 'more', 'Tensors belong into storages.');
    }
  }

  #push(value: PickleValue): void {
    this.#spend(operandBytes);
    this.#stack.push(value);
  }

  #pushNew(value: PickleValue): void {
    let slots = 0;
    if (value instanceof PickleTuple) slots = value.items.length;
    if (value instanceof PickleTensor) slots = value.shape.length + value.strides.length;
    this.#spend(containerBytes + 8 * slots);
    this.#stack.push(value);
  }

  #pushText(text: string): void {
    this.#spend(slotBytes + 2 * text.length);
    this.#stack.push(text);
  }

  #pushStorage(id: PickleValue): void {
    const storage = buildStorage(id, this.#refuse);
    this.#storages.push(storage);
    this.#pushNew(storage);
  }

  #pushName(module: string, name: string): void {
    this.#spend(2 * (module.length + name.length));
    const found = this.#names.resolve(module, name);
    this.#pushNew(found ?? this.#refuseName(module, name));
  }

  #refuseName(module: string, name: string): never {
    const text = JSON.stringify(`${module}.${name}`).slice(1, -1);
    return this.#refuse(
      'only tensors and plain containers',
      text.length > 160 ? `${text.slice(0, 157)}...` : text,
      'Nothing was imported or run. A checkpoint of weights alone, torch.save(model.state_dict()), has no such names; a class that ' +
        'holds settings can be passed over with the option ignore.',
    );
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || this.#stack.length <= (this.#marks.at(-1) ?? 0)) {
      return this.#refuse('an operand on the stack', 'none');
    }
    return value;
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.length--;
    return value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) {
      return this.#refuse(`${count} operands on the stack`, 'fewer');
    }
    return this.#stack.splice(-count);
  }

  #popMark(): PickleValue[] {
    const mark = this.#marks.pop() ?? this.#refuse('a mark on the stack', 'none');
    return this.#stack.splice(mark);
  }

  #remember(index: number): void {
    const last = this.#remembered + placesAhead;
    if (index > last) this.#refuse(`places of the memo in order, up to ${last} here`, `${index}`);
    this.#spend(slotBytes);
    if (this.#memo[index] === undefined) this.#remembered++;
    this.#memo[index] = this.#top();
  }

  #recall(index: number): void {
    const value = this.#memo[index];
    this.#push(
      value === undefined ? this.#refuse('something remembered before', `number ${index}, which is not`) : value,
    );
  }

  #index(line: string): number {
    const index = this.#integer(line);
    return typeof index === 'number' && index >= 0 ? index : this.#refuse('a place of the memo', 'a number below 0');
  }

  #length(length: number): number {
    return length >= 0 ? length : this.#refuse('a length of at least 0', `${length}`);
  }

  #integer(line: string): number | bigint {
    if (line.length > maximumDigits || !decimal.test(line)) {
      return this.#refuse('an integer in decimal digits', describeValue(line));
    }
    return plain(BigInt(line.trim().replace(/^\+/, '')));
  }

  #float(line: string): number {
    if (line.length > maximumDigits || !float.test(line)) return this.#refuse('a number', describeValue(line));
    return Number(line.trim().toLowerCase().replace('inf', 'Infinity').replace('nan', 'NaN'));
  }

  /** A literal of Python's, without its prefix. */
  #quoted(line: string): string {
    const literal = /^\s*(["'])(.*)\1\s*$/.exec(line);
    if (!literal) return this.#refuse('a text in quotes', describeValue(line));
    return unescaped(literal[2]!, /\\(?:x([0-9a-fA-F]{2})|([\\'"nrt]))/g);
  }

  #fill(container: PickleList | PickleDictionary | PickleSet): void {
    const items = this.#popMark();
    this.#pushNew(container);
    if (container instanceof PickleDictionary) this.#setItems(items);
    else this.#append(items);
  }

  #append(items: readonly PickleValue[]): void {
    const container = this.#top();
    if (container instanceof PicklePlaceholder) return;
    if (!(container instanceof PickleList || container instanceof PickleSet)) {
      this.#refuse('a list or a set to add to', describeValue(container));
      return;
    }
    this.#spend(slotBytes * items.length);
    for (const item of items) container.items.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const container = this.#top();
    if (container instanceof PicklePlaceholder) return;
    if (!(container instanceof PickleDictionary)) {
      this.#refuse('a dictionary to add to', describeValue(container));
      return;
    }
    if (items.length % 2 !== 0) this.#refuse('keys with values', 'a key without one');
    this.#spend(slotBytes * items.length);
    for (let index = 0; index < items.length; index += 2) {
      container.set(items[index]!, items[index + 1]!, this.#refuse);
    }
  }

  #call(called: PickleValue | undefined, parameters: PickleValue): void {
    if (!(called instanceof PickleName)) {
      this.#refuse('a class or function to call', describeValue(called));
      return;
    }
    // What a call builds is as large as what it is given.
    this.#spend(slotBytes * sizeOf(parameters));
    this.#pushNew(this.#names.call(called, parameters, this.#refuse));
  }

  /** Attributes of a container (`_metadata` of a state dict) and the content of a placeholder are dropped. */
  #build(): void {
    this.#pop();
    const target = this.#top();
    if (target instanceof PickleTensor || target instanceof PickleStorage || target instanceof PickleName) {
      this.#refuse('attributes of a container', `some of ${describeValue(target)}`);
    }
  }
}

/** Items that a call may copy: of its parameters, and of the containers among them. */
function sizeOf(parameters: PickleValue): number {
  if (!(parameters instanceof PickleTuple)) return 0;
  return parameters.items.reduce<number>((sum, item) => {
    if (item instanceof PickleDictionary) return sum + item.entries.size;
    if (item instanceof PickleList || item instanceof PickleTuple || item instanceof PickleSet) {
      return sum + item.items.length;
    }
    return sum + 1 + (typeof item === 'string' ? item.length : 0);
  }, 0);
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Replaces escapes: of hexadecimal digits in groups one and two, or of one character in group two. */
function unescaped(text: string, pattern: RegExp): string {
  return text.replace(pattern, (escape: string, short?: string, other?: string) => {
    if (short !== undefined) return String.fromCharCode(Number.parseInt(short, 16));
    if (other === undefined) return escape;
    if (other.length === 1) return escapes[other] ?? other;
    const code = Number.parseInt(other, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : escape;
  });
}
