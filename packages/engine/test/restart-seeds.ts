// Vitest runs this before each file of tests, which share one process.
import { restartSeeds } from './seeds.js';

restartSeeds();
