import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { showProgress } from '../src/index.js';

const report = {
  step: 5,
  totalSteps: 20,
  progress: 0.25,
  values: { loss: 0.5, l2: 0.125 },
  examplesPerSecond: 64.4,
  remainingSeconds: 61.2,
};

describe('showProgress', () => {
  it('prints a line now and then where there is no terminal', () => {
    const stream = new PassThrough();
    const view = showProgress(stream as unknown as NodeJS.WriteStream, { show: ['loss', 'l2', 'absent'] });
    view.update(report, '21.00 dB');
    view.update({ ...report, step: 6 });
    view.say('something happened');
    view.stop();
    expect(String(stream.read())).toBe(
      '25 % | step 5/20 | loss 0.5000 | l2 0.1250 | 21.00 dB | 64 images/s | 1:02 left\nsomething happened\n',
    );
  });

  it('gives the cursor of a terminal back when the run is aborted, and prints what is said later', () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80, cursorTo: () => true });
    Object.assign(stream, { clearScreenDown: () => true, clearLine: () => true, moveCursor: () => true });
    const stop = new AbortController();
    const view = showProgress(stream as unknown as NodeJS.WriteStream, { signal: stop.signal });
    const [hidden, shown] = ['\x1B[?25l', '\x1B[?25h'];
    expect(String(stream.read())).toContain(hidden);
    stop.abort();
    expect(String(stream.read())).toContain(shown);
    view.say('saving failed');
    view.update(report);
    view.stop();
    expect(String(stream.read())).toBe('saving failed\n');
  });
});
