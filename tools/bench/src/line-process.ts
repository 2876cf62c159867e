import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A child process that answers each line of JSON with a line of JSON. */
export class LineProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...environment } });
    this.#child.stderr.on('data', (data: Buffer) => (this.#stderr = (this.#stderr + data.toString()).slice(-4000)));
    this.#child.on('error', (error) => (this.#stderr += error.message));
    this.#child.stdin.on('error', () => undefined); // the missing answer says it
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next line. @throws when the process ended instead, with what it said */
  async read<T>(): Promise<T> {
    const next: IteratorResult<string, unknown> = await this.#lines.next();
    if (next.done) throw new Error(`${this.#child.spawnargs.join(' ')} ended: ${this.#stderr.trim() || 'no message'}`);
    const answer = JSON.parse(next.value) as T & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  async ask<T>(request: object): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.read<T>();
  }

  stop(): void {
    this.#child.kill();
  }
}
