import { expect, it } from 'vitest';
import { DataError, printable } from '../src/index.js';

it.each([
  ['colours and the clearing of a screen', 'a\x1b[2Jb', 'a\\x1b[2Jb'],
  ['sequences of one byte', '\x9b31m', '\\x9b31m'],
  ['ends of lines', 'a\r\nvitvq: all is well\u2028', 'a\\x0d\\x0avitvq: all is well\\u2028'],
  ['texts that run backwards', 'model\u202egnp.exe\u2066', 'model\\u202egnp.exe\\u2066'],
  ['bell, backspace and delete', '\x07\x08\x7f', '\\x07\\x08\\x7f'],
])('escapes %s', (_, text, expected) => {
  expect(printable(text)).toBe(expected);
});

it('leaves every other text as it is', () => {
  for (const text of ['', 'Straße 漢字 🙂', 'می‌خواهم', 'C:\\new', '"\\u001b"']) expect(printable(text)).toBe(text);
});

it('is what messages of errors have been through, and their facts have not', () => {
  const error = new DataError({
    where: '\x1b]0;title\x07.pt',
    expected: 'a name',
    got: '"\x1b[31m"',
    fix: 'Look\x00.',
  });
  expect(error.message).toBe('\\x1b]0;title\\x07.pt: expected a name, got "\\x1b[31m". Look\\x00.');
  expect(error.got).toBe('"\x1b[31m"');
});
