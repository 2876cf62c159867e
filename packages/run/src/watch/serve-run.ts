import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DataError } from '@vitvq/core';
import { renderReport, type ReportContent } from '@vitvq/report';
import { RunWatcher } from './run-watcher.js';

/** Options of {@link watchRun}. */
export interface WatchRunOptions {
  /** Folder of a run, or of a training. */
  readonly run: string;
  /** Port of the page; 0: one that is free. @default 6007 */
  readonly port?: number;
  /** Seconds after which the page comes again. @default 5 */
  readonly refreshSeconds?: number;
}

/** A page that is served. */
export interface WatchedRun {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves a page about a run in progress, with curves, previews, the codebook's health, speed,
 * memory and alerts. The page is served to this machine alone (loopback), needs no network and runs
 * no script; it reads the run's folder, and writes nothing.
 * @throws {DataError} for a folder that is none, and for a port that is taken
 */
export async function watchRun({ run, port = 6007, refreshSeconds = 5 }: WatchRunOptions): Promise<WatchedRun> {
  const watcher = new RunWatcher(run);
  await watcher.report();
  const server = createServer((request, response) => {
    const answer = (status: number, body: string): void => {
      const type = status === 200 ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8';
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    // Another site that a browser shows must not read the page by a name that it points here.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) {
      answer(403, 'loopback only');
      return;
    }
    if (request.method !== 'GET' || request.url !== '/') {
      answer(404, 'there is one page, /');
      return;
    }
    watcher
      .report()
      // The run may be moved or deleted while it is watched.
      .catch((error: Error): ReportContent => ({ title: 'A run', lead: error.message, sections: [] }))
      .then((report) => renderReport(report, { refreshSeconds }))
      .then(
        (page) => answer(200, page),
        (error: Error) => answer(500, error.message),
      );
  });
  await listen(server, port);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      const fix = isTaken ? 'Choose another one with --port, or 0 for any that is free.' : undefined;
      const got = isTaken ? 'one that is taken' : error.message;
      reject(
        new DataError({ where: `port ${port}`, expected: 'a free port', got, ...(fix && { fix }) }, { cause: error }),
      );
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}
