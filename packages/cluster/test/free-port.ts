import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { ClusterPlace } from '../src/index.js';

/** Returns a port of this host on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Returns the places of the processes of a run on this host. */
export async function placesOf(processes: number, runId = 'test'): Promise<ClusterPlace[]> {
  const coordinator = { host: '127.0.0.1', port: await freePort() };
  return Array.from({ length: processes }, (_, rank) => ({ rank, processes, coordinator, runId }));
}
