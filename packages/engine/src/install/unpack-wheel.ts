import { runProgram } from '@vitvq/files';

/** Takes members of a zip archive, which Python reads. */
const unzip = `
import sys, zipfile
archive, folder, *wanted = sys.argv[1:]
with zipfile.ZipFile(archive) as members:
    members.extractall(folder, [name for name in members.namelist() if name.startswith(tuple(wanted))])
`;

/**
 * Unpacks a wheel of Python.
 * @param wanted  how the names of the members begin that are unpacked. @default all
 * @throws {Error} with what Python complained of
 */
export async function unpackWheel(wheel: string, folder: string, wanted: readonly string[] = ['']): Promise<void> {
  await runProgram('python3', ['-c', unzip, wheel, folder, ...wanted]);
}
