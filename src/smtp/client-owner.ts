// What the client of one connection and the owner of its socket say to each other.
import type { Failure, RecipientFailure } from './failure.ts';
import type { OutgoingMessage } from './outgoing.ts';
import type { Reply } from './reply.ts';

/** `requiretls`: required, and the server must offer REQUIRETLS inside it. */
export type TlsLevel = 'none' | 'preferred' | 'required' | 'requiretls';

/** What the client waits for: decides which deadline holds. */
export type Waiting =
  | 'greeting'
  | 'ehlo'
  | 'starttls'
  | 'tls'
  | 'idle'
  | 'envelope'
  | 'data'
  | 'body'
  | 'dot'
  | 'quit'
  | 'closed';

/** Why a connection is of no use any more. `tls-required`: TLS has to be and is not offered, or refused; `tls-later`: for now. */
export interface ClientEnd {
  readonly kind:
    | 'quit'
    | 'closing'
    | 'greeting'
    | 'ehlo'
    | 'tls-required'
    | 'tls-later'
    | 'no-requiretls'
    | 'starttls-injection'
    | 'protocol';
  readonly failure: Failure;
}

/** What the owner of the socket does for the client. */
export interface ClientOwner<M extends OutgoingMessage> {
  write(commands: string): void;
  /** The 220 to STARTTLS came: start the handshake, then call `secured`. */
  startTls(): void;
  /** STARTTLS was refused. At level `preferred` the connection goes on in clear text. */
  tlsRefused(reply: Reply): void;
  /** `send` may be called. Also after each `settled`, unless `ended` follows. */
  ready(): void;
  /** The commands for these recipients go out now. */
  started(message: M, rids: readonly number[]): void;
  /** The 354 came: send the body, dot-stuffed, and the final dot, then call `bodySent`. */
  sendBody(message: M): void;
  delivered(message: M, rids: readonly number[], reply: Reply): void;
  /** Called once a message: who did not get it; all others were `delivered`. */
  settled(message: M, failures: readonly RecipientFailure[]): void;
  /** Instead of `settled`: the connection ended before the server said a word about this message. */
  unsent(message: M, failure: Failure): void;
  /** Nothing more can be sent: close. Called once. */
  ended(end: ClientEnd): void;
}

/** For the text of a connection that was lost. */
export const waitingFor: Readonly<Record<Waiting, string>> = {
  greeting: 'the greeting',
  ehlo: 'the reply to EHLO',
  starttls: 'the reply to STARTTLS',
  tls: 'the TLS handshake',
  idle: '',
  envelope: 'the reply to MAIL or RCPT',
  data: 'the reply to DATA',
  body: 'the message to be taken',
  dot: 'the reply to the final dot (the message may have arrived)',
  quit: 'the reply to QUIT',
  closed: '',
};
