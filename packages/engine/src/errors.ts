import { VitvqError } from '@vitvq/core';

/**
 * Error of a function that cannot be compiled; says what in the function is the cause, and where.
 */
export class CompileError extends VitvqError {}

/** Error of an engine that is missing or has failed. */
export class EngineError extends VitvqError {}
