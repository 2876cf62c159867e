import { readFileSync } from 'node:fs';
import { doctor, formatDoctorReport } from '@vitvq/engine';
import { Command } from 'commander';
import { addExportCommand } from './commands/export-command.js';
import { addImportCommand } from './commands/import-command.js';

/** Exit code for a command line that cannot be understood, as most Unix tools have it. */
const USAGE_ERROR = 2;

/**
 * The `vitvq` command as a commander program: parse it, or add commands to it. Results go to standard output, complaints
 * to standard error; `doctor` ends well even where only the slowest engine runs, since that is an answer.
 */
export function createProgram(): Command {
  const program = new Command('vitvq')
    .description('ViT-VQGAN image tokenizers and generators on TensorFlow.js')
    .version(packageVersion())
    .showHelpAfterError('Run vitvq --help for the commands and their options.')
    .configureOutput({ outputError: (message, write) => write(`vitvq: ${message.replace(/^error: /, '')}`) })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_ERROR));

  program
    .command('doctor')
    .description('which engines can run here, which one is used and why, and what the others lack')
    .option('--json', 'print the report as one JSON object')
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async ({ json }: { json?: boolean }, command: Command) => {
      refuseLeftovers(command);
      const report = await doctor();
      process.stdout.write(`${json ? JSON.stringify(report, null, 2) : formatDoctorReport(report)}\n`);
    });

  addImportCommand(program);
  addExportCommand(program);
  return program;
}

/** Commander stops at the first unknown option; a user who mistyped two should learn of both. */
function refuseLeftovers(command: Command): void {
  if (command.args.length === 0) return;
  const options = command
    .createHelp()
    .visibleOptions(command)
    .map(({ flags }) => flags);
  command.error(
    `error: ${command.name()}: expected only its options, got ${command.args.join(' ')}. Options: ${options.join('; ')}.`,
    { exitCode: USAGE_ERROR },
  );
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
