import { ConfigError, printable } from '@vitvq/core';
import type { SkippedImage } from '../skipped-image.js';
import { byCodeUnits } from './list-images.js';
import { countOf } from './report-skipped.js';

/** The class of images that lie directly in the folder. */
const TOP_CLASS = '.';

/** Returns the class of an image of a folder: the name of the first folder on its path. */
export function classOf(file: string): string {
  const slash = file.indexOf('/');
  return slash < 0 ? TOP_CLASS : file.slice(0, slash);
}

/** Returns the classes of images, sorted. */
export function classesOf(files: readonly string[]): string[] {
  return [...new Set(files.map(classOf))].sort(byCodeUnits);
}

/** @throws {ConfigError} for a list of classes that is empty or names a class twice */
export function assertClasses(classes: readonly string[], where: string): void {
  const twice = classes.find((name, index) => classes.indexOf(name) !== index);
  if (classes.length > 0 && twice === undefined) return;
  const got = twice === undefined ? 'none' : `${JSON.stringify(twice)} twice`;
  throw new ConfigError({ where, expected: 'classes to be names, each of them once', got });
}

/**
 * Returns what is left out because its class is not in a list: an entry for each class folder and
 * one for each image outside of them.
 */
export function unlistedClasses(files: readonly string[], classes: ReadonlySet<string>): SkippedImage[] {
  const counts = new Map<string, number>();
  const outside: SkippedImage[] = [];
  for (const file of files) {
    const name = classOf(file);
    if (classes.has(name)) continue;
    if (name === TOP_CLASS) outside.push({ name: file, reason: 'it lies outside of the class folders' });
    else counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const folders = [...counts].map(([name, count]) => ({ name, reason: unlistedReason(count) }));
  return [...outside, ...folders];
}

/** Returns why the images of a class are left out. */
export function unlistedReason(count: number): string {
  return `the class is not in the list of classes, so its ${countOf({ length: count })} cannot be used`;
}

/**
 * Warns where labels depend on what happens to be in the folder: pictures beside class folders are
 * a class of their own, and a class folder without usable images is none, so that the labels of
 * the classes behind it are others than where it has some.
 */
export function warnOfMovingLabels(root: string, files: readonly string[], folders: readonly string[]): void {
  const classes = classesOf(files);
  const fix = 'Pass classes, the names of all classes in order, so that each keeps its label.';
  if (classes.length > 1 && classes.includes(TOP_CLASS)) {
    const outside = files.filter((file) => classOf(file) === TOP_CLASS);
    warn(
      `${root}: ${countOf(outside)} beside the class folders (the first is ${outside[0]}) became the class ".". ${fix}`,
    );
  }
  const last = classes.at(-1);
  const empty = folders.filter((name) => !classes.includes(name) && last !== undefined && byCodeUnits(name, last) < 0);
  if (empty.length === 0 || last === TOP_CLASS) return;
  const names = [...empty].sort(byCodeUnits).slice(0, 5).join(', ') + (empty.length > 5 ? ', …' : '');
  warn(`${root}: no usable image in ${names}, so the classes behind have smaller labels than with it. ${fix}`);
}

function warn(text: string): void {
  process.emitWarning(printable(text), 'VitvqDataWarning');
}
