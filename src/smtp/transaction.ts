// One mail transaction (RFC 5321 3.3): what MAIL and RCPT said, and how the message looks as it arrives. Pure.
import type { MailCommand, Refusal } from './command.ts';
import { DataReader } from './data.ts';
import type { Envelope, Recipient } from './envelope.ts';
import { HeaderScanner } from './header.ts';

/** Bounds of a message; the limits of the configuration. */
export interface MessageLimits {
  /** Octets. */
  readonly messageSize: number;
  readonly headerSize: number;
  readonly lineLength: number;
  readonly hops: number;
}

/** Why a message is refused: for the log, and for the peer. */
export interface Fault {
  readonly reason: string;
  readonly refusal: Refusal;
}

const bareNewline: Fault = {
  reason: 'Bare CR or LF in message',
  refusal: '554 5.6.0 Message has a CR or LF alone; lines end with CR LF (RFC 5321 2.3.8)',
};
const nul: Fault = { reason: 'NUL in message', refusal: '554 5.6.0 Message has a NUL character (RFC 5322 3.5)' };
const tooManyHops: Fault = {
  reason: 'Too many hops',
  refusal: '554 5.4.6 Too many hops; the message is in a loop',
};

export function sizeFault(limits: MessageLimits): Fault {
  return {
    reason: 'Message size exceeds limit',
    refusal: `552 5.3.4 Message size exceeds the limit of ${limits.messageSize} octets`,
  };
}

/** Octets of one message that are read only to answer in step; past them the connection is closed. */
export function toleratedSize(limits: MessageLimits): number {
  return 2 * limits.messageSize + 1_048_576;
}

export class Transaction {
  readonly mail: MailCommand;
  readonly recipients: Recipient[] = [];
  /** RCPTs that were refused; DATA then has another reply. */
  refused = 0;
  /** The message, once DATA or BDAT has begun it. */
  data: DataReader | null = null;
  /** The body is not kept any more: the message will be refused. */
  spoilt = false;
  #envelope: Envelope | null = null;

  constructor(mail: MailCommand) {
    this.mail = mail;
  }

  /** The message begins; recipients are complete. */
  begin(limits: MessageLimits): void {
    this.data = new DataReader(new HeaderScanner(limits.headerSize), limits.lineLength);
  }

  /** Made at the first call; recipients are complete by then. */
  get envelope(): Envelope {
    const { sender, body, smtputf8, ret, envid } = this.mail;
    this.#envelope ??= {
      sender,
      recipients: this.recipients,
      ...(body === undefined ? {} : { body }),
      ...(smtputf8 ? { smtputf8 } : {}),
      ...(ret === undefined ? {} : { ret }),
      ...(envid === undefined ? {} : { envid }),
    };
    return this.#envelope;
  }
}

/** Whether the message will be refused whatever follows. */
export function isSpoilt(data: DataReader, limits: MessageLimits): boolean {
  return data.bareNewline || data.nul || data.longLine || data.header.tooLarge || data.size > limits.messageSize;
}

/** The gravest fault of the message as far as it has come: the same however its bytes were split. */
export function faultOf(data: DataReader, limits: MessageLimits): Fault | null {
  if (data.bareNewline) return bareNewline;
  if (data.nul) return nul;
  if (data.size > limits.messageSize) return sizeFault(limits);
  if (data.header.tooLarge) {
    return {
      reason: 'Message header exceeds limit',
      refusal: `552 5.3.4 Message header exceeds the limit of ${limits.headerSize} octets`,
    };
  }
  if (data.longLine) {
    return {
      reason: 'Line too long',
      refusal: `554 5.6.0 Message has a line of more than ${limits.lineLength} octets (RFC 5321 4.5.3.1.6)`,
    };
  }
  return data.header.received > limits.hops ? tooManyHops : null;
}
