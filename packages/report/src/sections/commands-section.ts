import type { CommandsBlock, ReportSection } from '../report-content.js';

/** Shows commands with which a reader can go on. */
export function commandsSection(commands: CommandsBlock['commands']): ReportSection {
  return { title: 'How to go on', blocks: [{ kind: 'commands', commands }] };
}
