import { runProgram } from '@vitvq/files';
/** A command that compiles C++, with its first arguments. */
export interface CppCompiler {
  readonly command: readonly [program: string, ...args: string[]];
  /** Name and version, as the compiler tells them. */
  readonly description: string;
}

/** Finds a compiler of C++: that of the variable `CXX`, else one of those that systems have. */
export async function findCppCompiler(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<CppCompiler | undefined> {
  for (const name of [environment['CXX'], 'c++', 'g++', 'clang++']) {
    if (!name) continue;
    const [program, ...args] = name.split(' ') as [string, ...string[]];
    const version = await runProgram(program, [...args, '--version']).catch(() => undefined);
    if (version !== undefined) return { command: [program, ...args], description: version.split('\n')[0]!.trim() };
  }
  return undefined;
}
