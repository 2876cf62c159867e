import type { Command } from 'commander';
import { unknownArguments } from '../arguments.js';

/** Exit code for an invalid command line, as in most Unix tools. */
export const USAGE_ERROR = 2;

/**
 * Describes the unknown options and excess arguments of a command, one message for each. Commander
 * stops at the first unknown option. To report all of them, commands allow unknown options and
 * refuse them here.
 */
export function leftovers({ args, registeredArguments }: Command): string[] {
  const firstOption = args.findIndex((argument) => argument.startsWith('-'));
  const operands = firstOption === -1 ? args.length : firstOption;
  return unknownArguments(args.slice(Math.min(operands, registeredArguments.length)));
}

/** Returns the first argument that is no option, known or unknown. */
export function operand({ args }: Command): string | undefined {
  return args.find((argument) => !argument.startsWith('-'));
}

/** Names the required arguments and options that were not given, in one message. */
export function missing(required: Readonly<Record<string, string | undefined>>): string[] {
  const names = Object.keys(required).filter((name) => !required[name]);
  return names.length > 0 ? [`${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'} missing`] : [];
}

/** Ends the program with an error that names all problems, if there are any. */
export function refuseUsage(command: Command, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const options = command
    .createHelp()
    .visibleOptions(command)
    .map(({ flags }) => flags);
  command.error(`error: ${command.name()}: ${problems.join('; ')}. Options: ${options.join('; ')}.`, {
    exitCode: USAGE_ERROR,
  });
}
