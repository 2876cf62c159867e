import { VitvqError } from '@vitvq/core';

/** A function that cannot be compiled, with what in it stands in the way and where. */
export class CompileError extends VitvqError {}

/** An engine that is missing or failed while it ran. */
export class EngineError extends VitvqError {}
