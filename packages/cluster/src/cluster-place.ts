import { checkOptions, ConfigError, type OptionTable } from '@vitvq/core';
import { parseAddress, type Address } from './internal/address.js';
import { findLauncher, type Environment, type Launcher, type Setting } from './internal/launchers.js';

/** The place of a process in a run of several. */
export interface ClusterPlace {
  /** Number of this process, from 0 on. */
  readonly rank: number;
  /** Number of processes. */
  readonly processes: number;
  /** Where process 0 listens. */
  readonly coordinator: Address;
  /** Name of the run; processes of another run are refused. */
  readonly runId: string;
}

/** What a user says of the place of a process, such as the flags of a command. */
export interface ClusterFlags {
  /** Number of this process, from 0 on. */
  readonly rank?: number | string;
  /** Number of processes. */
  readonly processes?: number | string;
  /** Where process 0 listens, `host:port`. */
  readonly coordinator?: string;
  /** Name of the run. */
  readonly runId?: string;
}

const flagNames: OptionTable<ClusterFlags> = {
  rank: 'optional',
  processes: 'optional',
  coordinator: 'optional',
  runId: 'optional',
};

const where = 'readClusterPlace';
/** Processes of a run; the largest clusters have some ten thousand hosts. */
export const maximumProcesses = 65_536;
const maximumRunIdLength = 256;

/**
 * Returns the place of this process, or undefined for a process that is alone. What is said first
 * counts: the flags; `VITVQ_RANK`, `VITVQ_PROCESSES`, `VITVQ_COORDINATOR` and `VITVQ_RUN_ID`; the
 * variables of whoever started the process, which are those of Open MPI, of PMI (MPICH, Intel MPI),
 * of Slurm and of an indexed job of Kubernetes. MPI comes before Slurm, because `mpirun` inside of
 * a job of Slurm starts processes that Slurm does not know.
 *
 * Slurm says where process 0 runs: on the first host of the step, with a port that follows from the
 * number of the job. Elsewhere the coordinator has to be given.
 * @throws {ConfigError} naming the flags or the variables that are missing, make no sense or
 *   contradict each other
 */
export function readClusterPlace(
  environment: Environment = process.env,
  flags: ClusterFlags = {},
): ClusterPlace | undefined {
  checkOptions(flags, flagNames, where);
  const said = {
    rank: given(flags.rank, 'the flag rank', environment, 'VITVQ_RANK'),
    processes: given(flags.processes, 'the flag processes', environment, 'VITVQ_PROCESSES'),
    coordinator: given(flags.coordinator, 'the flag coordinator', environment, 'VITVQ_COORDINATOR'),
    runId: given(flags.runId, 'the flag runId', environment, 'VITVQ_RUN_ID'),
  };
  // Whoever gives rank and number needs no launcher, and may run where one left its variables.
  const launcher = said.rank ? undefined : findLauncher(environment);
  const rankSetting = said.rank ?? launcher?.rank;
  const processesSetting = processesOf(said.processes, launcher);
  if (!rankSetting || !processesSetting) {
    assertAlone(rankSetting, said, launcher);
    return undefined;
  }
  const processes = integerOf(processesSetting, 1, maximumProcesses);
  const rank = integerOf(rankSetting, 0);
  if (rank >= processes) {
    throw new ConfigError({
      where,
      expected: `${rankSetting.name} below ${processes} (${processesSetting.name})`,
      got: rankSetting.text,
      fix: 'Ranks count from 0.',
    });
  }
  if (processes === 1) return undefined;
  return { rank, processes, coordinator: coordinatorOf(said, launcher), runId: runIdOf(said, launcher) };
}

type Said = Readonly<Record<keyof ClusterFlags, Setting | undefined>>;

function given(
  flag: number | string | undefined,
  flagName: string,
  environment: Environment,
  variable: string,
): Setting | undefined {
  if (flag !== undefined) return { name: flagName, text: String(flag) };
  const text = environment[variable];
  return text === undefined || text === '' ? undefined : { name: variable, text };
}

/** Returns the number of processes. @throws {ConfigError} where the launcher counts otherwise */
function processesOf(said: Setting | undefined, launcher: Launcher | undefined): Setting | undefined {
  const counted = launcher?.processes;
  if (said && counted && Number(said.text) !== Number(counted.text)) {
    throw new ConfigError({
      where,
      expected: `${said.name} and ${counted.name} to say the same`,
      got: `${said.text} and ${counted.text}`,
      fix: `Leave ${said.name} out, or give rank and coordinator as well, and nothing of ${launcher.name} counts.`,
    });
  }
  return said ?? counted;
}

/**
 * Throws where something says that there are other processes, without all that has to be known of
 * them. There are none in a job of one process, nor for many jobs that do not know each other.
 * @throws {ConfigError}
 */
function assertAlone(rank: Setting | undefined, said: Said, launcher: Launcher | undefined): void {
  const hints = [said.rank, said.processes, said.coordinator].filter((setting) => setting !== undefined);
  const isLaterRank = rank !== undefined && launcher?.meansOthers === true && Number(rank.text) !== 0;
  if (hints.length === 0 && !isLaterRank) return;
  // One process needs no rank; the number may stand in a script for any number.
  if (!rank && !said.coordinator && said.processes?.text === '1') return;
  const [missing, options] = rank
    ? ['number of processes', 'processes or VITVQ_PROCESSES']
    : ['rank', 'rank or VITVQ_RANK'];
  throw new ConfigError({
    where,
    expected: `the ${missing}, because ${[...hints, ...(isLaterRank ? [rank] : [])].map(({ name }) => name).join(' and ')} says that there are several processes`,
    got: 'none',
    fix: `Give ${options}, or start the processes with srun, mpirun or as an indexed job of Kubernetes.`,
  });
}

function integerOf({ name, text }: Setting, minimum: number, maximum = Infinity): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= minimum && value <= maximum) return value;
  const range = maximum === Infinity ? `at least ${minimum}` : `${minimum} to ${maximum}`;
  throw new ConfigError({ where, expected: `${name} to be an integer of ${range}`, got: JSON.stringify(text) });
}

function coordinatorOf({ coordinator }: Said, launcher: Launcher | undefined): Address {
  if (coordinator) return parseAddress(coordinator.text, coordinator.name, where);
  const found = launcher?.coordinator?.();
  if (found) return found;
  throw new ConfigError({
    where,
    expected: 'the coordinator, which is where process 0 listens',
    got: 'neither the flag coordinator nor VITVQ_COORDINATOR',
    fix: 'Give the same host:port of the host of process 0 to every process, such as node1:62000.',
  });
}

function runIdOf({ runId }: Said, launcher: Launcher | undefined): string {
  if (!runId) return launcher?.runId ?? 'run';
  assertRunId(runId.text, runId.name, where);
  return runId.text;
}

/** Throws for a name of a run that is too long to be sent. @throws {ConfigError} */
export function assertRunId(runId: string, name: string, where: string): void {
  if (typeof runId === 'string' && runId.length <= maximumRunIdLength) return;
  const got = typeof runId === 'string' ? `${runId.length}` : `a ${typeof runId}`;
  throw new ConfigError({ where, expected: `${name} of at most ${maximumRunIdLength} characters`, got });
}
