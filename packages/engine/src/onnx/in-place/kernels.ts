import { adamW } from './adamw.js';
import type { InPlaceKernel } from './kernel.js';
import { rowWriter } from './write-rows.js';

/** Composites that the worker runs in place where their results only replace states, by name. */
export const inPlaceKernels: Readonly<Record<string, InPlaceKernel>> = { adamw: adamW, write_rows: rowWriter };
