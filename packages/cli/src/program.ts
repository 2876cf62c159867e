import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addCardCommand } from './commands/card-command.js';
import { addEngineCommand } from './commands/engine-command.js';
import { addEvaluateCommand } from './commands/evaluate-command.js';
import { addExportCommand } from './commands/export-command.js';
import { addImportCommand } from './commands/import-command.js';
import { addImportFeaturesCommand } from './commands/import-features-command.js';
import { addInspectCommand } from './commands/inspect-command.js';
import { addLadderCommand } from './commands/ladder-command.js';
import { addModelCommands } from './commands/model-commands.js';
import { addPlanCommands } from './commands/plan-command.js';
import { addTokenizeCommands } from './commands/tokenize-commands.js';
import { addTrainCommand } from './commands/train-command.js';
import { addWatchCommand } from './commands/watch-command.js';
import { leftovers, refuseUsage, USAGE_ERROR } from './commands/usage.js';
import { loadOptional } from './optional-package.js';

/**
 * Creates the `vitvq` command as a commander program, which can be parsed or extended with more
 * commands. Results go to standard output and errors to standard error. `doctor` exits with 0 even
 * when only the slowest engine runs.
 */
export function createProgram(): Command {
  const program = new Command('vitvq')
    .description('ViT-VQGAN image tokenizers and generators on TensorFlow.js')
    .version(packageVersion())
    .showHelpAfterError('Run vitvq --help for the commands and their options.')
    .configureOutput({ outputError: (message, write) => write(`vitvq: ${message.replace(/^error: /, '')}`) })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_ERROR));

  addTrainCommand(program);
  addWatchCommand(program);
  addTokenizeCommands(program);
  addModelCommands(program);
  addEvaluateCommand(program);
  addInspectCommand(program);
  addPlanCommands(program);
  addLadderCommand(program);
  addCardCommand(program);
  program
    .command('doctor')
    .description('which engines can run here, which one is used and why, and what the others lack')
    .option('--json', 'print the report as one JSON object')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      refuseUsage(command, leftovers(command));
      const { doctor, formatDoctorReport } = await loadOptional(
        'doctor',
        '@vitvq/engine',
        () => import('@vitvq/engine'),
      );
      const report = await doctor();
      process.stdout.write(`${json ? JSON.stringify(report, null, 2) : formatDoctorReport(report)}\n`);
    });

  addEngineCommand(program);
  addImportCommand(program);
  addImportFeaturesCommand(program);
  addExportCommand(program);
  return program;
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
