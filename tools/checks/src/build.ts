/**
 * Builds every package and keeps quiet about it: one line that says how long it took, the whole log if it failed. The
 * programs that need built packages (`npm run quickstart`, `npm run bench`, ...) start with it.
 */
import { spawn } from 'node:child_process';
import { repositoryRoot } from './internal/workspace.js';

const started = performance.now();
const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
const live = process.stderr.isTTY;
const show = (text: string) => process.stderr.write(live ? `\r\u001b[2K${text}` : `${text}\n`);

show('Building the packages …');
const ticker = live ? setInterval(() => show(`Building the packages … ${seconds()}`), 1000) : undefined;

const nx = spawn('nx', ['run-many', '-t', 'build', '--outputStyle=static'], {
  cwd: repositoryRoot,
  env: { ...process.env, NX_TUI: 'false', FORCE_COLOR: '0' },
  shell: process.platform === 'win32',
  stdio: ['ignore', 'pipe', 'pipe'],
});
const log: Buffer[] = [];
nx.stdout.on('data', (chunk: Buffer) => log.push(chunk));
nx.stderr.on('data', (chunk: Buffer) => log.push(chunk));
nx.on('error', (error) => log.push(Buffer.from(`nx did not start: ${error.message}. Run npm ci first.\n`)));
nx.on('close', (code) => {
  clearInterval(ticker);
  show(code === 0 ? `Packages are built (${seconds()}).` : 'The packages do not build:');
  if (live) process.stderr.write('\n');
  if (code !== 0) {
    process.stderr.write(Buffer.concat(log));
    process.exitCode = 1;
  }
});
