import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs a program in a process of its own, which is killed if it hangs. */
export function runProgram(
  program: string,
  environment: Readonly<Record<string, string>> = {},
): { stdout: string; stderr: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=@vitvq/source', '--input-type=module', '-e', program],
    {
      encoding: 'utf8',
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      env: { ...process.env, ...environment },
      timeout: 60_000,
      killSignal: 'SIGKILL',
    },
  );
  return { stdout, stderr, status };
}
