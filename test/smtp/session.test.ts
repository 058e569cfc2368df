import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Recipient } from '../../src/smtp/envelope.ts';
import type { CompleteMessage, SessionHandler, SessionSettings } from '../../src/smtp/handler.ts';
import { Session } from '../../src/smtp/session.ts';

const small: SessionSettings = {
  hostname: 'gw.example.com',
  tls: 'preferred',
  messageSize: 200,
  headerSize: 120,
  lineLength: 40,
  recipients: 2,
  messagesPerConnection: 3,
  requireTls: true,
  errors: 4,
  hops: 2,
};

/** Writes down everything; answers late where `late` says so. */
class Recorder implements SessionHandler {
  readonly session: Session;
  readonly events: string[] = [];
  replies = '';
  writes = 0;
  readonly #late: boolean;
  #body: Buffer[] = [];
  #answers: (() => void)[] = [];

  constructor(settings: SessionSettings, late: boolean) {
    this.#late = late;
    this.session = new Session(settings, this);
  }

  /** Gives the answers that are due; each may lead to more. */
  settle(): void {
    for (let answer = this.#answers.shift(); answer !== undefined; answer = this.#answers.shift()) answer();
  }

  #answer(run: () => void): void {
    if (this.#late) this.#answers.push(run);
    else run();
  }

  send(replies: string): void {
    this.replies += replies;
    this.writes++;
  }
  mail(sender: string): string | null {
    this.events.push(`mail ${sender}`);
    return sender.startsWith('full') ? '452 4.3.1 Full' : null;
  }
  recipient(recipient: Recipient, domain: string, rid: number): string | Recipient | 'later' {
    this.events.push(`recipient ${rid} ${recipient.address} ${domain}`);
    const refusal = recipient.address.startsWith('no') ? '550 5.1.1 Unknown' : null;
    if (recipient.address.startsWith('late') && this.#late) {
      this.#answers.push(() => this.session.answerRecipient(refusal));
      return 'later';
    }
    return refusal ?? recipient;
  }
  begin(): void {
    this.#body = [];
    this.events.push('begin');
  }
  body(piece: Buffer): boolean {
    this.#body.push(piece);
    if (!this.#late) return true;
    this.#answers.push(() => this.session.drained());
    return false;
  }
  discard(): void {
    this.#body = [];
  }
  complete(message: CompleteMessage): void {
    const body = Buffer.concat(this.#body).toString('latin1');
    this.events.push(`complete ${JSON.stringify(message)} ${JSON.stringify(body)}`);
    this.#answer(() => this.session.answerMessage(body.includes('defer') ? '451 4.3.0 Later' : '250 2.0.0 Ok'));
  }
  abort(reason: string | null): void {
    this.events.push(`abort ${reason}`);
  }
  prepareTls(): string | null {
    return null;
  }
  startTls(): void {
    this.events.push('startTls');
  }
  tlsRequired(): void {
    this.events.push('tlsRequired');
  }
  close(reason: string | null): void {
    this.events.push(`close ${reason}`);
  }
}

interface Play {
  readonly replies: string;
  readonly events: readonly string[];
  readonly state: string;
}

/** `pause`: like a socket that is stopped while an answer is due; else the input goes on meanwhile. */
function play(
  stream: string,
  cuts: readonly number[],
  options: { late?: boolean; pause?: boolean; settings?: SessionSettings } = {},
): Play {
  const recorder = new Recorder(options.settings ?? small, options.late ?? false);
  const { session } = recorder;
  session.greet();
  for (let at = 0, i = 0; at < stream.length; i++) {
    const end = at + (cuts[i % cuts.length] ?? 1);
    session.feed(Buffer.from(stream.slice(at, end), 'latin1'));
    if (options.pause !== false) recorder.settle();
    at = end;
  }
  recorder.settle();
  return { replies: recorder.replies, events: recorder.events, state: session.state };
}

const commands = fc.constantFrom(
  'EHLO client\r\n',
  'HELO client\r\n',
  'EHLO\r\n',
  'MAIL FROM:<a@b.example>\r\n',
  'MAIL FROM:<>\r\n',
  'MAIL FROM:<a@b.example> SIZE=300\r\n',
  'MAIL FROM:<a@b.example> SMTPUTF8 BODY=8BITMIME\r\n',
  'MAIL FROM:<full@b>\r\n',
  'MAIL FROM:<a@b.example> NOVEL=1\r\n',
  'RCPT TO:<c@d.example>\r\n',
  'RCPT TO:<no@d.example>\r\n',
  'RCPT TO:<late@d.example>\r\n',
  'RCPT TO:<lateno@d.example> NOTIFY=NEVER\r\n',
  'RCPT TO:<bad\r\n',
  'DATA\r\n',
  'DATA\r\n',
  'RSET\r\n',
  'NOOP\r\n',
  'VRFY a\r\n',
  'EXPN a\r\n',
  'HELP\r\n',
  'QUIT\r\n',
  'NONSENSE\r\n',
  'GET / HTTP/1.1\r\n',
  '\r\n',
  'NOOP\n',
  'NOOP\rX\r\n',
  'NO\0OP\r\n',
  '\x16\x03\x01',
  'BDAT 12\r\nhello world!',
  'BDAT 4 LAST\r\nab\r\n',
  'BDAT 4 LAST\r\nab\n\n',
  'BDAT 0 LAST\r\n',
  'BDAT x\r\n',
  'BDAT 250 LAST\r\n',
  `NOOP ${'x'.repeat(2050)}\r\n`,
);
const content = fc.constantFrom(
  'Subject: x\r\n',
  'Message-ID: <a@b>\r\n',
  'Received: y\r\n',
  '\r\n',
  'text\r\n',
  '.\r\n',
  '.\r\n',
  '..\r\n',
  '.x\r\n',
  '\n.\r\n',
  '\r.\r\n',
  'defer\r\n',
  `${'z'.repeat(41)}\r\n`,
  'X: y\r\n'.repeat(30),
  '\0',
  '\n',
  '\r',
);
const envelope = 'EHLO client\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n';
const streams = fc
  .array(
    fc.oneof(
      commands,
      content,
      fc.constant(envelope),
      fc.constant(`${envelope}DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\n`),
    ),
    { maxLength: 25 },
  )
  .map((parts) => parts.join(''));
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 });

describe('session', () => {
  test('any split of the stream gives the same replies and events, whenever answers come', () => {
    fc.assert(
      fc.property(streams, cuts, (stream, lengths) => {
        const whole = play(stream, [stream.length || 1]);
        assert.deepEqual(play(stream, [1]), whole);
        assert.deepEqual(play(stream, lengths), whole);
        assert.deepEqual(play(stream, [1], { late: true }), whole);
        assert.deepEqual(play(stream, lengths, { late: true }), whole);
        assert.deepEqual(play(stream, lengths, { late: true, pause: false }), whole);
      }),
      { numRuns: 1500 },
    );
  });

  test('bytes at random never throw and never make a message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, lengths) => {
        const { events } = play(Buffer.from(bytes).toString('latin1'), lengths);
        assert.equal(
          events.some((event) => event.startsWith('complete')),
          false,
        );
      }),
    );
  });

  test('one write for the replies of one piece of input', () => {
    const recorder = new Recorder(small, false);
    recorder.session.feed(Buffer.from(`${envelope}DATA\r\n`));
    assert.equal(recorder.writes, 1);
    assert.equal(recorder.replies.split('\r\n').filter((line) => /^[0-9]{3} /.test(line)).length, 4);
  });

  test('what comes behind STARTTLS is never a command', () => {
    for (const behind of ['NOOP\r\n', 'EHLO x\r\nMAIL FROM:<a@b>\r\n', '\x16\x03\x01']) {
      const { replies, events } = play(`EHLO x\r\nSTARTTLS\r\n${behind}`, [1000]);
      assert.match(replies, /\r\n554 5\.5\.1 [^\r]*\r\n$/);
      assert.deepEqual(events, ['close Commands were pipelined behind STARTTLS']);
    }
  });

  test('what is left in the session when the handshake begins does not survive it', () => {
    const recorder = new Recorder(small, false);
    const { session } = recorder;
    session.feed(Buffer.from('EHLO x\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\n'));
    assert.equal(session.state, 'handshake');
    // The socket is out of the session's hands; were something fed by mistake, it would be forgotten.
    session.feed(Buffer.from('RCPT TO:<c@d>\r\n'));
    recorder.replies = '';
    session.secured();
    session.feed(Buffer.from('MAIL FROM:<a@b>\r\n'));
    assert.match(recorder.replies, /^503 5\.5\.1 Send EHLO first\r\n$/);
    assert.deepEqual(recorder.events, ['mail a@b', 'abort null', 'startTls']);
  });

  test('where TLS is required the rest is refused, and said once', () => {
    const settings: SessionSettings = { ...small, tls: 'required', errors: 20 };
    const stream =
      'NOOP\r\nEHLO x\r\nHELO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nRSET\r\nVRFY x\r\nHELP\r\nEXPN x\r\nWHAT\r\nQUIT\r\n';
    const { replies, events } = play(stream, [1], { settings });
    const codes = replies
      .split('\r\n')
      .filter((line) => /^[0-9]{3} /.test(line))
      .map((line) => line.slice(0, 9));
    assert.deepEqual(codes, [
      '220 gw.ex',
      '250 2.0.0',
      '250 HELP',
      ...new Array<string>(9).fill('530 5.7.0'),
      '221 2.0.0',
    ]);
    assert.deepEqual(events, ['tlsRequired', 'close null']);
  });

  test('a message that is far too large closes the connection', () => {
    const recorder = new Recorder(small, false);
    recorder.session.feed(Buffer.from(`${envelope}DATA\r\n`));
    const line = Buffer.from(`${'x'.repeat(30)}\r\n`.repeat(1000));
    for (let i = 0; i < 40; i++) recorder.session.feed(Buffer.from(line));
    assert.equal(recorder.session.state, 'closed');
    assert.match(recorder.replies, /552 5\.3\.4 [^\r]*\r\n$/);
    assert.deepEqual(recorder.events.slice(-2), ['abort Message size exceeds limit', 'close null']);
  });

  test('a loss in mid-message aborts it; one while it is stored does not', () => {
    const first = new Recorder(small, true);
    first.session.feed(Buffer.from(`${envelope}DATA\r\nbody\r\n`));
    first.session.lost();
    assert.equal(first.events.at(-1), 'abort null');
    const second = new Recorder(small, true);
    second.session.feed(Buffer.from(`${envelope}DATA\r\nbody\r\n.\r\n`));
    assert.equal(second.session.storing, true);
    second.session.lost();
    assert.match(second.events.at(-1) ?? '', /^complete/);
    const before = second.replies;
    second.settle();
    assert.equal(second.replies, before);
  });
});
