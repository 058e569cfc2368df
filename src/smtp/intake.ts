// The message that a connection is receiving: its MID, its lines in the log, its body on the way to the spool.

import type { SigningKeys } from '../dkim/keys.ts';
import { MessageSigner, type Signing, unsigned } from '../dkim/sign.ts';
import { messageOf } from '../errors.ts';
import * as event from '../ledger/events.ts';
import type { Envelope } from './envelope.ts';
import type { CompleteMessage } from './handler.ts';
import type { BodyWriter, InboundHost, StoreError } from './host.ts';
import { receivedField, type Trace, traceOf } from './received.ts';

export class Intake<B> {
  /** 0 before the first message. */
  mid = 0;
  readonly #host: InboundHost<B>;
  readonly #icid: number;
  #received = 0;
  #writer: BodyWriter<B> | null = null;
  #signer: MessageSigner | null = null;

  constructor(host: InboundHost<B>, icid: number) {
    this.#host = host;
    this.#icid = icid;
  }

  start(sender: string): void {
    this.mid = this.#host.nextMid();
    const { log } = this.#host;
    log.record(event.messageStart, this.mid, this.#icid);
    log.record(event.messageFrom, this.mid, this.#icid, sender);
  }

  /** `signing`: whom its client may speak for; null: nobody. */
  begin(trace: Trace, envelope: Envelope, signing: SigningKeys | null): void {
    this.#received = Date.now();
    this.#writer = this.#host.openBody();
    this.#signer = signing === null ? null : new MessageSigner(signing);
    this.#writer.write(Buffer.from(receivedField(trace, traceOf(trace), this.mid, envelope, this.#received)));
  }

  /** False: `bodyDrained` is called before there can be more. */
  write(piece: Buffer, owner: { bodyDrained(): void }): boolean {
    const writer = this.#writer;
    this.#signer?.push(piece);
    if (writer === null || writer.write(piece)) return true;
    writer.onDrain = () => {
      writer.onDrain = null;
      owner.bodyDrained();
    };
    return false;
  }

  discard(): void {
    this.#writer?.abort();
    this.#writer = null;
    this.#signer = null;
  }

  /** Stores the message; `answer` gets the reply to its final dot when it is durable, or refused. */
  complete(message: CompleteMessage, answer: (reply: string) => void): void {
    const { log } = this.#host;
    const { mid } = this;
    const { envelope } = message;
    if (message.messageId !== null) log.record(event.messageId, mid, message.messageId);
    if (message.subject !== null) log.record(event.subject, mid, message.subject);
    if (envelope.tls !== undefined) log.record(event.messageTls, mid, envelope.tls);
    log.record(event.messageReady, mid, message.size, envelope.sender);
    log.record(event.messageMatched, mid, 'DEFAULT');
    const writer = this.#writer;
    const signer = this.#signer;
    this.#writer = null;
    this.#signer = null;
    if (writer === null) return;
    const received = this.#received;
    const settle = (error: StoreError | null) => answer(this.#settled(mid, error));
    writer.finish((error, body) => {
      if (error !== null || body === null) settle(error ?? noBody);
      else if (signer === null) this.#host.store({ mid, received, envelope, body }, settle);
      else
        this.#sign(signer, mid, (head) =>
          this.#host.store({ mid, received, envelope: { ...envelope, ...head }, body }, settle),
        );
    });
  }

  #sign(signer: MessageSigner, mid: number, done: (head: Pick<Envelope, 'head'>) => void): void {
    const { log } = this.#host;
    const signed = ({ fields, domain, selectors, why }: Signing) => {
      if (fields !== '') log.record(event.messageSigned, mid, domain, selectors.join(', '));
      else if (why !== null) log.record(event.messageUnsigned, mid, why);
      done(fields === '' ? {} : { head: fields });
    };
    const signing = signer.finish(Date.now());
    if (!(signing instanceof Promise)) signed(signing);
    else void signing.catch((error: unknown) => ({ ...unsigned, why: messageOf(error) })).then(signed);
  }

  /** The client may be gone; the log tells it nevertheless. */
  #settled(mid: number, error: StoreError | null): string {
    const { log } = this.#host;
    if (error === null) {
      log.record(event.messageQueued, mid);
      return `250 2.0.0 Ok: Message ${mid} accepted`;
    }
    log.record(event.messageAborted, mid, `Receiving aborted: ${error.text}`);
    return replyOf(error);
  }

  abort(reason: string | null): void {
    this.discard();
    const { log } = this.#host;
    if (reason !== null) log.record(event.receivingFailed, this.#icid, reason);
    log.record(event.messageAborted, this.mid, 'Receiving aborted');
  }
}

const noBody: StoreError = { code: 'io', text: 'the body was not written' };

function replyOf(error: StoreError): string {
  switch (error.code) {
    case 'disk-full':
      return '452 4.3.1 Insufficient system storage; try again later';
    case 'io':
      return '451 4.3.0 The message could not be stored; try again later';
    case 'shutting-down':
      return '451 4.3.2 Service is shutting down; try again later';
  }
}
