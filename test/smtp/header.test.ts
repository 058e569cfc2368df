import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodeWords, HeaderScanner } from '../../src/smtp/header.ts';

function scan(text: string, cut = text.length, limit = 10_000): HeaderScanner {
  const scanner = new HeaderScanner(limit);
  for (let at = 0; at < text.length; at += cut) {
    const piece = text.slice(at, at + cut);
    scanner.feed(piece, 0, piece.length);
  }
  scanner.end();
  return scanner;
}

const facts = ({ messageId, subject, received, tooLarge }: HeaderScanner) => ({
  messageId,
  subject,
  received,
  tooLarge,
});

describe('header', () => {
  test('finds the fields whatever their case and folding, and stops at the blank line', () => {
    const text =
      'Received: from a\r\n\tby b; date\r\nRECEIVED: from c\r\nX-Received: no\r\nmessage-ID:\r\n <1@x>\r\n' +
      'Subject : one\r\n  two\r\nSubject: second\r\n\r\nReceived: in the body\r\n';
    assert.deepEqual(facts(scan(text)), { messageId: '<1@x>', subject: 'one  two', received: 2, tooLarge: false });
  });

  test('TLS-Required: No, once and alone (RFC 8689 3)', () => {
    const optional = (text: string, cut?: number) => scan(`${text}Subject: x\r\n\r\n`, cut).tlsOptional;
    for (const yes of ['TLS-Required: No\r\n', 'tls-required:NO\r\n', 'To: a\r\nTLS-Required:\r\n\tno \r\n']) {
      for (let cut = 1; cut < yes.length; cut++) assert.equal(optional(yes, cut), true, yes);
    }
    for (const no of [
      '',
      'TLS-Required: Yes\r\n',
      'TLS-Required: No, really\r\n',
      'TLS-Required:\r\n',
      `TLS-Required: No${' '.repeat(300)}x\r\n`,
      'TLS-Required: No\r\n but\r\n',
      'TLS-Required: No\r\nTLS-Required: No\r\n',
      'TLS-Required: Yes\r\nTLS-Required: No\r\n',
      'TLS-Required: No\r\nX: y\r\nTLS-Required: Yes\r\nTLS-Required: No\r\n',
      'X-TLS-Required: No\r\n',
      '\r\nTLS-Required: No\r\n',
    ]) {
      assert.equal(optional(no), false, no);
      assert.equal(optional(no, 3), false, no);
    }
  });

  test('a message without them', () => {
    assert.deepEqual(facts(scan('\r\nSubject: body\r\n')), {
      messageId: null,
      subject: null,
      received: 0,
      tooLarge: false,
    });
    assert.equal(scan('Subject: never ended').subject, 'never ended');
    assert.equal(scan('').subject, null);
  });

  test('a line that is no field ends the header; the first line of an mbox does not', () => {
    assert.equal(scan('Hello you\r\nSubject: body\r\n').subject, null);
    assert.equal(scan('From a@b Mon Jan  1 00:00:00 2024\r\nSubject: yes\r\n').subject, 'yes');
  });

  test('a header over its limit is found, and nothing of it kept', () => {
    const endless = 'X: y\r\n'.repeat(100);
    assert.equal(scan(endless, 7, 100).tooLarge, true);
    assert.equal(scan(endless, 7, 600).tooLarge, false);
    assert.equal(scan(`X: ${'y'.repeat(100)}`, 7, 100).tooLarge, true);
    // The body does not count.
    assert.equal(scan(`A: b\r\n\r\n${endless}`, 7, 8).tooLarge, false);
    assert.equal(scan(`A: b\r\n\r\n${endless}`, 7, 7).tooLarge, true);
  });

  test('the log gets one bounded line', () => {
    const subject = scan(`Subject: a\x07b\x1b[31m${'x'.repeat(5000)}\r\n\r\n`).subject ?? '';
    assert.equal(/[\0-\x1f]/.test(subject), false);
    assert.ok(subject.length <= 1024);
    assert.ok((scan(`Message-ID: <${'x'.repeat(5000)}>\r\n\r\n`).messageId ?? '').length <= 512);
  });

  test('any split gives the same', () => {
    const parts = fc.constantFrom(
      'Subject: a',
      'Subject:',
      '\r\n',
      '\r\n ',
      'Message-ID: <x>',
      'Received: y',
      ':',
      'no field',
      '=?utf-8?q?=C3=A9?=',
      'x'.repeat(1100),
      '\r\n\r\n',
      '\t',
      'From a\r\n',
    );
    fc.assert(
      fc.property(
        fc.array(parts, { maxLength: 20 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 5, max: 3000 }),
        (list, cut, limit) => {
          const text = list.join('');
          const whole = facts(scan(text, text.length || 1, limit));
          assert.deepEqual(facts(scan(text, cut, limit)), whole);
          assert.deepEqual(facts(scan(text, 1, limit)), whole);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('encoded words (RFC 2047)', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['plain', 'plain'],
    ['=?utf-8?q?h=C3=A9llo?=', 'héllo'],
    ['=?UTF-8?B?aMOpbGxv?=', 'héllo'],
    ['=?iso-8859-1?q?caf=E9?= au lait', 'café au lait'],
    ['=?utf-8?q?one_two?=', 'one two'],
    // White space between two words goes, other text keeps its own.
    ['=?utf-8?q?a?= =?utf-8?q?b?=', 'ab'],
    ['=?utf-8?q?a?= x =?utf-8?q?b?=', 'a x b'],
    // A character split over two words.
    ['=?utf-8?b?w6k=?= =?utf-8?b?w6k=?=', 'éé'],
    ['=?utf-8?q?=C3?= =?utf-8?q?=A9?=', 'é'],
    ['=?utf-8*de?q?sprache?=', 'sprache'],
    ['=?x-unknown?q?abc?=', 'abc'],
    ['=?broken', '=?broken'],
    ['=?utf-8?q?line=0D=0Abreak?=', 'line break'],
    ['=?windows-1252?q?=80?=', '€'],
    // Raw UTF-8 (RFC 6532) arrives as latin1.
    [Buffer.from('größer').toString('latin1'), 'größer'],
  ];
  for (const [encoded, decoded] of cases) {
    test(encoded, () => assert.equal(decodeWords(encoded), decoded));
  }
});
