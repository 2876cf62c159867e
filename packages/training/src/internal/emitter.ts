import { EventEmitter } from 'node:events';
import type { TrainingEvents } from '../training-events.js';

/** Listener of an event. */
export type Listener<Evaluation, Preview, K extends keyof TrainingEvents> = (
  ...values: TrainingEvents<Evaluation, Preview>[K]
) => void;

/** Typed events of a training; listeners are called in the order in which they were added. */
export class Emitter<Evaluation, Preview> {
  readonly #emitter = new EventEmitter();

  /** Adds a listener. */
  on<K extends keyof TrainingEvents>(name: K, listener: Listener<Evaluation, Preview, K>): void {
    this.#emitter.on(name, listener as (...values: unknown[]) => void);
  }

  /** Removes a listener. */
  off<K extends keyof TrainingEvents>(name: K, listener: Listener<Evaluation, Preview, K>): void {
    this.#emitter.off(name, listener as (...values: unknown[]) => void);
  }

  /** Calls the listeners of an event; an error of a listener is thrown here. */
  emit<K extends keyof TrainingEvents>(name: K, ...values: TrainingEvents<Evaluation, Preview>[K]): void {
    this.#emitter.emit(name, ...values);
  }
}
