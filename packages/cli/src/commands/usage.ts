import type { Command } from 'commander';
import { unknownArguments } from '../arguments.js';

/** Exit code for a command line that cannot be understood, as most Unix tools have it. */
export const USAGE_ERROR = 2;

/**
 * What a command was given besides its arguments and options. Commander stops at the first unknown
 * option, and a user who mistyped two should learn of both: the command allows them, and refuses
 * them here.
 */
export function leftovers({ args, registeredArguments }: Command): string[] {
  const firstOption = args.findIndex((argument) => argument.startsWith('-'));
  const operands = firstOption === -1 ? args.length : firstOption;
  return unknownArguments(args.slice(Math.min(operands, registeredArguments.length)));
}

/** Ends the program where there are problems, after naming all of them. */
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
