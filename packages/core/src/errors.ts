import { printable } from './printable.js';

/** Parts of an error message, as data for programs. */
export interface ErrorFacts {
  /** Class and method, or file, that refused the value. */
  readonly where: string;
  /** Description of what would have been accepted. */
  readonly expected: string;
  /** Description of what was found instead. */
  readonly got: string;
  /** Sentence that says what the caller can do. */
  readonly fix?: string;
}

/**
 * Formats the message: `where: expected …, got …. Fix hint.` It may quote files, whose names and
 * contents may hold control characters.
 */
function describe({ where, expected, got, fix }: ErrorFacts): string {
  return printable(`${where}: expected ${expected}, got ${got}.${fix ? ` ${fix}` : ''}`);
}

/**
 * Base class of every error that vitvq throws deliberately. Its message is fit to be printed; the
 * facts are as they were given.
 */
export class VitvqError extends Error {
  readonly where: string;
  readonly expected: string;
  readonly got: string;
  readonly fix: string | undefined;

  constructor(facts: ErrorFacts, options?: ErrorOptions) {
    super(describe(facts), options);
    this.name = new.target.name;
    this.where = facts.where;
    this.expected = facts.expected;
    this.got = facts.got;
    this.fix = facts.fix;
  }
}

/** Error of an option or a combination of options that cannot work. */
export class ConfigError extends VitvqError {}

/** Error of a tensor whose shape or dtype does not fit. */
export class ShapeError extends VitvqError {}

/** Error of external data (a file, an image, a checkpoint) that cannot be used. */
export class DataError extends VitvqError {}
