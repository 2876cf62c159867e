import { VitvqError } from '@vitvq/core';

/** What was exported does not do what the original does, or cannot be checked. */
export class ExportError extends VitvqError {}
