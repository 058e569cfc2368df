// A client whose owner writes down everything that happens.
import { Client } from '../../src/smtp/client.ts';
import type { ClientEnd, ClientOwner, TlsLevel } from '../../src/smtp/client-owner.ts';
import type { Envelope } from '../../src/smtp/envelope.ts';
import type { Failure, RecipientFailure } from '../../src/smtp/failure.ts';
import type { OutgoingMessage } from '../../src/smtp/outgoing.ts';
import { type Reply, replyText } from '../../src/smtp/reply.ts';

export interface TestMessage extends OutgoingMessage {
  readonly name: string;
}

export function message(
  to: readonly string[],
  more: Partial<Envelope> & { size?: number; utf8?: boolean; probe?: boolean } = {},
): TestMessage {
  const { size = 100, utf8 = false, probe = false, ...envelope } = more;
  return {
    name: 'm',
    envelope: { sender: 'a@example.org', recipients: to.map((address) => ({ address })), ...envelope },
    rids: (envelope.recipients ?? to).map((_, index) => index),
    size,
    probe,
    utf8Header: () => utf8,
  };
}

export class RecordingClient implements ClientOwner<TestMessage> {
  readonly client: Client<TestMessage>;
  readonly record: string[] = [];
  readonly #queue: TestMessage[];
  /** The body is written in the moment of the 354; false: `bodySent` is the test's. */
  wholeBodies = true;
  /** The next message's commands go out behind the dot where that can be. */
  follow = false;

  constructor(queue: readonly TestMessage[] = [], level: TlsLevel = 'preferred') {
    this.#queue = [...queue];
    this.client = new Client<TestMessage>(this, 'gw.example.com', level);
  }

  feed(text: string): void {
    this.client.feed(Buffer.from(text));
  }

  write(commands: string): void {
    this.record.push(
      ...commands
        .split('\r\n')
        .slice(0, -1)
        .map((command) => `> ${command}`),
    );
  }
  startTls(): void {
    this.record.push('starttls');
  }
  tlsRefused(reply: Reply): void {
    this.record.push(`tls refused ${reply.code}`);
  }
  ready(): void {
    this.record.push('ready');
    const next = this.#queue.shift();
    if (next !== undefined) this.client.send(next);
  }
  started(_message: TestMessage, rids: readonly number[]): void {
    this.record.push(`started ${rids.join(',')}`);
  }
  sendBody(): void {
    this.record.push('> BODY');
    if (!this.wholeBodies) return;
    this.client.bodySent();
    const [next] = this.#queue;
    if (this.follow && next !== undefined && this.client.follow(next)) this.#queue.shift();
  }
  delivered(_message: TestMessage, rids: readonly number[], reply: Reply): void {
    this.record.push(`delivered ${rids.join(',')} ${replyText(reply)}`);
  }
  settled(_message: TestMessage, failures: readonly RecipientFailure[]): void {
    this.record.push('settled', ...failures.map((failure) => `${failure.rid} ${textOf(failure)}`));
  }
  unsent(_message: TestMessage, failure: Failure): void {
    this.record.push(`unsent ${textOf(failure)}`);
  }
  ended(end: ClientEnd): void {
    this.record.push(`ended ${end.kind} ${textOf(end.failure)}`);
  }
}

function textOf(failure: Failure): string {
  return `${failure.permanent ? 'bounced' : 'deferred'} ${failure.status} ${failure.code} ${failure.text}`;
}
