/** Entry point of a decoding thread; `internal/decoder.ts` starts it, and nothing imports it. */
import { parentPort, workerData } from 'node:worker_threads';
import { decodeRows, type DecodeContext, type DecodeRow } from './internal/decode-row.js';

const context = workerData as DecodeContext;

parentPort!.on('message', (rows: readonly DecodeRow[]) => {
  // A rejection is a defect, not a bad image: it ends the thread, and the stream reports it.
  void decodeRows(context, rows).then((result) =>
    parentPort!.postMessage(
      result,
      result.images.map(({ buffer }) => buffer),
    ),
  );
});
