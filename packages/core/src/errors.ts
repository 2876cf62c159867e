/** Facts of a problem, for programs; the message is for people. */
export interface ErrorFacts {
  /** Class and method, or file, where the value was refused. */
  readonly where: string;
  readonly expected: string;
  readonly got: string;
  /** What the caller can do about it. */
  readonly fix?: string;
}

/** `where: expected …, got …. Fix hint.` */
function describe({ where, expected, got, fix }: ErrorFacts): string {
  return `${where}: expected ${expected}, got ${got}.${fix ? ` ${fix}` : ''}`;
}

/** Base of every error that vitvq raises on purpose. */
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

/** An option or a combination of options that cannot work. */
export class ConfigError extends VitvqError {}

/** A tensor whose shape or dtype does not fit. */
export class ShapeError extends VitvqError {}

/** Data from outside (a file, an image, a checkpoint) that cannot be used. */
export class DataError extends VitvqError {}
