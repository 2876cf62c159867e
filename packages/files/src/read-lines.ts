import { InputFile } from './input-file.js';

/** Number of bytes that are read at once. */
const pieceBytes = 2 ** 20;
const lineBreak = 0x0a;

/** A line of a file. */
export interface Line {
  /** 1 for the first line. */
  readonly number: number;
  /** The line without its line break; undefined for a line that is longer than is accepted. */
  readonly text: string | undefined;
  /** False for a last line without a line break, as a killed process leaves one. */
  readonly isEnded: boolean;
}

/**
 * Reads a file line by line. Memory holds a piece of a megabyte and one line, however large the
 * file is; what is appended while the file is read is left out.
 * @param noun  description of the file for errors, such as "a log"
 * @param maximumBytes  length of the longest line whose text is given
 * @throws {DataError} naming the file and the system's reason
 */
export async function* readLines(file: string, noun: string, maximumBytes = 2 ** 20): AsyncGenerator<Line> {
  const input = await InputFile.open(file, noun);
  try {
    let number = 1;
    let pieces: Uint8Array[] = [];
    let length = 0;
    const keep = (bytes: Uint8Array): void => {
      length += bytes.length;
      if (length <= maximumBytes) pieces.push(bytes);
      else pieces = [];
    };
    const take = (isEnded: boolean): Line => {
      const text = length <= maximumBytes ? Buffer.concat(pieces).toString('utf8') : undefined;
      pieces = [];
      length = 0;
      return { number: number++, text, isEnded };
    };
    for (let begin = 0; begin < input.size; begin += pieceBytes) {
      const bytes = Buffer.from((await input.read(begin, Math.min(begin + pieceBytes, input.size))).buffer);
      let from = 0;
      for (let end = bytes.indexOf(lineBreak); end >= 0; end = bytes.indexOf(lineBreak, from)) {
        keep(bytes.subarray(from, end));
        yield take(true);
        from = end + 1;
      }
      keep(bytes.subarray(from));
    }
    if (length > 0) yield take(false);
  } finally {
    await input.close();
  }
}
