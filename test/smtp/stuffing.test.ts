import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DotStuffing } from '../../src/smtp/stuffing.ts';

function stuff(pieces: readonly Uint8Array[]): Buffer {
  const stuffing = new DotStuffing();
  return Buffer.concat([...pieces.map((piece) => stuffing.push(piece)), stuffing.end()]);
}

/** What a server does with it, written another way: line by line (RFC 5321 4.5.2). */
function unstuff(wire: Buffer): string {
  const lines = wire.toString('latin1').split('\r\n');
  const end = lines.indexOf('.');
  assert.equal(end, lines.length - 2, 'the final dot is the only line with a dot alone, and the last');
  return lines
    .slice(0, end)
    .map((line) => `${line.startsWith('.') ? line.slice(1) : line}\r\n`)
    .join('');
}

test('dot-stuffing', () => {
  const table: [string, string][] = [
    ['', '.\r\n'],
    ['a\r\n', 'a\r\n.\r\n'],
    ['a', 'a\r\n.\r\n'],
    ['.', '..\r\n.\r\n'],
    ['.\r\n', '..\r\n.\r\n'],
    ['a\r\n.\r\nb\r\n', 'a\r\n..\r\nb\r\n.\r\n'],
    ['a\r\n..b\r\n', 'a\r\n...b\r\n.\r\n'],
    ['a.b\r\n', 'a.b\r\n.\r\n'],
    ['\r\n.\r\n.\r\n', '\r\n..\r\n..\r\n.\r\n'],
  ];
  for (const [body, wire] of table) assert.equal(stuff([Buffer.from(body)]).toString(), wire, JSON.stringify(body));
});

test('what has no dot at a line is not copied', () => {
  const body = Buffer.from('a.b\r\nc.\r\n');
  assert.equal(new DotStuffing().push(body), body);
});

test('a server gets back what was sent, however the body is cut', () => {
  const token = fc.constantFrom('.', '..', '\r\n', '\r\n.', 'a', 'ä', '\r\n\r\n', ' ', '.\r\n');
  fc.assert(
    fc.property(fc.array(token, { maxLength: 60 }), fc.array(fc.nat(150), { maxLength: 30 }), (tokens, cuts) => {
      const body = Buffer.from(tokens.join(''));
      const sorted = [...new Set(cuts.filter((cut) => cut < body.length))].sort((a, b) => a - b);
      const pieces = [0, ...sorted].map((from, index) => body.subarray(from, sorted[index] ?? body.length));
      const wire = stuff(pieces);
      const text = body.toString('latin1');
      assert.equal(unstuff(wire), text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`);
      assert.deepEqual(wire, stuff([body]));
      assert.deepEqual(wire, stuff([...body].map((byte) => Buffer.of(byte))));
    }),
  );
});
