#!/usr/bin/env node
import { VitvqError } from '@vitvq/core';
import { createProgram } from './program.js';

try {
  await createProgram().parseAsync();
} catch (error) {
  // The message of a VitvqError says what to do, and a stack would hide it. Any other error is a
  // defect and keeps its stack.
  if (!(error instanceof VitvqError)) throw error;
  process.stderr.write(`vitvq: ${error.message}\n`);
  process.exitCode = 1;
}
