import type { CompileError } from '../errors.js';

/**
 * Learns what a traced function calls. A trace with an observer goes on where another one stops: an
 * operation that cannot be recorded is reported, and a constant of the right shape stands for its
 * results.
 */
export interface TraceObserver {
  /**
   * Called for each kernel of TensorFlow.js.
   * @param refusal  why the kernel cannot be recorded; `missing` where there is no recording of it
   */
  onKernel(kernel: string, refusal: CompileError | 'missing' | undefined): void;
}
