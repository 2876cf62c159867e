/** What the contracts promise to the compiler; the type check of the package runs it. */
import type { Scalar, Tensor2D, Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import { describe, expectTypeOf, it } from 'vitest';
import {
  Module,
  type Codebook,
  type Decoder,
  type Discriminator,
  type Encoder,
  type QuantizeContext,
  type Quantizer,
  type QuantizeResult,
  type Tokenizer,
  type VariableOwner,
} from '../src/index.js';

declare const result: QuantizeResult;

/** The least that a quantizer is: no context, no codebook, no noise. */
class Least extends Module implements Quantizer {
  readonly codebookSize = 2;
  readonly codeDim = 1;
  readonly codeDepth = 1;
  quantize = (): QuantizeResult => result;
  decode = (indices: Tensor2D | Tensor3D): Tensor3D => indices as Tensor3D;
}

/** Takes any owner of variables as a part. */
class Whole extends Module {
  readonly part = this.child('part', new Least());
  constructor(readonly other: VariableOwner) {
    super();
    expectTypeOf(this.child('other', other)).toEqualTypeOf<VariableOwner>();
    expectTypeOf(this.part).toEqualTypeOf<Least>();
  }
}

describe('contracts', () => {
  it('everything that owns variables is one interface, which Module implements', () => {
    expectTypeOf<Module>().toExtend<VariableOwner>();
    expectTypeOf<Quantizer>().toExtend<VariableOwner>();
    expectTypeOf<Encoder>().toExtend<VariableOwner>();
    expectTypeOf<Decoder>().toExtend<VariableOwner>();
    expectTypeOf<Discriminator>().toExtend<VariableOwner>();
    expectTypeOf<Tokenizer>().not.toExtend<VariableOwner>();
    expectTypeOf((owner: VariableOwner) => new Whole(owner)).returns.toExtend<VariableOwner>();
  });

  it('a quantizer may ignore the context and offer nothing more', () => {
    expectTypeOf<Least>().toExtend<Quantizer>();
    expectTypeOf<Quantizer['codebook']>().toEqualTypeOf<Codebook | undefined>();
    expectTypeOf<Quantizer['temperature']>().toEqualTypeOf<number | undefined>();
    expectTypeOf<Codebook['reset']>().toBeNullable();
    expectTypeOf<Quantizer['noiseShape']>().toBeNullable();
  });

  it('every quantizer is called alike and returns one shape', () => {
    expectTypeOf<Quantizer['quantize']>().toEqualTypeOf<(z: Tensor3D, context?: QuantizeContext) => QuantizeResult>();
    expectTypeOf<QuantizeResult['loss']>().toEqualTypeOf<Scalar>();
    expectTypeOf<keyof QuantizeResult>().toEqualTypeOf<'quantized' | 'indices' | 'loss' | 'divergence'>();
    expectTypeOf<keyof QuantizeContext>().toEqualTypeOf<'training' | 'temperature' | 'noise' | 'mask'>();
  });

  it('owners tell variables by name', () => {
    expectTypeOf<VariableOwner['namedVariables']>().returns.toEqualTypeOf<Map<string, Variable>>();
    expectTypeOf<Tokenizer['encode']>().parameter(0).toEqualTypeOf<Tensor4D>();
  });
});
