import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { DataReader } from '../../src/smtp/data.ts';
import { HeaderScanner } from '../../src/smtp/header.ts';

const lineLimit = 12;

interface Outcome {
  readonly end: number;
  readonly body: string;
  readonly bareNewline: boolean;
  readonly nul: boolean;
  readonly longLine: boolean;
  readonly size: number;
}

/** Reads a stream in pieces of these lengths; `end` is the index behind the final dot, -1 where none came. */
function read(stream: string, cuts: readonly number[]): Outcome {
  const data = new DataReader(new HeaderScanner(1_000_000), lineLimit);
  const body: Buffer[] = [];
  let at = 0;
  let end = -1;
  for (let i = 0; at < stream.length && !data.ended; i++) {
    const piece = Buffer.from(stream.slice(at, at + (cuts[i % cuts.length] ?? 1)), 'latin1');
    const took = data.feed(piece, piece.toString('latin1'), 0);
    if (data.piece !== null) body.push(data.piece);
    if (data.ended) end = at + took;
    at += piece.length;
  }
  data.finish();
  const { bareNewline, nul, longLine, size } = data;
  return { end, body: Buffer.concat(body).toString('latin1'), bareNewline, nul, longLine, size };
}

/** The same by the words of RFC 5321 4.5.2, on the whole stream. */
function oracle(stream: string): Omit<Outcome, 'size'> {
  const lines = `\r\n${stream}`;
  const found = lines.indexOf('\r\n.\r\n');
  const raw = found < 0 ? lines : lines.slice(0, found + 2);
  const body = raw.replaceAll('\r\n.', '\r\n').slice(2);
  const message = raw.slice(2);
  return {
    end: found < 0 ? -1 : found + 3,
    body,
    bareNewline: /(^|[^\r])\n|\r(?!\n)/.test(message),
    nul: message.includes('\0'),
    longLine: body.split('\r\n').some((line) => line.length > lineLimit),
  };
}

const streams = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('\r\n', '\r\n', 'a', '.', '..', 'Subject: x', 'xxxxxxxxxxxx', ' ') },
      { weight: 1, arbitrary: fc.constantFrom('\r', '\n', '\0', '\r\n.\r\n', '.\r\n', '\r\n.', '\r.\r', '\n.\n') },
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

describe('DATA', () => {
  test('agrees with the RFC however the stream is cut', () => {
    fc.assert(
      fc.property(streams, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (stream, cuts) => {
        const expected = oracle(stream);
        const whole = read(stream, [stream.length]);
        for (const outcome of [whole, read(stream, [1]), read(stream, cuts)]) {
          assert.deepEqual(
            { end: outcome.end, bareNewline: outcome.bareNewline, nul: outcome.nul },
            { end: expected.end, bareNewline: expected.bareNewline, nul: expected.nul },
          );
          assert.deepEqual(
            { size: outcome.size, longLine: outcome.longLine },
            { size: whole.size, longLine: whole.longLine },
          );
          // A refused message has no body, an unfinished one withholds its last dot.
          if (!expected.bareNewline && expected.end >= 0) {
            assert.equal(outcome.body, expected.body);
            assert.equal(outcome.longLine, expected.longLine);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('a body that is stuffed comes back as it was', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('.', 'a', 'é', ' '), maxLength: 8 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 30 }),
        (lines, cut) => {
          const body = lines.map((line) => `${line}\r\n`).join('');
          const stuffed = `${lines.map((line) => `${line.startsWith('.') ? '.' : ''}${line}\r\n`).join('')}.\r\n`;
          const outcome = read(stuffed, [cut]);
          assert.equal(outcome.body, body);
          assert.equal(outcome.end, stuffed.length);
          assert.equal(outcome.size, body.length);
          assert.equal(outcome.bareNewline, false);
        },
      ),
    );
  });

  // Each of these ended a message in some server when SMTP smuggling became known (2023).
  const variants = [
    '\n.\n',
    '\r.\r',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r\n',
    '\r\n.\r',
    '\r\r\n.\r\r\n',
    '\n\r\n.\r',
    '\r\n.\0\r\n',
  ];
  for (const variant of variants) {
    test(`${JSON.stringify(variant)} ends nothing and spoils the message`, () => {
      const stream = `a\r\nb${variant}MAIL FROM:<x@y>\r\n.\r\nNOOP\r\n`;
      for (const cut of [stream.length, 1, 2, 3]) {
        const outcome = read(stream, [cut]);
        assert.equal(outcome.end, stream.length - 'NOOP\r\n'.length);
        assert.equal(outcome.bareNewline || outcome.nul, true);
      }
    });
  }

  test('yields views of the input, not copies', () => {
    const data = new DataReader(new HeaderScanner(1000), 998);
    const input = Buffer.from('one\r\n..two\r\n..three\r\n.\r\nQUIT\r\n');
    assert.equal(data.feed(input, input.toString('latin1'), 0), input.length - 'QUIT\r\n'.length);
    assert.equal(data.piece?.buffer, input.buffer);
    assert.equal(data.piece?.toString(), 'one\r\n.two\r\n.three\r\n');
  });
});

describe('BDAT', () => {
  test('dots mean nothing, newlines do', () => {
    fc.assert(
      fc.property(streams, fc.integer({ min: 1, max: 20 }), (stream, cut) => {
        const data = new DataReader(new HeaderScanner(1_000_000), lineLimit);
        const body: Buffer[] = [];
        for (let at = 0; at < stream.length; at += cut) {
          const piece = Buffer.from(stream.slice(at, at + cut), 'latin1');
          data.feedChunk(piece, piece.toString('latin1'), 0, piece.length);
          if (data.piece !== null) body.push(data.piece);
        }
        data.finish();
        assert.equal(data.ended, false);
        assert.equal(Buffer.concat(body).toString('latin1'), stream);
        assert.equal(data.bareNewline, /(^|[^\r])\n|\r(?!\n)/.test(stream));
        assert.equal(data.nul, stream.includes('\0'));
        if (!data.bareNewline) {
          assert.equal(
            data.longLine,
            stream.split('\r\n').some((line) => line.length > lineLimit),
          );
        }
      }),
      { numRuns: 1000 },
    );
  });
});
