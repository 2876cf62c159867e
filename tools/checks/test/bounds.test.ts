import { describe, expect, it } from 'vitest';
import { hostileFiles } from '../src/internal/hostile-files.js';
import { measureBounds } from '../src/internal/measure-bounds.js';

/** Small files, of which the packages themselves take most of the memory. */
const bytes = 2 ** 20;
const megabytes = 900;

// What a file of 64 MiB costs is for `npm run check-bounds`; here is whether its reader answers.
describe.each(hostileFiles)('$format: $content', (file) => {
  it('is read or refused by a message for people, within the memory that small files may take', async () => {
    const measured = await measureBounds(file, bytes);
    expect(measured.outcome).toMatch(/^(refused: |a model of type |step 0|\d+ )/);
    expect(measured.megabytes).toBeLessThan(megabytes);
  });
});
