/** What an answer of `npm audit` means for a check. */
export interface Judgement {
  readonly passes: boolean;
  readonly message: string;
}

interface Vulnerability {
  readonly name: string;
  readonly severity: string;
  readonly range: string;
}

const refused: readonly string[] = ['high', 'critical'];

/**
 * Judges what `npm audit --json` printed: it fails on packages with a vulnerability of high or
 * critical severity. Where npm got no answer, `error` in the JSON or no JSON at all, the check
 * passes and says why.
 */
export function judgeAudit(stdout: string, stderr: string): Judgement {
  const answer = parsed(stdout);
  if (answer?.vulnerabilities === undefined) {
    const reason = answer?.error?.summary || answer?.message || stderr.trim().split('\n')[0];
    return {
      passes: true,
      message: `Not checked: the registry did not answer npm audit (${reason || 'no reason given'}).`,
    };
  }
  const found = Object.values(answer.vulnerabilities);
  const serious = found.filter(({ severity }) => refused.includes(severity));
  if (serious.length === 0) {
    return { passes: true, message: `No package of high severity; ${found.length} with less.` };
  }
  const lines = serious.map(({ name, severity, range }) => `${name} ${range}: ${severity}`);
  return { passes: false, message: `${lines.join('\n')}\nRun npm audit --omit=dev for the advisories.` };
}

interface Answer {
  readonly vulnerabilities?: Readonly<Record<string, Vulnerability>>;
  readonly error?: { readonly summary?: string };
  readonly message?: string;
}

function parsed(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}
