import { resolve } from 'node:path';
import { preview } from 'vite';

export interface ServedPage {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a written page to this machine alone. @param port  or a free one after it */
export async function servePage(out: string, port: number): Promise<ServedPage> {
  const server = await preview({
    configFile: false,
    logLevel: 'warn',
    build: { outDir: resolve(out) },
    preview: { port, host: 'localhost' },
  });
  return { url: server.resolvedUrls!.local[0]!, close: () => server.close() };
}
