import { assertInRange, assertInteger, assertMembers, checkOptions, ConfigError, type OptionTable } from '@vitvq/core';
import { assertRunId, maximumProcesses, type ClusterPlace } from './cluster-place.js';
import type { ProcessLostError } from './cluster-error.js';
import { Cluster } from './cluster.js';
import { formatAddress, parseAddress } from './internal/address.js';
import { Coordinator } from './internal/coordinator.js';
import { limitsOfRun } from './internal/handshake.js';
import type { JoinSettings } from './internal/join-settings.js';
import { Member } from './internal/member.js';

/** Options of {@link joinCluster}. */
export interface JoinClusterOptions {
  /**
   * Text that all processes of the run know and others do not; whoever does not know it is refused.
   * The secret itself is never sent.
   * @default none: the number of the run is all that tells its processes from others
   */
  readonly secret?: string;
  /** How long processes wait for each other at the beginning. @default 300 */
  readonly joinSeconds?: number;
  /**
   * How long nothing may be heard of a process until it counts as lost; that of process 0 counts. A
   * process whose event loop stands still for so long, in one long computation, is not heard.
   * @default 20
   */
  readonly hangSeconds?: number;
  /** How long a call waits for other processes where it does not say. @default 300 */
  readonly waitSeconds?: number;
  /** Longest value in bytes; that of process 0 counts. @default 16 MiB */
  readonly maximumValueBytes?: number;
  /**
   * Address on which process 0 listens, where that of the coordinator is not an address of its
   * host: behind an address translation, or where the name of the host means the host itself.
   * @default the host of the coordinator
   */
  readonly bindHost?: string;
}

const optionNames: OptionTable<JoinClusterOptions> = {
  secret: 'optional',
  joinSeconds: 'optional',
  hangSeconds: 'optional',
  waitSeconds: 'optional',
  maximumValueBytes: 'optional',
  bindHost: 'optional',
};

const where = 'joinCluster';
const alone: ClusterPlace = { rank: 0, processes: 1, coordinator: { host: 'localhost', port: 0 }, runId: '' };

/**
 * Brings the processes of a run together: process 0 serves a key-value store at the coordinator's
 * address, the others connect, in whatever order they start. Resolves when all are there.
 *
 * The connections keep the processes alive until `leave` or `fail`, or until a process is lost.
 * @param place  what `readClusterPlace` returned; undefined stands for a process that is alone,
 *   which opens no connection
 * @throws {ConfigError} naming an option or a place that cannot be
 * @throws {ClusterError} when processes do not come in time, when process 0 refuses this one or
 *   cannot listen, and when another process is lost meanwhile
 */
export async function joinCluster(place: ClusterPlace | undefined, options: JoinClusterOptions = {}): Promise<Cluster> {
  const settings = settingsOf(options);
  const { rank, processes } = checkedPlace(place ?? alone);
  const controller = new AbortController();
  let tell: (error: ProcessLostError) => void;
  const lost = new Promise<ProcessLostError>((resolve) => (tell = resolve));
  const onLost = (error: ProcessLostError): void => {
    tell(error);
    controller.abort(error);
  };
  const kind = rank === 0 ? Coordinator : Member;
  const session = await kind.open(place ?? alone, settings, onLost);
  const { waitMilliseconds } = settings;
  return new Cluster({ session, rank, processes, waitMilliseconds, lost, signal: controller.signal });
}

function checkedPlace(place: ClusterPlace): ClusterPlace {
  assertMembers(place, ['rank', 'processes', 'coordinator', 'runId'], 'the place', where);
  const { rank, processes, coordinator, runId } = place;
  assertInteger(processes, 'processes', where, 1, maximumProcesses);
  assertInteger(rank, 'rank', where, 0, processes - 1);
  if (processes > 1) parseAddress(formatAddress(coordinator), 'coordinator', where);
  assertRunId(runId, 'runId', where);
  return place;
}

function settingsOf(options: JoinClusterOptions): JoinSettings {
  const {
    secret = '',
    joinSeconds = 300,
    hangSeconds = 20,
    waitSeconds = 300,
    maximumValueBytes = 16 * 2 ** 20,
    bindHost,
  } = checkOptions(options, optionNames, where);
  if (typeof secret !== 'string' || options.secret === '') {
    throw new ConfigError({
      where,
      expected: 'a secret of at least one character, or none',
      got: options.secret === '' ? 'an empty text' : `a ${typeof secret}`,
      fix: 'Pass undefined for none; an empty variable is often a mistake.',
    });
  }
  const [least, most] = limitsOfRun.hang;
  assertInRange(joinSeconds, 'joinSeconds', where, 0.001, 2_147_483);
  assertInRange(waitSeconds, 'waitSeconds', where, 0.001, 2_147_483);
  assertInRange(hangSeconds, 'hangSeconds', where, least / 1000, most / 1000);
  assertInteger(maximumValueBytes, 'maximumValueBytes', where, 1_024, limitsOfRun.value);
  return {
    secret,
    joinMilliseconds: Math.round(joinSeconds * 1000),
    hangMilliseconds: Math.round(hangSeconds * 1000),
    waitMilliseconds: Math.round(waitSeconds * 1000),
    maximumValueBytes,
    bindHost,
  };
}
