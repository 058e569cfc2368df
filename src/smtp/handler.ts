// Between a session (pure) and what surrounds it: sockets, spool, log. Types only.
import type { Refusal } from './command.ts';
import type { MessageLimits } from './content.ts';
import type { Envelope, Recipient } from './envelope.ts';

/** What a session must know of the configuration; one value for all sessions of a listener. */
export interface SessionSettings extends MessageLimits {
  readonly hostname: string;
  readonly tls: 'off' | 'preferred' | 'required';
  readonly recipients: number;
  readonly messagesPerConnection: number;
  readonly errors: number;
  /** REQUIRETLS is offered inside TLS. */
  readonly requireTls: boolean;
}

/** A message whose end has come and which has nothing wrong with it. */
export interface CompleteMessage {
  readonly envelope: Envelope;
  /** Octets as received, dot-stuffing undone. */
  readonly size: number;
  readonly messageId: string | null;
  readonly subject: string | null;
}

/** What a session tells and asks. Refusals are replies without their line ends. */
export interface SessionHandler {
  /** Replies for the peer, ready to be written (ASCII). All replies to one piece of input come together. */
  send(replies: string): void;
  /** A transaction may begin; a refusal says why not. */
  mail(sender: string): Refusal | null;
  /** A recipient of valid syntax: the refusal, the recipient as it is taken (as `rid`), or `answerRecipient` follows. */
  recipient(recipient: Recipient, domain: string, rid: number): Refusal | Recipient | 'later';
  /** The message begins; its envelope is complete. */
  begin(envelope: Envelope): void;
  /** A piece of the message. False: `drained` follows before there can be more. */
  body(piece: Buffer): boolean;
  /** The message will be refused at its end: what came of it is not needed any more. */
  discard(): void;
  /** The message is complete; `answerMessage` follows, at once or later. */
  complete(message: CompleteMessage): void;
  /** The transaction ends without a message. `reason`: what was wrong with the message; null: the peer changed its mind. */
  abort(reason: string | null): void;
  /** Whether TLS can begin; a refusal says why not. */
  prepareTls(): Refusal | null;
  /** 220 has been sent: the handshake comes next; then `secured`. */
  startTls(): void;
  /** A command was refused for want of TLS. Comes once. */
  tlsRequired(): void;
  /** Nothing more will be read: close when the replies are out. `reason` for the log; null: QUIT, or `abort` had it. */
  close(reason: string | null): void;
}
