import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  enhancedStatus,
  parseExtensions,
  type Reply,
  ReplyError,
  ReplyParser,
  replyText,
} from '../../src/smtp/reply.ts';

function parse(...pieces: (string | Buffer)[]): Reply[] {
  const parser = new ReplyParser();
  const replies: Reply[] = [];
  for (const piece of pieces) {
    parser.push(Buffer.from(piece as string));
    for (let reply = parser.next(); reply !== null; reply = parser.next()) replies.push(reply);
  }
  return replies;
}

const table: [string, string, Reply[]][] = [
  ['one line', '250 2.0.0 Ok\r\n', [{ code: 250, lines: ['2.0.0 Ok'] }]],
  ['a code alone', '250\r\n', [{ code: 250, lines: [''] }]],
  ['a code and a space', '250 \r\n', [{ code: 250, lines: [''] }]],
  ['bare LF', '250 Ok\n', [{ code: 250, lines: ['Ok'] }]],
  ['several lines', '250-a\r\n250-\r\n250 c\r\n', [{ code: 250, lines: ['a', '', 'c'] }]],
  ['the last code counts', '250-a\r\n451 b\r\n', [{ code: 451, lines: ['a', 'b'] }]],
  [
    'two replies',
    '250 a\r\n354 b\r\n',
    [
      { code: 250, lines: ['a'] },
      { code: 354, lines: ['b'] },
    ],
  ],
  ['not finished', '250-a\r\n250', []],
  ['UTF-8', '550 kein Empfänger\r\n', [{ code: 550, lines: ['kein Empfänger'] }]],
  ['control characters', '550 a\x1b[2J\tb\x07\r\n', [{ code: 550, lines: ['a?[2J?b?'] }]],
  ['C1 and line separators', '550 a\u0085b\u2028c\r\n', [{ code: 550, lines: ['a?b?c'] }]],
];

for (const [name, text, expected] of table) {
  test(`reply: ${name}`, () => assert.deepEqual(parse(text), expected));
}

for (const garbage of [
  'SSH-2.0-OpenSSH\r\n',
  '25 Ok\r\n',
  '2500 Ok\r\n',
  '150 Ok\r\n',
  '650 Ok\r\n',
  '\r\n',
  'abc\n',
  '25a x\r\n',
  '250_x\r\n',
]) {
  test(`no reply: ${JSON.stringify(garbage)}`, () => assert.throws(() => parse(garbage), ReplyError));
}

test('a line without end, and a reply without end, are cut off', () => {
  assert.throws(() => parse(`250 ${'x'.repeat(9000)}`), ReplyError);
  assert.throws(() => parse(`250 ${'x'.repeat(9000)}\r\n`), ReplyError);
  assert.throws(() => parse('250-x\r\n'.repeat(200)), ReplyError);
});

test('replies are the same however the bytes are cut', () => {
  const line = fc.tuple(fc.integer({ min: 200, max: 599 }), fc.constantFrom(' ', '-'), fc.string({ maxLength: 30 }));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.array(fc.nat(400), { maxLength: 20 }), (lines, cuts) => {
      const bytes = Buffer.from(
        lines.map(([code, dash, text]) => `${code}${dash}${text.replaceAll('\n', '')}\r\n`).join(''),
      );
      const sorted = [...new Set(cuts.filter((cut) => cut < bytes.length))].sort((a, b) => a - b);
      const pieces = [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length));
      assert.deepEqual(parse(...pieces), parse(bytes));
      assert.deepEqual(parse(...[...bytes].map((byte) => Buffer.of(byte))), parse(bytes));
    }),
  );
});

test('whatever comes: replies or a ReplyError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        for (const reply of parse(Buffer.from(bytes)))
          assert.ok(reply.lines.every((text) => !/[\x00-\x1f\x7f]/.test(text)));
      } catch (error) {
        assert.ok(error instanceof ReplyError);
      }
    }),
  );
});

test('enhanced status codes', () => {
  const status = (code: number, text: string) => enhancedStatus({ code, lines: [text] });
  assert.equal(status(550, '5.1.1 no such user'), '5.1.1');
  assert.equal(status(250, '2.0.0'), '2.0.0');
  assert.equal(status(556, '5.1.10 null MX'), '5.1.10');
  assert.equal(status(550, '4.1.1 of another class'), null);
  assert.equal(status(550, 'no'), null);
  assert.equal(status(550, '5.1'), null);
  assert.equal(status(550, '5.1.1x'), null);
  assert.equal(status(550, '5.1234.1 x'), null);
  assert.equal(status(550, ''), null);
});

test('text of several lines on one', () => {
  assert.equal(
    replyText({ code: 550, lines: ['5.1.1 The account', '5.1.1 does not exist.', '5.1.1'] }),
    '5.1.1 The account does not exist.',
  );
  assert.equal(replyText({ code: 250, lines: ['Ok'] }), 'Ok');
});

test('extensions', () => {
  const [reply] = parse(
    '250-mx.example.com at your service\r\n250-pipelining\r\n250-SIZE 35882577\r\n250-8BITMIME\r\n250-STARTTLS\r\n250-DSN\r\n250-RequireTLS\r\n250-LIMITS RCPTMAX=100 MAILMAX=7 X=1\r\n250-X-UNKNOWN 1\r\n250 SMTPUTF8\r\n',
  );
  assert.ok(reply !== undefined);
  assert.deepEqual(parseExtensions(reply), {
    pipelining: true,
    starttls: true,
    eightBitMime: true,
    smtputf8: true,
    dsn: true,
    requireTls: true,
    size: true,
    largest: 35882577,
    mostRecipients: 100,
    mostMessages: 7,
  });
  const none = parseExtensions({ code: 250, lines: ['PIPELINING'] });
  assert.equal(none.pipelining, false, 'the first line is a greeting');
  for (const size of ['SIZE', 'SIZE 0', 'SIZE x', 'SIZE 99999999999999999999', 'SIZE -1']) {
    const offered = parseExtensions({ code: 250, lines: ['x', size] });
    assert.equal(offered.size, true);
    assert.equal(offered.largest, 0);
  }
});
