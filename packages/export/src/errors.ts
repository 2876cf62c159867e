import { VitvqError } from '@vitvq/core';

/**
 * Error of an exported file that does not compute what the original computes, or cannot be checked.
 */
export class ExportError extends VitvqError {}
