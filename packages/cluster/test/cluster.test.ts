import { once } from 'node:events';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { ConfigError } from '@vitvq/core';
import { freePort } from '@vitvq/test-utils/node';
import { describe, expect, it } from 'vitest';
import {
  ClusterError,
  joinCluster,
  ProcessLostError,
  type Cluster,
  type ClusterPlace,
  type JoinClusterOptions,
} from '../src/index.js';
import { placesOf } from './places-of.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value);
const quick = { joinSeconds: 10, hangSeconds: 5, waitSeconds: 10 } as const;

async function joinAll(processes: number, options: JoinClusterOptions = {}): Promise<Cluster[]> {
  return joinPlaces(await placesOf(processes), options);
}

function joinPlaces(places: readonly ClusterPlace[], options: JoinClusterOptions = {}): Promise<Cluster[]> {
  return Promise.all(places.map((place) => joinCluster(place, { ...quick, ...options })));
}

const leaveAll = (clusters: readonly Cluster[]): Promise<void[]> =>
  Promise.all(clusters.map((cluster) => cluster.leave()));

describe.each([1, 2, 5])('a cluster of %i', (processes) => {
  it('keeps keys and values', async () => {
    const clusters = await joinAll(processes);
    const [first, last] = [clusters[0]!, clusters.at(-1)!];
    expect(clusters.map(({ rank }) => rank)).toEqual(Array.from({ length: processes }, (_, rank) => rank));
    expect(await first.tryGet('a')).toBeUndefined();
    const value = bytes('one');
    await last.put('a', value);
    value.fill(0);
    const found = await first.get('a');
    expect(text(found)).toBe('one');
    found.fill(0);
    expect(text(await first.tryGet('a'))).toBe('one');
    await first.put('a', bytes('two'));
    expect(text(await last.get('a'))).toBe('two');
    await first.put('empty', new Uint8Array(0));
    expect(await last.tryGet('empty')).toEqual(new Uint8Array(0));
    expect(await last.delete('a')).toBe(true);
    expect(await last.delete('a')).toBe(false);
    expect(await first.tryGet('a')).toBeUndefined();
    for (const key of ['__proto__', 'constructor', 'é\u{1f600}\u0000']) {
      expect(await first.tryGet(key)).toBeUndefined();
      await last.put(key, bytes(key));
      expect(text(await first.get(key))).toBe(key);
    }
    await leaveAll(clusters);
  });

  it('waits for keys, and no longer than it is told', async () => {
    const clusters = await joinAll(processes);
    const [first, last] = [clusters[0]!, clusters.at(-1)!];
    const waiting = clusters.map((cluster) => cluster.get('later'));
    await last.put('later', bytes('now'));
    expect((await Promise.all(waiting)).map(text)).toEqual(clusters.map(() => 'now'));
    await expect(last.get('never', { timeoutSeconds: 0.02 })).rejects.toThrow(
      'Cluster.get: expected the key "never" within 0.02 s, got none of that name.',
    );
    const again = first.get('never');
    await first.put('never', bytes('x'));
    expect(text(await again)).toBe('x');
    await leaveAll(clusters);
  });

  it('brings processes together, many times', async () => {
    const clusters = await joinAll(processes);
    let arrived = 0;
    await Promise.all(
      clusters.map(async (cluster) => {
        for (let round = 1; round <= 20; round++) {
          arrived++;
          await cluster.barrier('round');
          expect(arrived).toBe(round * processes);
          const all = await cluster.gather('values', bytes(`${round}/${cluster.rank}`));
          expect(all.map(text)).toEqual(clusters.map(({ rank }) => `${round}/${rank}`));
          const from = round % processes;
          const given = cluster.rank === from ? bytes(`of ${from}`) : undefined;
          expect(text(await cluster.broadcast('value', given, { from }))).toBe(`of ${from}`);
          await cluster.barrier('end of round');
        }
      }),
    );
    await leaveAll(clusters);
  });

  it('refuses keys, names and values that cannot be', async () => {
    const clusters = await joinAll(processes);
    const [cluster] = clusters as [Cluster];
    await expect(cluster.put('', bytes(''))).rejects.toThrow('Cluster.put: expected a key or name of 1 to 512 bytes');
    await expect(cluster.barrier('x'.repeat(513))).rejects.toThrow(ConfigError);
    await expect(cluster.put('a', 'text' as never)).rejects.toThrow('expected a value as Uint8Array, got a string');
    await expect(cluster.broadcast('a', undefined)).rejects.toThrow('expected a value in process 0 and undefined');
    await expect(cluster.get('a', { timeoutSeconds: -1 })).rejects.toThrow('timeoutSeconds');
    await expect(cluster.get('a', { timeout: 1 } as object)).rejects.toThrow('unknown option "timeout"');
    await leaveAll(clusters);
  });

  it('is no loss when all leave, and ends', async () => {
    const clusters = await joinAll(processes);
    await leaveAll(clusters);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const cluster of clusters) {
      expect(cluster.signal.aborted).toBe(false);
      await expect(cluster.tryGet('a')).rejects.toThrow('got one that has left');
    }
  });
});

describe('limits', () => {
  it('refuses values that are too long, also together, and goes on', async () => {
    const clusters = await joinAll(2, { maximumValueBytes: 1_024 });
    for (const cluster of clusters) {
      await expect(cluster.put('a', new Uint8Array(1_025))).rejects.toThrow(
        'expected a value of at most 1024 bytes, got 1025',
      );
    }
    const gathered = clusters.map((cluster) => cluster.gather('a', new Uint8Array(600)));
    for (const each of gathered) await expect(each).rejects.toThrow('expected at most 1024 bytes together');
    // What did not fit is not held against the store: all of it is still there.
    const [first, second] = clusters as [Cluster, Cluster];
    for (let key = 0; key < 64; key++) await second.put(`key ${key}`, new Uint8Array(1_024));
    await expect(second.put('more', bytes('1'))).rejects.toThrow(
      'expected at most 65536 bytes in the store, got 65537',
    );
    expect(await first.delete('key 3')).toBe(true);
    await second.put('more', bytes('1'));
    await leaveAll(clusters);
  });

  it('takes values that come in many pieces', async () => {
    const clusters = await joinAll(3);
    const value = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7) % 251);
    await clusters[1]!.put('large', value);
    for (const cluster of clusters) expect(Buffer.compare(await cluster.get('large'), value)).toBe(0);
    const all = await Promise.all(clusters.map((cluster) => cluster.gather('large', value)));
    for (const values of all) expect(values.map(({ length }) => length)).toEqual(clusters.map(() => value.length));
    await leaveAll(clusters);
  });

  it('names the processes that do not come to a barrier, which can then be used', async () => {
    const clusters = await joinAll(4);
    const [first, second, ...others] = clusters as [Cluster, Cluster, ...Cluster[]];
    const late = [first, second].map((cluster) => cluster.barrier('x', { timeoutSeconds: 0.05 }));
    await expect(late[0]).rejects.toThrow('all processes at "barrier x" within 0.05 s, got no');
    await expect(late[1]).rejects.toThrow(/got no processes (0, )?2, 3\./);
    const all = [...others, first, second].map((cluster) => cluster.barrier('x'));
    await expect(first.barrier('x')).rejects.toThrow('one call at a time for "barrier x" in each process');
    await Promise.all(all);
    await leaveAll(clusters);
  });
});

describe('joining', () => {
  it('waits for the others in whatever order they come', async () => {
    const places = await placesOf(3);
    const late = [places[2]!, places[1]!].map((place) => joinCluster(place, quick));
    await new Promise((resolve) => setTimeout(resolve, 250));
    const clusters = await Promise.all([joinCluster(places[0], quick), ...late]);
    expect(clusters.map(({ rank }) => rank)).toEqual([0, 2, 1]);
    await leaveAll(clusters);
  });

  it('names the processes that do not come in time, to all', async () => {
    const places = await placesOf(4);
    const joining = places.slice(0, 2).map((place) => joinCluster(place, { ...quick, joinSeconds: 1 }));
    await expect(joining[0]).rejects.toThrow('expected 4 processes within 1 s, got no processes 2, 3');
    await expect(joining[1]).rejects.toThrow('process 0 on host');
    await expect(joining[1]).rejects.toThrow('it waited 1 s in vain for processes 2, 3');
    await expect(joinCluster(places[1], { joinSeconds: 0.2 })).rejects.toThrow(/within 0.2 s, got this .*ECONNREFUSED/);
  });

  it('says why process 0 cannot listen', async () => {
    const places = await placesOf(2);
    const clusters = await joinPlaces(places);
    await expect(joinCluster(places[0])).rejects.toThrow(/to listen on 127.0.0.1:\d+, got EADDRINUSE/);
    await leaveAll(clusters);
    const elsewhere = { ...places[0]!, coordinator: { host: '192.0.2.1', port: await freePort() } };
    await expect(joinCluster(elsewhere)).rejects.toThrow('got EADDRNOTAVAIL. The coordinator must be an address');
  });

  it('refuses other runs, secrets, numbers and ranks, and goes on', async () => {
    const places = await placesOf(3);
    const [, one] = places as [ClusterPlace, ClusterPlace];
    const secret = 'a secret';
    const joining = places.slice(0, 2).map((place) => joinCluster(place, { ...quick, secret }));
    const refusals: [ClusterPlace, JoinClusterOptions, string][] = [
      [{ ...one, rank: 2, runId: 'B' }, { secret }, 'a refusal: it belongs to another run, "B"'],
      [{ ...one, rank: 2 }, { secret: 'another' }, 'a refusal: its secret is another one'],
      [{ ...one, rank: 2 }, {}, 'a refusal: its secret is another one'],
      [{ ...one, rank: 2, processes: 4 }, { secret }, 'it counts 4 processes, and process 0 counts 3'],
    ];
    for (const [place, options, message] of refusals) {
      await expect(joinCluster(place, { ...quick, ...options })).rejects.toThrow(message);
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
    await expect(joinCluster(one, { ...quick, secret })).rejects.toThrow(/process 1 is there already, on host/);
    const clusters = [...(await Promise.all([joinCluster(places[2], { ...quick, secret }), ...joining]))];
    await Promise.all(clusters.map((cluster) => cluster.barrier('x')));
    await leaveAll(clusters);
  });

  it('refuses options and places that cannot be', async () => {
    const [place] = await placesOf(2);
    await expect(joinCluster(place, { secret: '' })).rejects.toThrow('expected a secret of at least one character');
    await expect(joinCluster(place, { hangSeconds: 0 })).rejects.toThrow('hangSeconds');
    await expect(joinCluster(place, { hang: 1 } as object)).rejects.toThrow('unknown option "hang"');
    await expect(joinCluster({ ...place!, rank: 2 })).rejects.toThrow('rank');
    await expect(joinCluster({ ...place!, coordinator: { host: 'a b', port: 1 } })).rejects.toThrow('coordinator');
  });
});

describe('a process that is lost', () => {
  it.each([0, 2])('tells all others why, when process %i says that it fails', async (rank) => {
    const clusters = await joinAll(4);
    const others = clusters.filter((cluster) => cluster.rank !== rank);
    const waiting = Promise.allSettled(others.map((cluster) => cluster.get('never')));
    const seen = Promise.all(others.map(({ lost }) => lost));
    await clusters[rank]!.fail('no space left on the disk');
    for (const error of await seen) {
      expect(error).toBeInstanceOf(ProcessLostError);
      expect(error).toMatchObject({ rank, reason: 'it failed: no space left on the disk' });
      expect(error.message).toContain(`expected all 4 processes to go on, got the loss of process ${rank} on host`);
    }
    const reasons = (await waiting).map((each) => (each.status === 'rejected' ? (each.reason as unknown) : each.value));
    expect(reasons).toEqual(others.map(({ signal }) => signal.reason as unknown));
    for (const { signal } of others) expect(signal.reason).toBeInstanceOf(ProcessLostError);
    for (const cluster of others) {
      await expect(cluster.barrier('x')).rejects.toThrow('no space left on the disk');
      await expect(cluster.leave()).rejects.toThrow('no space left on the disk');
    }
    await expect(clusters[rank]!.put('a', bytes('b'))).rejects.toBeInstanceOf(ClusterError);
  });

  it('is not one that is silent for longer, or whose whole host stands still', async () => {
    const clusters = await joinAll(3, { hangSeconds: 0.4 });
    await new Promise((resolve) => setTimeout(resolve, 900));
    const end = performance.now() + 900;
    while (performance.now() < end);
    await Promise.all(clusters.map((cluster) => cluster.barrier('x')));
    expect(clusters.map(({ signal }) => signal.aborted)).toEqual([false, false, false]);
    await leaveAll(clusters);
  });

  it('while others still leave is one', async () => {
    const clusters = await joinAll(3);
    const [first, second, third] = clusters as [Cluster, Cluster, Cluster];
    const leaving = Promise.allSettled([first.leave(), third.leave()]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await second.fail('it cannot');
    for (const each of await leaving) expect(each).toMatchObject({ status: 'rejected', reason: { rank: 1 } });
  });

  it('is not a stranger who comes and goes while others still come', async () => {
    const places = await placesOf(3);
    const joining = Promise.allSettled(places.slice(0, 2).map((place) => joinCluster(place, quick)));
    await new Promise((resolve) => setTimeout(resolve, 300));
    const started = performance.now();
    const socket = connect(places[0]!.coordinator.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy(); // A stranger who goes is nobody's loss.
    await expect(joinCluster({ ...places[2]!, processes: 4 }, quick)).rejects.toThrow('it counts 4 processes');
    const clusters = await joinCluster(places[2], quick);
    expect((await joining).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect(performance.now() - started).toBeLessThan(5_000);
    const lost = (await joining).map((each) => (each as PromiseFulfilledResult<Cluster>).value.lost);
    await clusters.fail('no more');
    expect((await Promise.all(lost)).map(({ rank }) => rank)).toEqual([2, 2]);
  });
});
