import { verifyCodes, type VerifiedCodes } from '@vitvq/codes';
import { CountProgress } from './count-progress.js';
import { silentView, type RunView } from './run-progress.js';

/** Options of {@link verifyTokens}. */
export interface VerifyTokensOptions {
  /** Folder that {@link tokenize} fills. */
  readonly folder: string;
  /** Removes damaged shards, which `tokenize` then makes anew. @default false */
  readonly repair?: boolean;
  readonly view?: RunView;
  readonly signal?: AbortSignal;
}

/**
 * Reads all shards that workers have made, with a bar; see `verifyCodes` of @vitvq/codes.
 * @throws {DataError} when the folder has no plan
 */
export async function verifyTokens(options: VerifyTokensOptions): Promise<VerifiedCodes> {
  const { folder, repair = false, view = silentView, signal } = options;
  let progress: CountProgress | undefined;
  const onProgress = (done: number, total: number): void => {
    progress ??= new CountProgress(view.openProgress({ show: [], unit: 'shards', signal }), total);
    progress.update(done);
  };
  try {
    return await verifyCodes(folder, { repair, onProgress, signal });
  } finally {
    progress?.stop();
  }
}
