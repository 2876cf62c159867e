/** Memory of WebAssembly for states, on which SIMD code works without copying them. */

/** Applies AdamW to numbers in one memory; see `adamw.wat`. */
export type WasmAdamW = (
  ...numbers: [
    parameter: number,
    gradient: number,
    firstMoment: number,
    secondMoment: number,
    end: number,
    gradientScale: number,
    beta1: number,
    rest1: number,
    beta2: number,
    rest2: number,
    keep: number,
    stepSize: number,
    rootCorrection: number,
    epsilon: number,
  ]
) => void;

/** A memory that holds states, and the code that works on it. */
export interface WasmMemory {
  /** For numbers on their way in, at the start of the memory. */
  readonly scratch: Float32Array;
  readonly adamW: WasmAdamW;
}

const pageBytes = 65_536;
/** A block of numbers on their way in stays in the cache of the processor. */
const scratchBytes = pageBytes;
/** Memory of WebAssembly ends at 4 GiB; smaller parts are freed earlier. */
const mostBytes = 2 ** 30;
const alignment = 16;

/** `adamw.wat`, compiled. */
const code = Buffer.from(
  [
    'AGFzbQEAAAABEgFgDn9/f39/fHx8fHx8fHx8AAIQAQRob3N0Bm1lbW9yeQIAAQMCAQAHCQEFYWRhbXcAAArLAQHIAQEDewNAIAH9',
    'XQMA/V8gBf0U/fIBIQ4gBv0UIAL9XQMA/V/98gEgB/0UIA798gH98AEhDyAI/RQgA/1dAwD9X/3yASAJ/RQgDv3yASAO/fIB/fAB',
    'IRAgAiAP/V79WwMAACADIBD9Xv1bAwAAIAAgAP1dAwD9XyAK/RT98gEgC/0UIA/98gEgEP3vASAM/RT98gEgDf0U/fAB/fMB/fEB',
    '/V79WwMAACAAQQhqIQAgAkEIaiECIANBCGohAyABQQhqIgEgBEkNAAsL',
  ].join(''),
  'base64',
);

/** What is used of WebAssembly, which the types of Node do not have. */
interface WebAssemblyApi {
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
}

const { Memory, Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

let compiled: object | undefined;
const memories = new WeakMap<ArrayBufferLike, WasmMemory>();

/** Returns the memory that all of some arrays lie in; undefined where there is no such one. */
export function wasmMemoryOf([first, ...others]: readonly ArrayBufferView[]): WasmMemory | undefined {
  const memory = memories.get(first!.buffer);
  return memory && others.every(({ buffer }) => buffer === first!.buffer) ? memory : undefined;
}

/**
 * Copies groups of arrays into memory of WebAssembly, the arrays of a group into the same one.
 * Returns undefined where the system gives no such memory.
 */
export function moveToWasm(groups: readonly (readonly Float32Array[])[]): Float32Array[][] | undefined {
  try {
    const moved: Float32Array[][] = [];
    let [start, bytes] = [0, 0];
    groups.forEach((group, index) => {
      const size = group.reduce((sum, array) => sum + alignedSize(array), 0);
      if (bytes > 0 && bytes + size > mostBytes) {
        moved.push(...moveTogether(groups.slice(start, index), bytes));
        [start, bytes] = [index, 0];
      }
      bytes += size;
    });
    return [...moved, ...moveTogether(groups.slice(start), bytes)];
  } catch (error) {
    if (error instanceof RangeError) return undefined; // no memory of this kind
    throw error;
  }
}

const alignedSize = ({ byteLength }: Float32Array): number => Math.ceil(byteLength / alignment) * alignment;

function moveTogether(groups: readonly (readonly Float32Array[])[], bytes: number): Float32Array[][] {
  const memory = new Memory({ initial: Math.ceil((scratchBytes + bytes) / pageBytes) });
  compiled ??= new Module(code);
  const { adamw } = new Instance(compiled, { host: { memory } }).exports;
  memories.set(memory.buffer, {
    scratch: new Float32Array(memory.buffer, 0, scratchBytes / Float32Array.BYTES_PER_ELEMENT),
    adamW: adamw as WasmAdamW,
  });
  let offset = scratchBytes;
  return groups.map((group) =>
    group.map((array) => {
      const copy = new Float32Array(memory.buffer, offset, array.length);
      copy.set(array);
      offset += alignedSize(array);
      return copy;
    }),
  );
}
