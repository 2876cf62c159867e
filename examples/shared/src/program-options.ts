import { statSync } from 'node:fs';
import { precisions } from '@vitvq/engine';
import { engineChoices, optionName } from '@vitvq/cli';
import { CommandLine } from './command-line.js';

interface Row {
  /** Text of `--help`, without the default. */
  readonly help: string;
  /** Stands for the value in `--help`, such as `images`. @default the kind */
  readonly value?: string;
}

interface NumberRow extends Row {
  /** `integer`: at least `minimum`; `number`: above `minimum`. */
  readonly kind: 'integer' | 'number';
  readonly minimum: number;
  readonly default?: number;
}

interface TextRow extends Row {
  /** `folder` and `file` must exist; a path that the program creates is a `text`. */
  readonly kind: 'text' | 'folder' | 'file';
  readonly default?: string;
}

interface ChoiceRow extends Row {
  readonly kind: 'choice';
  readonly choices: readonly string[];
  readonly default?: string;
}

interface ListRow extends Row {
  /** A text that may be given several times. */
  readonly kind: 'texts';
}

interface FlagRow extends Row {
  readonly kind: 'flag';
}

/** An option of a program as data. Its name is the key in {@link OptionRows}. */
export type OptionRow = NumberRow | TextRow | ChoiceRow | ListRow | FlagRow;

/** Options of a program by name: `imageSize` is typed `--image-size`. */
export type OptionRows = Readonly<Record<string, OptionRow>>;

type Given<R extends OptionRow> = R extends NumberRow
  ? number
  : R extends ChoiceRow
    ? R['choices'][number]
    : R extends TextRow
      ? string
      : never;

type ValueOf<R extends OptionRow> = R extends FlagRow
  ? boolean
  : R extends ListRow
    ? string[]
    : R extends { readonly default: unknown }
      ? Given<R>
      : Given<R> | undefined;

/** Values of options; undefined where an option without a default is not given. */
export type OptionValues<Rows extends OptionRows> = { readonly [Name in keyof Rows]: ValueOf<Rows[Name]> };

/** Options that most programs have; a program lists those that it takes. */
export const commonOptions = {
  seed: { kind: 'integer', minimum: 0, default: 0, help: 'of everything that is drawn at random' },
  engine: { kind: 'choice', choices: engineChoices, default: 'auto', help: engineChoices.join(', ') },
  threads: { kind: 'integer', minimum: 1, help: 'threads of the engine (default: its own choice)' },
  devices: { kind: 'integer', minimum: 1, help: 'devices over which batches are sharded, with --engine pjrt' },
  fresh: { kind: 'flag', help: 'delete the run in --out and start over' },
  smoke: {
    kind: 'flag',
    help: 'a few steps of tiny models on made-up images: a check that everything works, in seconds',
  },
} as const satisfies OptionRows;

/** The row of `--precision`, for programs that train. */
export const precisionOption = {
  kind: 'choice',
  choices: precisions,
  default: 'float32',
  help: `of matrix products and convolutions in training: ${precisions.join(', ')}`,
} as const satisfies OptionRow;

/** Returns the row of `--out`, the folder that a program writes into. */
export function outOption<const Folder extends string>(folder: Folder) {
  return { kind: 'text', value: 'folder', default: folder, help: 'where everything is written' } as const;
}

/** What `--help` says of a program, and how its options are read. */
export interface Program<Rows extends OptionRows> {
  /** The program is started with `npm run <name>`. */
  readonly name: string;
  readonly description: string;
  readonly options: Rows;
  /**
   * Returns what is wrong with options that must fit each other.
   * @param isGiven  whether an option stands on the command line
   */
  readonly check?: (values: OptionValues<Rows>, isGiven: (name: keyof Rows & string) => boolean) => readonly string[];
}

/**
 * Reads the options of a program. Prints the help and ends the program for `--help`.
 * @throws {UsageError} naming everything that is wrong, a line each
 */
export function readOptions<const Rows extends OptionRows>(
  { name, description, options, check }: Program<Rows>,
  argv: readonly string[] = process.argv.slice(2),
): OptionValues<Rows> {
  const line = new CommandLine(
    {
      name,
      usage: `[options]            (npm run ${name} -- [options])`,
      description,
      options: Object.entries(options).map(([key, row]) => ({
        flags: row.kind === 'flag' ? optionName(key) : `${optionName(key)} [${row.value ?? row.kind}]`,
        description: 'default' in row ? `${row.help} (default: ${row.default})` : row.help,
        repeatable: row.kind === 'texts',
      })),
    },
    argv,
  );
  const read = Object.entries(options).map(([key, row]) => [key, readValue(line, key, row)] as const);
  // The rows give the values their types.
  const values = Object.fromEntries(read) as OptionValues<Rows>;
  line.problems.push(...(check?.(values, (key) => line.has(key)) ?? []));
  line.finish();
  return values;
}

function readValue(line: CommandLine, name: string, row: OptionRow): unknown {
  switch (row.kind) {
    case 'flag':
      return line.flag(name);
    case 'texts':
      return line.texts(name);
    case 'choice':
      return line.oneOf(name, row.choices) ?? row.default;
    case 'integer':
    case 'number':
      return line.number(name, { minimum: row.minimum, whole: row.kind === 'integer' }) ?? row.default;
    default:
      return readPath(line, name, row) ?? row.default;
  }
}

function readPath(line: CommandLine, name: string, { kind }: TextRow): string | undefined {
  const path = line.text(name);
  if (path === undefined || kind === 'text') return path;
  const found = statSync(path, { throwIfNoEntry: false });
  if (!(kind === 'folder' ? found?.isDirectory() : found?.isFile())) {
    line.problems.push(`${optionName(name)} must be a ${kind}, and there is none at ${path}`);
  }
  return path;
}
