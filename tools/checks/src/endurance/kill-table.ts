import type { KillOutcome } from './kill-and-compare.js';
import type { Kill } from './killed-training.js';
import type { TrainingName } from './trainings.js';

const columns: Readonly<Record<Kill['doing'], string>> = {
  start: 'while it starts',
  step: 'in a step',
  evaluation: 'in an evaluation',
  write: 'while it writes a checkpoint',
};

/** Formats what came of kills as a table in Markdown, a row for each training. */
export function formatKills(outcomes: ReadonlyMap<TrainingName, KillOutcome>): string {
  const doings = Object.keys(columns) as Kill['doing'][];
  const header = ['training', 'kills', ...doings.map((doing) => columns[doing]), 'the same bits at the end'];
  const rows = [...outcomes].map(([training, { kills, runs, different, tensors }]) => [
    training,
    kills.length,
    ...doings.map((doing) => kills.filter((kill) => kill.doing === doing).length),
    `${runs - different} of ${runs} trainings, ${tensors} tensors each`,
  ]);
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
