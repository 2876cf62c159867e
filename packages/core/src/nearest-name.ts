/**
 * Returns the name among `known` that was probably meant by `name`: the same but for case and
 * separators, or all of it but the first words (`levels` for `channelLevels`), or a letter or two
 * away. Undefined where none is near.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = plain(name);
  let nearest: string | undefined;
  let smallest = Infinity;
  for (const candidate of known) {
    const distance = distanceOf(wanted, candidate, plain(candidate), name);
    if (distance >= smallest) continue;
    smallest = distance;
    nearest = candidate;
  }
  return nearest;
}

function plain(name: string): string {
  return name.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase();
}

function distanceOf(wanted: string, candidate: string, known: string, name: string): number {
  const letters = editDistance(wanted, known);
  const allowed = Math.min(2, Math.floor(Math.max(wanted.length, known.length) / 4));
  if (letters <= allowed) return letters;
  return endsWithWords(candidate, name) || endsWithWords(name, candidate) ? 3 : Infinity;
}

/** Returns whether the last words of a name, written `likeThis`, are another name. */
function endsWithWords(name: string, last: string): boolean {
  return last.length > 2 && name.endsWith(last[0]!.toUpperCase() + last.slice(1));
}

/** Number of letters to insert, remove or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line++) {
    const next = [line];
    for (let column = 1; column <= to.length; column++) {
      const replaced = row[column - 1]! + (from[line - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
