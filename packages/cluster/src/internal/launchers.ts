import type { Address } from './address.js';
import { firstHost } from './first-host.js';

/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A text that somebody set, and the name of the variable or the flag. */
export interface Setting {
  readonly name: string;
  readonly text: string;
}

/** What starts the processes of a run and tells them their places. */
export interface Launcher {
  /** Name for people. */
  readonly name: string;
  readonly rank: Setting;
  readonly processes: Setting | undefined;
  /** Whether a rank other than 0 means that processes belong together. */
  readonly meansOthers: boolean;
  /** Returns where process 0 listens; absent where the launcher does not say. */
  readonly coordinator?: () => Address | undefined;
  /** Name of the run, the same for all of its processes. */
  readonly runId: string | undefined;
}

/** Finds the launcher whose variables a process has; the innermost one, where there are several. */
export function findLauncher(environment: Environment): Launcher | undefined {
  for (const find of [openMpi, pmi, slurm, kubernetes]) {
    const launcher = find(environment);
    if (launcher) return launcher;
  }
  return undefined;
}

function setting(environment: Environment, ...names: readonly string[]): Setting | undefined {
  for (const name of names) {
    const text = environment[name];
    if (text !== undefined && text !== '') return { name, text };
  }
  return undefined;
}

function openMpi(environment: Environment): Launcher | undefined {
  const rank = setting(environment, 'OMPI_COMM_WORLD_RANK');
  return (
    rank && {
      name: 'Open MPI',
      rank,
      processes: setting(environment, 'OMPI_COMM_WORLD_SIZE'),
      meansOthers: true,
      runId: setting(environment, 'PMIX_NAMESPACE', 'OMPI_MCA_ess_base_jobid')?.text,
    }
  );
}

function pmi(environment: Environment): Launcher | undefined {
  const rank = setting(environment, 'PMI_RANK');
  const processes = setting(environment, 'PMI_SIZE');
  const ofSlurm = slurm(environment);
  // Slurm speaks PMI too; what it says itself is more, the hosts among it.
  const isOfSlurm = ofSlurm?.rank.text === rank?.text && ofSlurm?.processes?.text === processes?.text;
  if (!rank || isOfSlurm) return undefined;
  return {
    name: 'PMI',
    rank,
    processes,
    meansOthers: true,
    runId: undefined,
  };
}

function slurm(environment: Environment): Launcher | undefined {
  const rank = setting(environment, 'SLURM_PROCID');
  if (!rank) return undefined;
  const job = setting(environment, 'SLURM_JOB_ID', 'SLURM_JOBID')?.text;
  const step = setting(environment, 'SLURM_STEP_ID', 'SLURM_STEPID')?.text;
  return {
    name: 'Slurm',
    rank,
    processes: setting(environment, 'SLURM_STEP_NUM_TASKS', 'SLURM_NTASKS', 'SLURM_NPROCS'),
    meansOthers: true,
    coordinator: () => {
      const hosts = setting(environment, 'SLURM_STEP_NODELIST', 'SLURM_JOB_NODELIST', 'SLURM_NODELIST');
      if (!hosts || job === undefined || !/^\d{1,15}$/.test(job)) return undefined;
      return { host: firstHost(hosts.text, hosts.name, 'readClusterPlace'), port: portOfJob(Number(job)) };
    },
    runId: job === undefined ? undefined : `slurm-${job}.${step ?? 0}`,
  };
}

/**
 * Returns a port that differs for jobs that follow each other. Linux gives the ports below 61,000
 * to outgoing connections.
 */
function portOfJob(job: number): number {
  return 61_440 + (job % 4_096);
}

/** Jobs of an index each may also have nothing to do with each other, as those of a sweep. */
function kubernetes(environment: Environment): Launcher | undefined {
  const rank = setting(environment, 'JOB_COMPLETION_INDEX');
  return (
    rank && {
      name: 'Kubernetes',
      rank,
      processes: undefined,
      meansOthers: false,
      runId: undefined,
    }
  );
}
