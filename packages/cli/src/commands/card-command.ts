import type { Command } from 'commander';
import { loadRun } from './run-command.js';
import { leftovers, missing, operand, refuseUsage } from './usage.js';

interface CardFlags {
  readonly out?: string;
  readonly name?: string;
  readonly license?: string;
}

/** Adds `vitvq card <run>`. */
export function addCardCommand(program: Command): void {
  program
    .command('card')
    .description('the models of a run as folders for a model hub, each with a card that holds its figures')
    .argument('[run]', 'folder of a run or of a model')
    .option('--out <folder>', 'where the folders go (required)')
    .option('--name <owner/name>', 'name on the hub; the tokenizer gets the same with -tokenizer')
    .option('--license <name>', 'licence of the weights, such as mit (default: none is named)')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_run: string | undefined, { out, name, license }: CardFlags, command: Command) => {
      const path = operand(command);
      const isName = name === undefined || /^[\w.-]+\/[\w.-]+$/.test(name);
      refuseUsage(command, [
        ...missing({ '<run>': path, '--out <folder>': out }),
        ...leftovers(command),
        ...(isName ? [] : ['--name must be owner/name']),
      ]);
      const run = await loadRun('card');
      for (const { folder, name: hubName } of await run.writeHubFolders({ run: path!, out: out!, name, license })) {
        process.stdout.write(`Wrote ${folder}${hubName === undefined ? '' : `, for ${hubName}`}\n`);
      }
    });
}
