import { ConfigError } from '@vitvq/core';

/** Lets one request in at a time. */
export class OneAtATime {
  readonly #where: string;
  #isBusy = false;

  constructor(where: string) {
    this.#where = where;
  }

  /** Begins a request. @throws {ConfigError} while another one runs */
  begin(): void {
    if (this.#isBusy) {
      throw new ConfigError({
        where: this.#where,
        expected: 'one request at a time',
        got: 'a second one',
        fix: 'Await the first, or make another sampler.',
      });
    }
    this.#isBusy = true;
  }

  /** Ends the request. */
  end(): void {
    this.#isBusy = false;
  }
}
