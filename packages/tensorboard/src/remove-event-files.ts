import { join } from 'node:path';
import { namesIn, removeFile } from '@vitvq/files';

/** Names that `TensorBoardWriter` gives. */
const ownPattern = /^events\.out\.tfevents\.\d{10,}\.vitvq\.\d+$/;

/**
 * Removes the event files of a folder that this package wrote, as a run does that begins anew where
 * another one was. Does nothing where there is no such folder.
 * @throws {DataError} naming the file and the system's reason
 */
export async function removeEventFiles(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    if (ownPattern.test(name)) await removeFile(join(directory, name), 'to remove events of a run that is replaced');
  }
}
