import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { foldIn, randomBits, randomKey } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { joinCluster, type ClusterPlace } from '../src/index.js';
import { encodeHello, proofOf } from '../src/internal/handshake.js';
import { encodeMessage, MessageKind, MessageReader, ProtocolError } from '../src/internal/message.js';
import { placesOf } from './places-of.js';

const quick = { joinSeconds: 10, hangSeconds: 5 } as const;

/** Sends bytes to a coordinator and returns what it answers until it closes the connection. */
async function send({ coordinator }: ClusterPlace, ...chunks: Uint8Array[]): Promise<Buffer> {
  const socket = connect(coordinator.port, coordinator.host);
  const answers: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => answers.push(chunk));
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  for (const chunk of chunks) socket.write(chunk);
  await closed;
  return Buffer.concat(answers);
}

/** A frame that claims a length. */
function claimed(length: number, rest: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(length);
  return Buffer.concat([head, rest]);
}

const nonce = randomBytes(32);
const greeting = encodeHello({ rank: 1, processes: 2, nonce, host: 'x' });
const hello = (value: Uint8Array, key = 'test'): Buffer => encodeMessage({ kind: MessageKind.hello, key, value });

describe('a coordinator', () => {
  it('closes the connections of strangers, whatever they send, and serves its run', async () => {
    const places = await placesOf(2);
    const first = joinCluster(places[0], { ...quick, secret: 'a secret' });
    const [place] = places as [ClusterPlace];
    await new Promise((resolve) => setTimeout(resolve, 20));
    const strangers: Buffer[] = [
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
      randomBytes(5_000),
      claimed(0),
      claimed(0xffff_ffff),
      claimed(2 ** 30),
      hello(new Uint8Array(0)),
      hello(greeting.slice(0, 20)),
      hello(Buffer.concat([greeting, randomBytes(300)])),
      encodeMessage({ kind: MessageKind.put, key: 'a', value: randomBytes(10) }),
      encodeMessage({ kind: MessageKind.proof, value: randomBytes(32) }),
      encodeMessage({ kind: 99 as never }),
      Buffer.concat([hello(greeting), encodeMessage({ kind: MessageKind.put, key: 'a', value: randomBytes(10) })]),
      claimed(12, Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0])),
      claimed(13, Uint8Array.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0xff, 0xfe])),
    ];
    for (const bytes of strangers) {
      const answer = await send(place, bytes);
      // At most a challenge, which says nothing about the run: 32 bytes of chance and a proof.
      expect(answer.length).toBeLessThanOrEqual(15 + 64);
    }
    const second = await joinCluster(places[1], { ...quick, secret: 'a secret' });
    const clusters = [await first, second];
    expect(await clusters[0]!.tryGet('a')).toBeUndefined();
    for (const bytes of strangers) await send(place, bytes);
    await Promise.all(clusters.map((cluster) => cluster.leave()));
    expect(clusters.map(({ signal }) => signal.aborted)).toEqual([false, false]);
  });

  it('says that it refuses another version, a wrong proof and one that was seen before', async () => {
    const places = await placesOf(2);
    const first = joinCluster(places[0], { ...quick, secret: 'a secret' });
    const [place] = places as [ClusterPlace];
    await new Promise((resolve) => setTimeout(resolve, 20));
    const other = Uint8Array.from(greeting);
    other[13] = 2;
    expect(String(await send(place, hello(other)))).toContain('it speaks version 2 of the protocol, not 1');
    const facts = { runId: 'test', rank: 1, processes: 2, processNonce: nonce, coordinatorNonce: nonce };
    for (const value of [proofOf('a secret', 'process', facts), proofOf('', 'process', facts), new Uint8Array(1)]) {
      const answer = await send(place, hello(greeting), encodeMessage({ kind: MessageKind.proof, value }));
      expect(String(answer)).toContain('its secret is another one');
    }
    const second = joinCluster(places[1], { ...quick, secret: 'a secret' });
    await Promise.all([first, second].map(async (cluster) => (await cluster).leave()));
  });

  it('ends the run when a process of it breaks the protocol', async () => {
    const places = await placesOf(2);
    const first = joinCluster(places[0], quick);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const socket = await admitted(places[1]!);
    const cluster = await first;
    socket.write(encodeMessage({ kind: MessageKind.welcome }));
    expect((await cluster.lost).message).toContain(
      'the loss of process 1 on host \\x1b[2J: it sent a message of kind 5, which only process 0 sends',
    );
  });

  it('loses a process that is silent, and one that goes before all are there', async () => {
    const places = await placesOf(2);
    const first = joinCluster(places[0], { ...quick, hangSeconds: 0.3 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await admitted(places[1]!);
    expect((await (await first).lost).reason).toBe('nothing was heard of it for 0.3 s');
    const three = await placesOf(3);
    const joining = joinCluster(three[0], quick);
    joining.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
    (await admitted(three[1]!)).destroy();
    await expect(joining).rejects.toThrow('so it has ended without leaving');
  });

  it('bounds what a process asks for at once', async () => {
    const places = await placesOf(2);
    const first = joinCluster(places[0], quick);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const socket = await admitted(places[1]!);
    const cluster = await first;
    const get = { kind: MessageKind.get, key: 'never', milliseconds: 0xffff_ffff } as const;
    for (let request = 0; request < 1_025; request++) socket.write(encodeMessage({ ...get, request }));
    expect((await cluster.lost).reason).toBe('it sent more than 1024 requests at once');
  });
});

/** Joins as a process would, by hand, and returns its connection. */
async function admitted({ coordinator, processes }: ClusterPlace): Promise<Socket> {
  const socket = connect(coordinator.port, coordinator.host);
  socket.on('error', () => undefined);
  const value = encodeHello({ rank: 1, processes, nonce, host: '\u001b[2J' });
  socket.write(hello(value));
  const [challenge] = (await once(socket, 'data')) as [Buffer];
  const coordinatorNonce = challenge.subarray(15, 47);
  const facts = { runId: 'test', rank: 1, processes, processNonce: nonce, coordinatorNonce };
  socket.write(encodeMessage({ kind: MessageKind.proof, value: proofOf('', 'process', facts) }));
  await once(socket, 'data');
  return socket;
}

describe('a process', () => {
  it('does not believe a coordinator that does not know the secret', async () => {
    const [, place] = await placesOf(2);
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write(encodeMessage({ kind: MessageKind.challenge, value: randomBytes(64) })));
    }).listen(place!.coordinator.port, '127.0.0.1');
    await expect(joinCluster(place, { ...quick, secret: 'a secret' })).rejects.toThrow('its secret is another one');
    server.close();
  });

  it.each([
    ['random bytes', randomBytes(3_000)],
    ['a long frame', claimed(2 ** 31)],
    ['a welcome that is too short', encodeMessage({ kind: MessageKind.welcome, value: new Uint8Array(7) })],
    ['limits that cannot be', encodeMessage({ kind: MessageKind.welcome, value: new Uint8Array(8) })],
    ['an answer to nothing', encodeMessage({ kind: MessageKind.answer, request: 7 })],
  ])('gives up on a coordinator that sends %s', async (_, bytes) => {
    const [, place] = await placesOf(2);
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(bytes);
    }).listen(place!.coordinator.port, '127.0.0.1');
    await expect(joinCluster(place, { ...quick, joinSeconds: 0.3 })).rejects.toThrow(/last attempt: it sent/);
    server.close();
  });
});

describe('MessageReader', () => {
  const key = randomKey(3);
  const messages = Array.from({ length: 40 }, (_, index) => ({
    kind: MessageKind.put,
    request: index,
    milliseconds: index * 1_000,
    key: `key ${index}`,
    value: Uint8Array.from({ length: (index * 97) % 500 }, (_each, at) => (at * index) % 256),
  }));
  const stream = Buffer.concat(messages.map(encodeMessage));

  it.each([1, 3, 14, 15, 16, 100, 10_000])('reads messages in pieces of %i bytes', (size) => {
    const reader = new MessageReader(2_000);
    const read = [];
    for (let begin = 0; begin < stream.length; begin += size) {
      reader.push(stream.subarray(begin, begin + size));
      for (let message = reader.next(); message; message = reader.next()) read.push(message);
    }
    expect(read).toEqual(messages);
  });

  it('reads or refuses damaged messages', () => {
    let refused = 0;
    for (let trial = 0; trial < 500; trial++) {
      const [place, value] = randomBits(foldIn(key, trial), 2) as unknown as [number, number];
      const damaged = Uint8Array.from(stream.subarray(0, 600));
      damaged[place % damaged.length] = value % 256;
      const reader = new MessageReader(2_000);
      reader.push(Buffer.from(damaged));
      try {
        while (reader.next());
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(20);
  });
});
