export * from './checks.js';
export * from './composite.js';
export * from './contracts.js';
export * from './errors.js';
export * from './module.js';
export * from './random.js';
export * from './reference-weights.js';
