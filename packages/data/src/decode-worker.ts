/** Entry point of a decoding thread; started by `internal/decoder.ts`, never imported. */
import { parentPort, workerData } from 'node:worker_threads';
import { decodeBatch, type DecodeContext, type DecodeRow } from './internal/decode-batch.js';

const context = workerData as DecodeContext;

parentPort!.on('message', (rows: readonly DecodeRow[]) => {
  // A rejection is a defect, not a bad image: it ends the thread, and the stream reports it.
  void decodeBatch(context, rows).then((result) =>
    parentPort!.postMessage(
      result,
      result.images.map(({ buffer }) => buffer),
    ),
  );
});
