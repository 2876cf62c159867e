import { VitvqError } from '@vitvq/core';

/** Error of processes that do not find each other, or of one that others lost. */
export class ClusterError extends VitvqError {}

/** A process that the others lost. */
export interface LostProcess {
  readonly rank: number;
  /** Name of its host, as the process gave it. */
  readonly host: string;
  /** What happened to it. */
  readonly reason: string;
}

/** Error of every process of a run of which one is lost. */
export class ProcessLostError extends ClusterError implements LostProcess {
  readonly rank: number;
  readonly host: string;
  readonly reason: string;

  constructor({ rank, host, reason }: LostProcess, processes: number) {
    super({
      where: 'cluster',
      expected: `all ${processes} processes to go on`,
      got: `the loss of process ${rank} on host ${host}: ${reason}`,
      fix: 'Start the run again: it can go on from its last checkpoint, also with fewer processes.',
    });
    this.rank = rank;
    this.host = host;
    this.reason = reason;
  }
}
