import { freePort } from '@vitvq/test-utils/node';
import type { ClusterPlace } from '../src/index.js';

/** Returns the places of the processes of a run on this host. */
export async function placesOf(processes: number, runId = 'test'): Promise<ClusterPlace[]> {
  const coordinator = { host: '127.0.0.1', port: await freePort() };
  return Array.from({ length: processes }, (_, rank) => ({ rank, processes, coordinator, runId }));
}
