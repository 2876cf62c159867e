import { isOfPython } from './python-names.js';
import type { Refuse } from './values.js';

/** Names after which a pickle is refused at once. */
const mostNames = 100;
/** Names that an error shows. */
const mostShown = 20;
/** Characters of a name that an error shows. */
const longestName = 160;

/** Names of a pickle that are neither built nor passed over, which its error lists together. */
export class UnknownNames {
  readonly #names = new Set<string>();

  /** Adds a name, once. */
  add(name: string): void {
    // A name may be as long as the pickle.
    this.#names.add(name.slice(0, longestName + 1));
  }

  /** Whether no further names should be collected. */
  get isFull(): boolean {
    return this.#names.size >= mostNames;
  }

  /** @throws as `refuse` unless there are none, with all of them and what to pass */
  assertNone(refuse: Refuse): void {
    if (this.#names.size === 0) return;
    const shown = [...this.#names].slice(0, mostShown);
    const more = this.#names.size - shown.length;
    const ofPython = shown.filter(isOfPython);
    const list = (names: readonly string[]): string => names.map(printed).join(', ');
    refuse(
      'only tensors, plain containers and settings',
      `${list(shown)}${more > 0 ? ` and ${more} more` : ''}`,
      [
        'Nothing was imported or run. A checkpoint of weights alone, torch.save(model.state_dict()), has no such names.',
        `To pass over what is not needed: ignore: [${shown.map(quoted).join(', ')}].`,
        ofPython.length > 0
          ? `Python would run ${list(ofPython)}, which is its own: do not load the file there unless you know who made it.`
          : '',
      ]
        .filter((sentence) => sentence !== '')
        .join(' '),
    );
  }
}

/** Returns a name without control characters, shortened. */
function printed(name: string): string {
  const text = JSON.stringify(name).slice(1, -1);
  return text.length > longestName ? `${text.slice(0, longestName - 3)}...` : text;
}

function quoted(name: string): string {
  return `'${printed(name)}'`;
}
