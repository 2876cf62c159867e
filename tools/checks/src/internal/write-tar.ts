import { promises as fs } from 'node:fs';

/** A file within a tar archive. */
export interface TarMember {
  readonly name: string;
  readonly content: Uint8Array;
}

const blockBytes = 512;

/** Writes an archive in the format ustar, as WebDataset has it. */
export async function writeTar(file: string, members: readonly TarMember[]): Promise<void> {
  const pieces = members.flatMap(({ name, content }) => [
    headerOf(name, content.length),
    content,
    new Uint8Array((blockBytes - (content.length % blockBytes)) % blockBytes),
  ]);
  await fs.writeFile(file, Buffer.concat([...pieces, new Uint8Array(2 * blockBytes)]));
}

function headerOf(name: string, size: number): Uint8Array {
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(name, 0, 100);
  header.write(octal(0o644, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(size, 11), 124);
  header.write(octal(0, 11), 136);
  header.write(' '.repeat(8), 148); // The checksum counts as spaces.
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
