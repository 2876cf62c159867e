import type { AllowedNames } from './names.js';
import { plain, type PickleReader } from './reader.js';
import { buildStorage } from './tensors.js';
import { floatLiteral, integerLiteral, quotedText } from './text-literals.js';
import { UnknownNames } from './unknown-names.js';
import {
  PickleDictionary,
  PickleList,
  PickleName,
  PicklePlaceholder,
  PickleSet,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  PickleUnreadTensor,
  describeValue,
  type PickleValue,
  type Refuse,
} from './values.js';

/**
 * Largest total size of the objects of a pickle, in bytes and roughly. Checkpoints with thousands
 * of tensors need a few million; a small pickle that builds objects without end is stopped here.
 */
const maximumBytes = 256 * 2 ** 20;
const containerBytes = 200;
/** Bytes of an operand on the stack. A growing array is there twice for a moment. */
const operandBytes = 32;
const slotBytes = 40;

/**
 * Number of indices that the memo may be ahead of those in use. Writers count from 0 or 1, and a
 * sparse memo is slow.
 */
const placesAhead = 1000;

/**
 * Holds the stack, the marks and the memo on which the operations of a pickle work, and its limits.
 */
export class PickleMachine {
  /** Throws the error of the file, with the position in the pickle. */
  readonly refuse: Refuse;
  readonly #names: AllowedNames;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at the marks. */
  readonly #marks: number[] = [];
  /** An array and not a `Map`, because a pickle could choose keys that all have the same hash. */
  readonly #memo: PickleValue[] = [];
  readonly #storages: PickleStorage[] = [];
  readonly #unknown = new UnknownNames();
  readonly #assertKnown: () => void;
  #remembered = 0;
  #spent = 0;
  #result: { readonly value: PickleValue } | undefined;

  constructor(reader: PickleReader, names: AllowedNames, refuse: Refuse) {
    this.#names = names;
    this.refuse = (expected, got, fix) => {
      // What was made of an unknown name is wrong in many places; the name is the reason.
      this.#unknown.assertNone(refuse);
      return refuse(expected, `${got}, before byte ${reader.position} of its pickle`, fix);
    };
    this.#assertKnown = () => this.#unknown.assertNone(refuse);
  }

  /** Value of the pickle; undefined until the STOP operation. */
  get result(): { readonly value: PickleValue } | undefined {
    return this.#result;
  }

  /** Every storage that the pickle has mentioned so far. */
  get storages(): readonly PickleStorage[] {
    return this.#storages;
  }

  /** Number of values in the memo. */
  get remembered(): number {
    return this.#remembered;
  }

  /**
   * Ends the pickle; the operand on top of the stack is its value.
   * @throws as `refuse` when the pickle mentioned unknown names, naming all of them
   */
  stop(): void {
    this.#assertKnown();
    this.#result = { value: this.pop() };
  }

  /** Marks the present height of the stack. */
  mark(): void {
    this.spend(operandBytes);
    this.#marks.push(this.#stack.length);
  }

  /** Drops the operand on top of the stack, or the newest mark where there is none above it. */
  drop(): void {
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
    else this.pop();
  }

  /** Counts the bytes of a new object. @throws as `refuse` when the pickle builds too much */
  spend(bytes: number): void {
    this.#spent += bytes;
    if (this.#spent > maximumBytes) {
      this.refuse(`objects of about ${maximumBytes} bytes at most`, 'more', 'Tensors belong into storages.');
    }
  }

  /** Pushes a value that exists already. */
  push(value: PickleValue): void {
    this.spend(operandBytes);
    this.#stack.push(value);
  }

  /** Pushes a new object and counts its size. */
  pushNew(value: PickleValue): void {
    let slots = 0;
    if (value instanceof PickleTuple) slots = value.items.length;
    if (value instanceof PickleTensor) slots = value.shape.length + value.strides.length;
    this.spend(containerBytes + 8 * slots);
    this.#stack.push(value);
  }

  /** Pushes a new text and counts its size. */
  pushText(text: string): void {
    this.spend(slotBytes + 2 * text.length);
    this.#stack.push(text);
  }

  /** Pushes the storage that a persistent id describes. */
  pushStorage(id: PickleValue): void {
    const storage = buildStorage(id, this.refuse);
    this.#storages.push(storage);
    this.pushNew(storage);
  }

  /**
   * Pushes the name of a class or function in a module. A class that is in no table may be
   * mentioned, and its objects may hold plain values; any other unknown name is noted.
   */
  pushName(module: string, name: string): void {
    this.spend(2 * (module.length + name.length));
    const resolved = this.#names.resolve(module, name);
    if (resolved.standing === 'unknown') this.#note(resolved.name);
    this.pushNew(resolved);
  }

  /** Keeps an unknown name for the error at the end of the pickle. */
  #note(name: string): void {
    this.#unknown.add(name);
    if (this.#unknown.isFull) this.#assertKnown();
  }

  /** Returns the operand on top of the stack. */
  top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || this.#stack.length <= (this.#marks.at(-1) ?? 0)) {
      return this.refuse('an operand on the stack', 'none');
    }
    return value;
  }

  /** Removes the operand on top of the stack and returns it. */
  pop(): PickleValue {
    const value = this.top();
    this.#stack.length--;
    return value;
  }

  /** Removes operands from the stack and returns them, the lowest first. */
  popMany(count: number): PickleValue[] {
    if (this.#stack.length - count < (this.#marks.at(-1) ?? 0)) {
      return this.refuse(`${count} operands on the stack`, 'fewer');
    }
    return this.#stack.splice(-count);
  }

  /** Removes the operands above the newest mark and the mark, and returns the operands. */
  popMark(): PickleValue[] {
    const mark = this.#marks.pop() ?? this.refuse('a mark on the stack', 'none');
    return this.#stack.splice(mark);
  }

  /** Keeps the operand on top of the stack in the memo. */
  remember(index: number): void {
    const last = this.#remembered + placesAhead;
    if (index > last) this.refuse(`places of the memo in order, up to ${last} here`, `${index}`);
    this.spend(slotBytes);
    if (this.#memo[index] === undefined) this.#remembered++;
    this.#memo[index] = this.top();
  }

  /** Pushes the value that the memo keeps at an index. */
  recall(index: number): void {
    const value = this.#memo[index];
    this.push(
      value === undefined ? this.refuse('something remembered before', `number ${index}, which is not`) : value,
    );
  }

  /** Parses an index of the memo. */
  memoIndex(line: string): number {
    const index = this.integer(line);
    return typeof index === 'number' && index >= 0 ? index : this.refuse('a place of the memo', 'a number below 0');
  }

  /** Checks the length of a text. */
  positiveLength(length: number): number {
    return length >= 0 ? length : this.refuse('a length of at least 0', `${length}`);
  }

  /** Parses an integer. */
  integer(line: string): number | bigint {
    const value = integerLiteral(line);
    return value === undefined ? this.refuse('an integer in decimal digits', describeValue(line)) : plain(value);
  }

  /** Parses a number. */
  float(line: string): number {
    return floatLiteral(line) ?? this.refuse('a number', describeValue(line));
  }

  /** Parses a string literal of Python without its prefix. */
  quoted(line: string): string {
    return quotedText(line) ?? this.refuse('a text in quotes', describeValue(line));
  }

  /** Pushes a container and moves the operands above the newest mark into it. */
  fill(container: PickleList | PickleDictionary | PickleSet): void {
    const items = this.popMark();
    this.pushNew(container);
    if (container instanceof PickleDictionary) this.setItems(items);
    else this.append(items);
  }

  /** Adds items to the list or set on top of the stack. */
  append(items: readonly PickleValue[]): void {
    const container = this.top();
    if (container instanceof PicklePlaceholder) {
      this.#passOver(container, items);
      return;
    }
    if (!(container instanceof PickleList || container instanceof PickleSet)) {
      this.refuse('a list or a set to add to', describeValue(container));
      return;
    }
    this.spend(slotBytes * items.length);
    for (const item of items) container.items.push(item);
  }

  /** Adds keys and values, in turn, to the dictionary on top of the stack. */
  setItems(items: readonly PickleValue[]): void {
    const container = this.top();
    if (container instanceof PicklePlaceholder) {
      this.#passOver(container, items);
      return;
    }
    if (!(container instanceof PickleDictionary)) {
      this.refuse('a dictionary to add to', describeValue(container));
      return;
    }
    if (items.length % 2 !== 0) this.refuse('keys with values', 'a key without one');
    this.spend(slotBytes * items.length);
    for (let index = 0; index < items.length; index += 2) {
      container.set(items[index]!, items[index + 1]!, this.refuse);
    }
  }

  /**
   * Pushes the result of calling a name. A call of a class that is in no table is noted, unless it
   * takes one plain value, as that of an enumeration does.
   */
  call(called: PickleValue | undefined, parameters: PickleValue): void {
    const isUnknown = called instanceof PickleName && called.standing === 'unknown class';
    if (isUnknown && !isOnePlainValue(parameters)) this.#note(called.name);
    this.#pushResult(called, parameters);
  }

  /**
   * Pushes a new object of a class. Of a class that is in no table, it is a placeholder, and its
   * content has to be plain values: settings have this shape, layers with weights do not.
   */
  create(called: PickleValue | undefined, parameters: PickleValue, keywords: PickleValue = null): void {
    this.#pushResult(called, parameters);
    const created = this.top();
    if (created instanceof PicklePlaceholder) this.#passOver(created, [parameters, keywords]);
  }

  #pushResult(called: PickleValue | undefined, parameters: PickleValue): void {
    if (!(called instanceof PickleName)) {
      this.refuse('a class or function to call', describeValue(called));
      return;
    }
    // The result of a call is as large as its parameters.
    this.spend(slotBytes * sizeOf(parameters));
    this.pushNew(this.#names.call(called, parameters, this.refuse));
  }

  /**
   * Drops attributes of a container (`_metadata` of a state dict) and the content of a placeholder;
   * gives a module of a script its attributes.
   */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof PicklePlaceholder) this.#passOver(target, [state]);
    if (target instanceof PickleDictionary && target.isModule && state instanceof PickleDictionary) {
      this.spend(slotBytes * state.entries.size);
      for (const [key, value] of state.entries) target.set(key, value, this.refuse);
    }
    if (isTensor(target) || target instanceof PickleName) {
      this.refuse('attributes of a container', `some of ${describeValue(target)}`);
    }
  }

  /**
   * Drops what a placeholder would hold. Tensors in an object of an unknown class would be lost.
   */
  #passOver({ name, isUnknown }: PicklePlaceholder, content: readonly PickleValue[]): void {
    if (isUnknown && this.#holdTensors(content)) this.#note(name);
  }

  /** Returns whether there are tensors among values or in containers among them. */
  #holdTensors(values: readonly PickleValue[]): boolean {
    const seen = new Set<PickleValue>();
    const left: Iterable<PickleValue>[] = [values];
    for (let items = left.pop(); items; items = left.pop()) {
      for (const item of items) {
        this.spend(slotBytes);
        if (isTensor(item)) return true;
        const inner = item instanceof PickleDictionary ? item.entries.values() : itemsOf(item);
        if (!inner || seen.has(item)) continue;
        seen.add(item);
        left.push(inner);
      }
    }
    return false;
  }
}

function isTensor(value: PickleValue): boolean {
  return value instanceof PickleTensor || value instanceof PickleUnreadTensor || value instanceof PickleStorage;
}

function isOnePlainValue(parameters: PickleValue): boolean {
  const [value, ...others] = parameters instanceof PickleTuple ? parameters.items : [];
  return others.length === 0 && ['string', 'number', 'boolean', 'bigint'].includes(typeof value);
}

/** Returns the items of a list, tuple or set. */
function itemsOf(value: PickleValue): readonly PickleValue[] | undefined {
  const holdsItems = value instanceof PickleList || value instanceof PickleTuple || value instanceof PickleSet;
  return holdsItems ? value.items : undefined;
}

/**
 * Returns the number of items that a call may copy: those of its parameters and of the containers
 * among them.
 */
function sizeOf(parameters: PickleValue): number {
  if (!(parameters instanceof PickleTuple)) return 0;
  return parameters.items.reduce<number>((sum, item) => {
    if (item instanceof PickleDictionary) return sum + item.entries.size;
    const inner = itemsOf(item);
    if (inner) return sum + inner.length;
    return sum + 1 + (typeof item === 'string' ? item.length : 0);
  }, 0);
}
