import type { CaseResult } from './run.js';

const labels = { pass: 'PASS    ', miss: 'MISS    ', 'left out': 'LEFT OUT' } as const;

/** Largest number of problems that are printed for a case. */
const shownProblems = 3;

/** Formats one line for a case. The first problems of a miss follow on further lines. */
export function formatResult({ name, module, status, comparisons, reason }: CaseResult): string {
  const head = `${labels[status]} ${name} (${module})`;
  if (status === 'left out') return `${head}: ${reason}`;
  if (status === 'pass') {
    const worst = comparisons.reduce((a, b) => (b.ratio > a.ratio ? b : a));
    const detail = `${comparisons.length} compared, largest error / tolerance ${worst.ratio.toPrecision(2)}`;
    return `${head}: ${detail}${worst.ratio > 0 ? ` at ${worst.name}` : ''}${reason ? `; ${reason}` : ''}`;
  }
  const problems = (reason ?? '').split('\n');
  const rest = problems.length - shownProblems;
  return [
    `${head}:`,
    ...problems.slice(0, shownProblems).map((problem) => `         ${problem}`),
    ...(rest > 0 ? [`         and ${rest} more`] : []),
  ].join('\n');
}

/** Formats the summary line. */
export function formatSummary(results: readonly CaseResult[], seconds: number): string {
  const count = (status: CaseResult['status']): number => results.filter((result) => result.status === status).length;
  return (
    `${results.length} cases in ${seconds.toFixed(1)} s: ${count('pass')} passed, ${count('miss')} missed, ` +
    `${count('left out')} left out on purpose`
  );
}
