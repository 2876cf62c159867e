import { describe, expect, it } from 'vitest';
import { judgeAudit } from '../src/internal/advisories.js';

const audit = (...severities: string[]): string => {
  const named = severities.map((severity, index) => [`p${index}`, { name: `p${index}`, severity, range: '<2.0.0' }]);
  return JSON.stringify({ auditReportVersion: 2, vulnerabilities: Object.fromEntries(named) as object });
};

describe('judgeAudit', () => {
  it.each(['high', 'critical'])('fails on a vulnerability of %s severity, by name', (severity) => {
    const { passes, message } = judgeAudit(audit('low', severity), '');
    expect(passes).toBe(false);
    expect(message).toContain(`p1 <2.0.0: ${severity}`);
    expect(message).not.toContain('p0');
  });

  it('passes where there is nothing serious', () => {
    expect(judgeAudit(audit('moderate'), '')).toEqual({
      passes: true,
      message: 'No package of high severity; 1 with less.',
    });
  });

  it.each([
    ['{"error": {"code": "ENOAUDIT", "summary": "not implemented"}}', '', 'not implemented'],
    ['{"message": "request failed", "error": {}}', '', 'request failed'],
    ['', 'npm error network\nmore', 'npm error network'],
  ])('passes with a notice where the registry does not answer: %s%s', (stdout, stderr, reason) => {
    const { passes, message } = judgeAudit(stdout, stderr);
    expect(passes).toBe(true);
    expect(message).toBe(`Not checked: the registry did not answer npm audit (${reason}).`);
  });
});
