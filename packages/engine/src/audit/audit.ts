import * as tf from '@tensorflow/tfjs-core';
import { checkOptions, type OptionTable } from '@vitvq/core';
import { platform } from '#platform';
import type { TensorType } from '../backend/backend.js';
import type { AnyFunction } from '../compile.js';
import { requireEngine, startedEngine } from '../engines.js';
import { engineNames, type EngineName } from '../engines/engine-definition.js';
import { CompileError, EngineError } from '../errors.js';
import type { HostType } from '../ir/graph.js';
import type { Precision } from '../passes/narrow-products.js';
import { narrowMethodOf } from '../precision.js';
import { flatten } from '../structure.js';
import { callSite } from '../trace/call-site.js';
import { registerTraceKernels } from '../trace/kernels.js';
import { withStandIns } from '../trace/stand-ins.js';
import { releaseCaptures, trace } from '../trace/trace.js';
import { ObservedTape, type ObservedCall } from './observed-tape.js';
import { replacementFor } from './replacements.js';

/** Options of {@link audit}. */
export interface AuditOptions<F extends AnyFunction> {
  /** Arguments as the function is going to get them; only their shapes and dtypes matter. */
  readonly arguments: Parameters<F>;
  /** Engine that is going to run the function. @default the engine in use */
  readonly engine?: EngineName;
  /** Precision with which the function is going to be compiled. @default 'float32' */
  readonly precision?: Precision;
  /** Name of the function in messages. @default the function's own name */
  readonly name?: string;
}

const auditOptionNames: OptionTable<AuditOptions<AnyFunction>> = {
  arguments: 'required',
  engine: 'optional',
  precision: 'optional',
  name: 'optional',
};

const levels = ['kernel', 'gradient', 'second-order gradient', 'higher-order gradient'] as const;

/** Something that a function calls and an engine cannot do. */
export interface AuditFinding {
  /** Kernel of TensorFlow.js that the function calls, as `ResizeBilinear`. */
  readonly operation: string;
  /** What of the operation the engine cannot compute. */
  readonly missing: (typeof levels)[number];
  /** Where the function calls it: `at name (file:line:column)`. */
  readonly at: string;
  /** Number of calls from there. */
  readonly calls: number;
  /** What exactly is missing. */
  readonly detail: string;
  /** What to write instead. */
  readonly instead: string;
}

/** What an engine can and cannot do of a function. */
export interface AuditReport {
  readonly engine: EngineName;
  /** Number of calls of kernels, gradients included. */
  readonly calls: number;
  /** Everything that is missing, in the order in which it is met. Empty: the function can run. */
  readonly findings: readonly AuditFinding[];
  /** Why the audit ended early, where what is missing kept it from going on. */
  readonly endedBy?: string;
}

/**
 * Finds every operation of a function that an engine has no kernel, no gradient or no second-order
 * gradient for, before anything runs: all of them at once, each with the place of its call and what
 * to write instead. The function is traced as `compile` does it and computes nothing.
 * @throws {CompileError} for a precision that the engine does not compute in, and for what no
 *   engine can compile whatever the operations, such as reading the values of a tensor
 * @throws {EngineError} when the engine is unknown or not installed
 *
 * @example
 * const report = await audit(step, { arguments: [images], engine: 'onnx' });
 * if (report.findings.length > 0) throw new Error(formatAuditReport(report));
 */
export async function audit<F extends AnyFunction>(fn: F, options: AuditOptions<F>): Promise<AuditReport> {
  const {
    arguments: values,
    engine = (await startedEngine()).name,
    precision = 'float32',
    name = fn.name || 'function',
  } = checkOptions(options, auditOptionNames as OptionTable<AuditOptions<F>>, 'audit');
  const kernelBackend = await backendOfKernels(engine);
  narrowMethodOf(engine, precision, name);
  const findings = new Findings();
  let calls = 0;
  const tape = new ObservedTape((call, reason) => findings.add(call, call.order + 1, reason));
  const observer = {
    onKernel: (kernel: string, refusal: CompileError | 'missing' | undefined): void => {
      calls++;
      const call = tape.callOf(kernel);
      if (kernelBackend !== undefined) {
        if (!tf.getKernel(kernel, kernelBackend)) findings.add(call, call.order, `${kernel} has no kernel`);
      } else if (refusal instanceof CompileError) {
        findings.add(call, call.order, `${kernel}: expected ${refusal.expected}, got ${refusal.got}`, refusal.fix);
      } else if (refusal) {
        findings.add(call, call.order, `${kernel} has no kernel`);
      }
    },
  };
  const { tensors, template } = flatten(values, `${name}, arguments`);
  const types = tensors.map(({ shape, dtype }): TensorType => ({ shape, dtype: dtype as HostType }));
  registerTraceKernels();
  try {
    releaseCaptures(tape.watch(() => withStandIns(() => trace(fn, types, template, name, observer))));
  } catch (error) {
    if (findings.isEmpty || !(error instanceof Error)) throw error;
    return { engine, calls, findings: findings.all(), endedBy: error.message };
  }
  return { engine, calls, findings: findings.all() };
}

/**
 * Returns the TensorFlow.js backend whose kernels an engine runs; undefined for an engine that
 * compiles what is recorded.
 */
async function backendOfKernels(name: EngineName): Promise<string | undefined> {
  if (!engineNames.includes(name)) {
    throw new EngineError({
      where: 'audit',
      expected: `one of the engines ${engineNames.join(', ')}`,
      got: `"${String(name)}"`,
    });
  }
  const definition = platform.engines[name];
  if (definition.startBackend) return undefined;
  await requireEngine(name, 'audit'); // imports the package that registers the kernels
  return definition.eagerBackend;
}

/** Findings, those of one place together. */
class Findings {
  readonly #found = new Map<string, AuditFinding>();

  get isEmpty(): boolean {
    return this.#found.size === 0;
  }

  /** @param level  index of what is missing in `levels` */
  add({ kernel, origin }: ObservedCall, level: number, reason: string, fix?: string): void {
    const missing = levels[Math.min(level, levels.length - 1)]!;
    const at = callSite(origin.place.stack) ?? 'at an unknown place';
    const operation = origin.kernel || 'tf.customGrad';
    // A gradient consists of operations, and one of these may be what is missing.
    const detail = kernel === operation || reason.startsWith(kernel) ? reason : `${kernel}: ${reason}`;
    const key = [operation, missing, at, detail].join('\n');
    const instead = fix ?? replacementFor(operation, level > 0);
    const calls = (this.#found.get(key)?.calls ?? 0) + 1;
    this.#found.set(key, { operation, missing, at, calls, detail, instead });
  }

  all(): readonly AuditFinding[] {
    return [...this.#found.values()];
  }
}

/** Formats a report for a terminal. */
export function formatAuditReport({ engine, calls, findings, endedBy }: AuditReport): string {
  const summary = findings.length === 0 ? 'all that the function calls' : `all but ${findings.length} of what it calls`;
  const lines = [`engine ${engine} can compute ${summary} (kernels called: ${calls})`];
  for (const { operation, missing, at, calls: times, detail, instead } of findings) {
    lines.push('', `${operation}: no ${missing}, called ${at}${times > 1 ? ` (${times} times)` : ''}`);
    lines.push(`  ${detail}`, `  ${instead}`);
  }
  if (endedBy) lines.push('', `What comes after these was not looked at: ${endedBy}`);
  return lines.join('\n');
}
