#!/usr/bin/env node
import { VitvqError } from '@vitvq/core';
import { createProgram } from './program.js';

try {
  await createProgram().parseAsync();
} catch (error) {
  // Errors raised on purpose say what to do; a stack would bury it. Anything else is a defect and
  // keeps its stack.
  if (!(error instanceof VitvqError)) throw error;
  process.stderr.write(`vitvq: ${error.message}\n`);
  process.exitCode = 1;
}
