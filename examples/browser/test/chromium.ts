import { existsSync } from 'node:fs';

/**
 * Where a Chromium may be: `VITVQ_CHROMIUM`, or where Debian and others put it; undefined where
 * there is none.
 */
export function findChromium(): string | undefined {
  const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const given = process.env.VITVQ_CHROMIUM;
  return (given === undefined ? places : [given]).find((place) => existsSync(place));
}
