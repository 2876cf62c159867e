/**
 * What `page.json` says beside the manifest of the models. Types alone: the page and the program
 * that writes it share them.
 */

/** A picture to begin with. */
export interface PagePicture {
  /** Relative to the page. */
  readonly file: string;
  /** What is on it, or its number. */
  readonly name: string;
}

/** How the run of the models draws its own images. */
export interface PageDrawing {
  readonly temperature: number;
  /** Null: all codes. */
  readonly topK: number | null;
  /** Null: none. */
  readonly guidance: number | null;
}

export interface PageContent {
  /** Where the models come from, for people. */
  readonly about: string;
  /** Folder of the masked model of the brush; left out where there is none of its own. */
  readonly brush?: string;
  /** What the settings are at first; left out where no run says it. */
  readonly drawing?: PageDrawing;
  /** One colour a code, `#rrggbb`: codes that are alike have similar ones. */
  readonly codeColors: readonly string[];
  /** None of them was trained on. */
  readonly pictures: readonly PagePicture[];
}
