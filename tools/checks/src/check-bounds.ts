/**
 * `npm run check-bounds`: makes the worst files of 64 MiB of each format that the packages read,
 * reads each in a process of its own, and prints what it cost. Fails where a row is beyond the
 * bounds of SECURITY.md. With words after it, it takes the formats that have one of them.
 */
import { hostileFiles } from './internal/hostile-files.js';
import { isWithin, measureBounds, rowOf } from './internal/measure-bounds.js';

const words = process.argv.slice(2).map((word) => word.toLowerCase());
const chosen = hostileFiles.filter(
  ({ format, content }) =>
    words.length === 0 || words.some((word) => `${format} ${content}`.toLowerCase().includes(word)),
);
console.log('| Format | What is in it | Bytes | Seconds | Megabytes | Outcome |');
console.log('| --- | --- | --: | --: | --: | --- |');
let problems = 0;
for (const file of chosen) {
  const measured = await measureBounds(file, 64 * 2 ** 20);
  console.log(rowOf(measured));
  if (isWithin(measured)) continue;
  problems++;
  const { seconds, megabytes } = file.bound;
  console.error(`${file.format}, ${file.content}: beyond ${seconds} s or ${megabytes} MB`);
}
process.exitCode = problems ? 1 : 0;
