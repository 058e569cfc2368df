// One mail transaction (RFC 5321 3.3): what MAIL and RCPT said. Pure.
import type { MailCommand, Refusal } from './command.ts';
import type { Content } from './content.ts';
import type { Envelope, Recipient } from './envelope.ts';

export class Transaction {
  readonly mail: MailCommand;
  readonly recipients: Recipient[] = [];
  /** RCPTs that were refused; DATA then has another reply. */
  refused = 0;
  /** The message, once DATA or BDAT has begun it. */
  content: Content | null = null;
  #envelope: Envelope | null = null;

  constructor(mail: MailCommand) {
    this.mail = mail;
  }

  /** Settles a RCPT; returns its reply. */
  settle(answer: Refusal | Recipient): string {
    if (typeof answer === 'string') {
      this.refused++;
      return answer;
    }
    this.recipients.push(answer);
    return '250 2.1.5 Ok';
  }

  /** Why no message can come now; null where one can. */
  get missing(): Refusal | null {
    if (this.recipients.length > 0) return null;
    return this.refused > 0 ? '554 5.5.1 No valid recipients' : '503 5.5.1 Send RCPT first';
  }

  /** Made at the first call; recipients are complete by then. */
  get envelope(): Envelope {
    const { sender, body, smtputf8, requireTls, ret, envid } = this.mail;
    this.#envelope ??= {
      sender,
      recipients: this.recipients,
      ...(body === undefined ? {} : { body }),
      ...(smtputf8 ? { smtputf8 } : {}),
      ...(ret === undefined ? {} : { ret }),
      ...(envid === undefined ? {} : { envid }),
      ...(requireTls ? { tls: 'required' } : {}),
    };
    return this.#envelope;
  }

  /** The envelope under which the message is kept. `tlsOptional`: its header says `TLS-Required: No`. */
  completed(tlsOptional: boolean): Envelope {
    // RFC 8689 4.1: the field is ignored where REQUIRETLS was given.
    return tlsOptional && !this.mail.requireTls ? { ...this.envelope, tls: 'optional' } : this.envelope;
  }
}
