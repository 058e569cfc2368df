import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseBdat, parseMail, parseRcpt } from '../../src/smtp/command.ts';

const utf8 = (text: string) => Buffer.from(text).toString('latin1');

describe('MAIL', () => {
  const plain = { size: null, body: undefined, smtputf8: false, requireTls: false, ret: undefined, envid: undefined };
  const good: readonly (readonly [line: string, expected: object])[] = [
    ['MAIL FROM:<a@b.example>', { ...plain, sender: 'a@b.example' }],
    ['mail from:<>', { ...plain, sender: '' }],
    ['MAIL FROM:  <a@b.example>  ', { ...plain, sender: 'a@b.example' }],
    ['MAIL FROM:<a@b.example> SIZE=12345', { ...plain, sender: 'a@b.example', size: 12_345 }],
    ['MAIL FROM:<a@b.example> body=8bitmime size=1', { ...plain, sender: 'a@b.example', body: '8BITMIME', size: 1 }],
    [
      'MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B1',
      { ...plain, sender: 'a@b.example', ret: 'HDRS', envid: 'QQ+2B1' },
    ],
    ['MAIL FROM:<a@b.example> RequireTLS', { ...plain, sender: 'a@b.example', requireTls: true }],
    [utf8('MAIL FROM:<ä@b.example> SMTPUTF8'), { ...plain, sender: 'ä@b.example', smtputf8: true }],
  ];
  for (const [line, expected] of good) test(line, () => assert.deepEqual(parseMail(line), expected));

  const bad: readonly (readonly [line: string, code: string])[] = [
    ['MAIL', '501 5.5.4'],
    ['MAIL FROM', '501 5.5.4'],
    ['MAIL FROM:', '501 5.5.4'],
    ['MAIL TO:<a@b>', '501 5.5.4'],
    ['MAIL FROM:a@b', '501 5.1.7'],
    ['MAIL FROM:<a>', '501 5.1.7'],
    ['MAIL FROM:<a@b>SIZE=1', '501 5.5.4'],
    ['MAIL FROM:<a@b> SIZE=', '501 5.5.4'],
    ['MAIL FROM:<a@b> SIZE', '501 5.5.4'],
    ['MAIL FROM:<a@b> SIZE=1x', '501 5.5.4'],
    ['MAIL FROM:<a@b> SIZE=1 SIZE=1', '501 5.5.4'],
    ['MAIL FROM:<a@b> BODY=BINARYMIME', '501 5.5.4'],
    ['MAIL FROM:<a@b> RET=ALL', '501 5.5.4'],
    ['MAIL FROM:<a@b> ENVID=a+1', '501 5.5.4'],
    ['MAIL FROM:<a@b> ENVID=a+0D', '501 5.5.4'],
    [`MAIL FROM:<a@b> ENVID=${'x'.repeat(101)}`, '501 5.5.4'],
    ['MAIL FROM:<a@b> SMTPUTF8=yes', '501 5.5.4'],
    ['MAIL FROM:<a@b> AUTH=<>', '555 5.5.4'],
    ['MAIL FROM:<a@b> NOVEL', '555 5.5.4'],
    ['MAIL FROM:<a@b> -X=1', '501 5.5.4'],
    [utf8('MAIL FROM:<ä@b.example>'), '553 5.6.7'],
    ['MAIL FROM:<\xe4@b.example> SMTPUTF8', '500 5.5.2'],
  ];
  for (const [line, code] of bad) {
    test(`refused: ${line.slice(0, 50)}`, () => {
      const refusal = parseMail(line);
      assert.equal(typeof refusal === 'string' ? refusal.slice(0, 9) : refusal, code);
    });
  }
});

describe('RCPT', () => {
  test('parameters of DSN (RFC 3461)', () => {
    assert.deepEqual(parseRcpt('RCPT TO:<a@b.example> NOTIFY=success,FAILURE ORCPT=rfc822;A+2B@b', false), {
      recipient: { address: 'a@b.example', notify: ['SUCCESS', 'FAILURE'], orcpt: 'rfc822;A+2B@b' },
      domain: 'b.example',
    });
    assert.deepEqual(parseRcpt('RCPT TO:<a@b.example> NOTIFY=NEVER', false), {
      recipient: { address: 'a@b.example', notify: ['NEVER'] },
      domain: 'b.example',
    });
    assert.deepEqual(parseRcpt('RCPT TO:<Postmaster>', false), { recipient: { address: 'Postmaster' }, domain: '' });
    assert.deepEqual(parseRcpt(utf8('RCPT TO:<ä@b.example> ORCPT=utf-8;ä@b'), true), {
      recipient: { address: 'ä@b.example', orcpt: 'utf-8;ä@b' },
      domain: 'b.example',
    });
  });

  const bad: readonly (readonly [line: string, code: string])[] = [
    ['RCPT TO:<>', '501 5.1.3'],
    ['RCPT TO:<a>', '501 5.1.3'],
    ['RCPT FROM:<a@b>', '501 5.5.4'],
    ['RCPT TO:<a@b> NOTIFY=NEVER,DELAY', '501 5.5.4'],
    ['RCPT TO:<a@b> NOTIFY=', '501 5.5.4'],
    ['RCPT TO:<a@b> NOTIFY', '501 5.5.4'],
    ['RCPT TO:<a@b> NOTIFY=SOMETIMES', '501 5.5.4'],
    ['RCPT TO:<a@b> ORCPT=a@b', '501 5.5.4'],
    ['RCPT TO:<a@b> ORCPT=rfc822;', '501 5.5.4'],
    ['RCPT TO:<a@b> ORCPT=rfc822;a=b', '501 5.5.4'],
    [`RCPT TO:<a@b> ORCPT=rfc822;${'x'.repeat(500)}`, '501 5.5.4'],
    ['RCPT TO:<a@b> SIZE=1', '555 5.5.4'],
    [utf8('RCPT TO:<ä@b.example>'), '553 5.6.7'],
    [utf8('RCPT TO:<a@b.example> ORCPT=rfc822;ä@b'), '501 5.5.4'],
  ];
  for (const [line, code] of bad) {
    test(`refused: ${line.slice(0, 50)}`, () => {
      const refusal = parseRcpt(line, false);
      assert.equal(typeof refusal === 'string' ? refusal.slice(0, 9) : refusal, code);
    });
  }

  test('any line gives a value or a refusal of one line of ASCII', () => {
    const part = fc.constantFrom(
      'RCPT TO:',
      'MAIL FROM:',
      '<a@b>',
      ' ',
      '=',
      'SIZE',
      'NOTIFY',
      'ü',
      '\xff',
      '\t',
      '\x01',
      'x'.repeat(50),
      ';',
      '+',
    );
    fc.assert(
      fc.property(fc.constantFrom('RCPT TO:', 'MAIL FROM:'), fc.array(part, { maxLength: 10 }), (start, parts) => {
        const line = start + parts.join('');
        for (const result of [parseMail(line), parseRcpt(line, true), parseRcpt(line, false)]) {
          if (typeof result === 'string') assert.match(result, /^5[0-9]{2} 5\.[0-9]\.[0-9] [\x20-\x7e]+$/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test('BDAT', () => {
  assert.deepEqual(parseBdat('BDAT 100'), { size: 100, last: false });
  assert.deepEqual(parseBdat('bdat 0 last'), { size: 0, last: true });
  for (const line of [
    'BDAT',
    'BDAT x',
    'BDAT -1',
    'BDAT 1 FIRST',
    'BDAT 1 LAST x',
    'BDAT 1e3',
    `BDAT ${'9'.repeat(20)}`,
  ]) {
    assert.equal(parseBdat(line), null, line);
  }
});
