import { optionName, unknownArguments } from '@vitvq/cli';
import { VitvqError } from '@vitvq/core';
import { Command, Help } from 'commander';

/** The command line cannot be understood; the message lists everything that is wrong with it, a line each. */
export class UsageError extends Error {
  constructor(problems: readonly string[]) {
    super(`${problems.map((problem) => `  ${problem}`).join('\n')}\nRun with --help for the options.`);
  }
}

export interface OptionText {
  /** `--out [folder]`, or `--smoke` for one without a value. */
  readonly flags: string;
  readonly description: string;
  /** May be given several times, for {@link CommandLine.texts}. @default false */
  readonly repeatable?: boolean;
}

export interface CommandLineText {
  readonly name: string;
  /** How the program is started, for `--help`. */
  readonly usage: string;
  readonly description: string;
  readonly options: readonly OptionText[];
}

/**
 * Options of a program, read so that one run tells of everything that is wrong: values are checked as they are asked for,
 * problems are collected, and `finish` throws them together. `--help` prints the help and ends the program.
 */
export class CommandLine {
  readonly problems: string[];
  readonly #given: Readonly<Record<string, string | boolean | undefined>>;
  /** Of repeatable options, by the name in camel case. */
  readonly #repeated = new Map<string, string[]>();

  constructor({ name, usage, description, options }: CommandLineText, argv: readonly string[]) {
    const help = new Help();
    const command = new Command(name).usage(usage).description(description);
    for (const { flags, description: text, repeatable } of options) {
      const option = command.createOption(flags, text);
      if (repeatable) option.argParser((value, previous) => this.#repeat(option.attributeName(), value, previous));
      command.addOption(option);
    }
    // Values are optional for commander, so that a forgotten one is reported with all the other problems.
    command
      .configureHelp({ optionTerm: (option) => help.optionTerm(option).replace('[', '<').replace(']', '>') })
      .allowUnknownOption()
      .allowExcessArguments()
      .parse([...argv], { from: 'user' });
    this.#given = command.opts();
    this.problems = unknownArguments(command.args);
  }

  /** Whether an option is there, by its name in camel case. */
  has(name: string): boolean {
    return this.#given[name] !== undefined;
  }

  flag(name: string): boolean {
    return this.#given[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#given[name];
    if (typeof value !== 'boolean') return value;
    this.problems.push(`${optionName(name)} needs a value`);
    return undefined;
  }

  /** Every value of a repeatable option, in order. */
  texts(name: string): string[] {
    this.text(name);
    return this.#repeated.get(name) ?? [];
  }

  /** A whole number of at least `minimum`, or with `whole: false` any above it. */
  number(name: string, { minimum, whole = true }: { minimum: number; whole?: boolean }): number | undefined {
    const raw = this.text(name);
    if (raw === undefined) return undefined;
    const value = Number(raw);
    const fits =
      raw.trim() !== '' &&
      Number.isFinite(value) &&
      (whole ? Number.isSafeInteger(value) && value >= minimum : value > minimum);
    if (fits) return value;
    const wanted = whole ? `a whole number of at least ${minimum}` : `a number above ${minimum}`;
    this.problems.push(`${optionName(name)} must be ${wanted}, not ${raw}`);
    return undefined;
  }

  oneOf<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const raw = this.text(name);
    if (raw === undefined) return undefined;
    const choice = choices.find((candidate) => candidate === raw);
    if (!choice) this.problems.push(`${optionName(name)} must be one of ${choices.join(', ')}, not ${raw}`);
    return choice;
  }

  /** @throws {UsageError} naming every problem at once */
  finish(): void {
    if (this.problems.length) throw new UsageError(this.problems);
  }

  /** Commander has `true` where a value was forgotten; that stays, so that `text` tells of it. */
  #repeat(name: string, value: string, previous: unknown): string | true {
    this.#repeated.set(name, [...(this.#repeated.get(name) ?? []), value]);
    return previous === true ? true : value;
  }
}

/**
 * Runs a program's main function: errors that are meant for people are printed without a stack. Exit codes: 1 failed, 2 the
 * command line was not understood.
 */
export async function runProgram(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (error instanceof UsageError) console.error(`${name}: the command line has problems\n${error.message}`);
    else if (error instanceof VitvqError) console.error(`${name}: ${error.message}`);
    else console.error(error);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

/**
 * Aborts at the first Ctrl-C (or SIGTERM), so that a training saves and stops; another one ends the program at once. Within a
 * second it counts as the same one: terminal and npm may both pass it on.
 */
export function abortOnCtrlC(): AbortSignal {
  const controller = new AbortController();
  let first: number | undefined;
  const stop = (): void => {
    first ??= performance.now();
    if (performance.now() - first > 1000) process.exit(130);
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}
