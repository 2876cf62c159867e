import { optionName, unknownArguments } from '@vitvq/cli';
import { VitvqError } from '@vitvq/core';
import { Command, Help } from 'commander';
import { StoppedError } from '@vitvq/run';
import { resumeCommand } from './resume-command.js';

/** A command line that cannot be understood; the message lists everything that is wrong with it. */
export class UsageError extends Error {
  constructor(problems: readonly string[]) {
    super(`${problems.map((problem) => `  ${problem}`).join('\n')}\nRun with --help for the options.`);
  }
}

/** What `--help` says of an option. */
export interface OptionText {
  /** `--out [folder]`, or `--smoke` for an option without a value. */
  readonly flags: string;
  readonly description: string;
  /** Whether it may be given several times, for {@link CommandLine.texts}. @default false */
  readonly repeatable?: boolean;
}

/** What `--help` says of a program. */
export interface CommandLineText {
  readonly name: string;
  /** How the program is started, for `--help`. */
  readonly usage: string;
  readonly description: string;
  readonly options: readonly OptionText[];
}

/**
 * The command line of a program. Values are checked when they are asked for, problems are
 * collected, and `finish` throws them together. `--help` prints the help and ends the program.
 */
export class CommandLine {
  readonly problems: string[];
  readonly #given: Record<string, string | boolean | undefined>;
  /** Values of repeatable options, by name in camel case. */
  readonly #repeated = new Map<string, string[]>();

  constructor({ name, usage, description, options }: CommandLineText, argv: readonly string[]) {
    const help = new Help();
    const command = new Command(name).usage(usage).description(description);
    for (const { flags, description: text, repeatable } of options) {
      const option = command.createOption(flags, text);
      if (repeatable) option.argParser((value, previous) => this.#repeat(option.attributeName(), value, previous));
      command.addOption(option);
    }
    // Values are optional for commander, so that a forgotten one is reported with all the other
    // problems.
    command
      .configureHelp({ optionTerm: (option) => help.optionTerm(option).replace('[', '<').replace(']', '>') })
      .allowUnknownOption()
      .allowExcessArguments()
      .parse([...argv], { from: 'user' });
    this.#given = { ...command.opts() };
    // Commander stores `--no-serve` as `serve: false`.
    for (const option of command.options.filter(({ negate }) => negate)) {
      const attribute = option.attributeName();
      this.#given[`no${attribute[0]!.toUpperCase()}${attribute.slice(1)}`] =
        this.#given[attribute] === false || undefined;
    }
    this.problems = unknownArguments(command.args);
  }

  /** Returns whether an option is given, by its name in camel case. */
  has(name: string): boolean {
    return this.#given[name] !== undefined;
  }

  /** Returns whether a flag is given. */
  flag(name: string): boolean {
    return this.#given[name] === true;
  }

  /** Returns the value of an option, or undefined if it is not given. */
  text(name: string): string | undefined {
    const value = this.#given[name];
    if (typeof value !== 'boolean') return value;
    this.problems.push(`${optionName(name)} needs a value`);
    return undefined;
  }

  /** Returns every value of a repeatable option, in order. */
  texts(name: string): string[] {
    this.text(name);
    return this.#repeated.get(name) ?? [];
  }

  /** Returns a whole number of at least `minimum`, or with `whole: false` any number above it. */
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

  /** Returns the choice that is given. */
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

  /** Keeps the `true` of commander for a forgotten value, so that `text` reports it. */
  #repeat(name: string, value: string, previous: unknown): string | true {
    this.#repeated.set(name, [...(this.#repeated.get(name) ?? []), value]);
    return previous === true ? true : value;
  }
}

/**
 * Runs a program's main function. Errors that are meant for people are printed without a stack.
 * Exit codes: 1 failed, 2 the command line was not understood, 130 stopped by Ctrl-C (128 and the
 * number of another signal).
 * @param name  the program is started with `npm run <name>`
 */
export async function runProgram(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (error instanceof StoppedError) {
      console.log(`${error.message} To go on:\n  ${resumeCommand(name, process.argv.slice(2))}`);
      process.exitCode = error.exitCode;
      return;
    }
    if (error instanceof UsageError) console.error(`${name}: the command line has problems\n${error.message}`);
    else if (error instanceof VitvqError) console.error(`${name}: ${error.message}`);
    else console.error(error);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
