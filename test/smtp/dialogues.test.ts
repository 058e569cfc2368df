// Plays test/dialogues/*.txt byte by byte, against the session alone and against a listening server.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, test } from 'node:test';
import type { Recipient } from '../../src/smtp/envelope.ts';
import type { SessionHandler } from '../../src/smtp/handler.ts';
import { inboundPolicy } from '../../src/smtp/policy.ts';
import { Session } from '../../src/smtp/session.ts';
import { Client, snapshotOf, startGateway } from './fixture.ts';

type Step =
  | { readonly kind: 'client'; readonly bytes: Buffer }
  | { readonly kind: 'server'; readonly line: string; readonly number: number }
  | { readonly kind: 'tls' }
  | { readonly kind: 'closed' };

interface Dialogue {
  readonly steps: readonly Step[];
  readonly log: readonly string[];
  readonly document: Record<string, unknown>;
  readonly tls: 'off' | 'preferred' | 'required';
}

function bytesOf(text: string): Buffer {
  const latin1 = text.replaceAll(
    /\\(?:x([0-9a-f]{2})|(.))/g,
    (_, hex: string | undefined, char: string | undefined) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      return { r: '\r', n: '\n', t: '\t', 0: '\0' }[char ?? ''] ?? char ?? '';
    },
  );
  return Buffer.from(latin1, 'latin1');
}

function parse(file: string): Dialogue {
  const steps: Step[] = [];
  const log: string[] = [];
  const document: Record<string, unknown> = {};
  let tls: Dialogue['tls'] = 'preferred';
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const rest = line.slice(3);
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('C:'))
      steps.push({ kind: 'client', bytes: Buffer.concat([bytesOf(rest), Buffer.from('\r\n')]) });
    else if (line.startsWith('C|')) steps.push({ kind: 'client', bytes: bytesOf(rest) });
    else if (line.startsWith('S: ')) steps.push({ kind: 'server', line: rest, number: index + 1 });
    else if (line.startsWith('L: ')) log.push(rest);
    else if (line === 'TLS') steps.push({ kind: 'tls' });
    else if (line === 'CLOSED') steps.push({ kind: 'closed' });
    else if (line === '! client: relay') document['relay'] = ['127.0.0.0/8'];
    else if (line.startsWith('! tls: ')) tls = line.slice(7) as Dialogue['tls'];
    else {
      const setting = /^! ([a-zA-Z]+): (.*)$/.exec(line);
      assert.ok(setting, `${file}:${index + 1}: what is this?`);
      document[setting[1] ?? ''] = JSON.parse(setting[2] ?? '');
    }
  }
  return { steps, log, document, tls };
}

function check(file: string, step: Step & { kind: 'server' }, line: string | null): void {
  const where = `${basename(file)}:${step.number}`;
  if (step.line.endsWith('*'))
    assert.ok(line?.startsWith(step.line.slice(0, -1)), `${where}: wanted "${step.line}", got "${line}"`);
  else assert.equal(line, step.line, where);
}

/** The decisions of the real connection, without a socket and without a store. */
class Decisions implements SessionHandler {
  readonly session: Session;
  out = '';
  closed = false;
  readonly #policy;
  readonly #relay: boolean;
  #mid = 0;

  constructor(dialogue: Dialogue) {
    const snapshot = snapshotOf(dialogue.document);
    this.#policy = inboundPolicy(snapshot);
    this.#relay = snapshot.relay.length > 0;
    this.session = new Session(this.#policy.settings[dialogue.tls], this);
  }

  send(replies: string): void {
    this.out += replies;
  }
  mail(): null {
    this.#mid++;
    return null;
  }
  recipient(recipient: Recipient, domain: string): string | Recipient {
    if (this.#policy.recipients.isOwnPostmaster(recipient.address, domain, '127.0.0.1')) return recipient;
    const decision = this.#policy.recipients.decide(recipient.address, domain, this.#relay);
    if (decision === 'accept') return recipient;
    return decision === 'denied' ? '550 5.7.1 Denied' : '550 5.1.1 Unknown';
  }
  begin(): void {}
  body(): boolean {
    return true;
  }
  discard(): void {}
  complete(): void {
    this.session.answerMessage(`250 2.0.0 Ok: Message ${this.#mid} accepted`);
  }
  abort(): void {}
  prepareTls(): null {
    return null;
  }
  startTls(): void {}
  tlsRequired(): void {}
  close(): void {
    this.closed = true;
  }
}

function playSession(file: string, dialogue: Dialogue, pieces: 'bytes' | 'flights'): void {
  const decisions = new Decisions(dialogue);
  const { session } = decisions;
  session.greet();
  for (const step of dialogue.steps) {
    if (step.kind === 'client') {
      if (pieces === 'flights') session.feed(Buffer.from(step.bytes));
      else for (const byte of step.bytes) session.feed(Buffer.from([byte]));
    } else if (step.kind === 'server') {
      const end = decisions.out.indexOf('\r\n');
      check(file, step, end < 0 ? null : decisions.out.slice(0, end));
      decisions.out = decisions.out.slice(end + 2);
    } else if (step.kind === 'tls') {
      assert.equal(session.state, 'handshake');
      session.secured();
    } else {
      assert.equal(decisions.out, '');
      assert.equal(decisions.closed, true);
    }
  }
  assert.equal(decisions.out, '');
}

async function playServer(file: string, dialogue: Dialogue): Promise<void> {
  const gateway = await startGateway(dialogue.document, { tls: dialogue.tls });
  try {
    const client = await Client.connect(gateway.port, { greeting: false });
    for (const step of dialogue.steps) {
      if (step.kind === 'client') client.write(step.bytes);
      else if (step.kind === 'server') check(file, step, await client.line());
      else if (step.kind === 'tls') await client.startTls();
      else assert.equal(await client.closed(), '');
    }
    client.end();
    await gateway.host.log.wait(/^ICID 1 (close|lost)$/);
  } finally {
    await gateway.stop();
  }
  let from = 0;
  for (const expected of dialogue.log) {
    const at = gateway.lines.indexOf(expected, from);
    assert.ok(at >= 0, `${basename(file)}: no line "${expected}" in this place of\n${gateway.lines.join('\n')}`);
    from = at + 1;
  }
}

describe('dialogues', () => {
  const files = globSync('test/dialogues/*.txt').toSorted();
  assert.ok(files.length > 10);
  for (const file of files) {
    const dialogue = parse(file);
    const name = basename(file, '.txt');
    // An injection is what comes in one piece with STARTTLS; cut after it, the rest never reaches the session.
    if (name !== 'starttls-injection') test(`${name}, byte by byte`, () => playSession(file, dialogue, 'bytes'));
    test(`${name}, flight by flight`, () => playSession(file, dialogue, 'flights'));
    test(`${name}, on a socket`, async () => await playServer(file, dialogue));
  }
});
