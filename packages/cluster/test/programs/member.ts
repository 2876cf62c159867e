/**
 * A process of a run: joins, exchanges what it knows with the others and leaves; or, with an
 * argument, waits for what never comes. Prints what it saw.
 */
import { joinCluster, readClusterPlace } from '@vitvq/cluster';

const place = readClusterPlace();
const hangSeconds = Number(process.env['HANG_SECONDS'] ?? '20');
const cluster = await joinCluster(place, { joinSeconds: 30, hangSeconds, secret: process.env['SECRET'] });
const { rank, processes } = cluster;
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

say(`joined ${rank}`);
if (process.argv[2] === 'wait') {
  cluster.signal.addEventListener('abort', () => say('aborted'));
  await cluster.get('what never comes').catch((error: unknown) => say(`stopped: ${(error as Error).message}`));
  process.exit(3);
}
await cluster.put(`key of ${rank}`, bytes(`value of ${rank}`));
const found = [];
for (let other = 0; other < processes; other++) found.push(text(await cluster.get(`key of ${other}`)));
await cluster.barrier('exchanged');
const last = processes - 1;
const told = text(await cluster.broadcast('told', rank === last ? bytes('from the last') : undefined, { from: last }));
const pids = (await cluster.gather('pids', bytes(String(process.pid)))).map(text);
say(JSON.stringify({ found, told, pids: new Set(pids).size }));
await cluster.leave();
say('left');
