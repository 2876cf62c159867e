import { PickleMachine } from './machine.js';
import type { AllowedNames } from './names.js';
import { pickleOperations } from './operations.js';
import type { PickleReader } from './reader.js';
import type { PickleStorage, PickleValue, Refuse } from './values.js';

/** Options of {@link unpickle}. */
export interface UnpickleOptions {
  /** Names that the pickle may mention. */
  readonly names: AllowedNames;
  /** Throws the error of the file. */
  readonly refuse: Refuse;
}

/** Content of a pickle. */
export interface Unpickled {
  readonly value: PickleValue;
  /** Every storage that the pickle mentions. */
  readonly storages: readonly PickleStorage[];
}

/**
 * Reads one pickle of the protocols 0 to 5. A pickle is a program for a small machine with a stack
 * and a memo, and Python's own reader runs whatever the program names. This reader knows a few
 * dozen names, refuses all others, and builds what the known ones stand for with code of its own.
 *
 * The npm package `pickleparser` was considered as a base. As of version 0.2.1, it lets a pickle
 * set prototypes (`__proto__` as a key of DICT and of the state of BUILD), calls any property
 * called `__setstate__` that is a function, spreads lists of any length onto the stack of
 * JavaScript, reads LONG1 without its sign, gives tuples and lists one type, and has no limits.
 * @throws what `refuse` throws; `PickleEnd` where the bytes end before the pickle
 */
export function unpickle(reader: PickleReader, { names, refuse }: UnpickleOptions): Unpickled {
  const machine = new PickleMachine(reader, names, refuse);
  while (!machine.result) {
    const opcode = reader.byte();
    const operation = pickleOperations[opcode];
    if (operation) operation.run(machine, reader);
    else machine.refuse('an operation of a pickle', `byte 0x${opcode.toString(16).padStart(2, '0')}`);
  }
  return { value: machine.result.value, storages: machine.storages };
}
