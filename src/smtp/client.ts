// One connection to an SMTP server without its socket: bytes in; commands and outcomes out (RFC 5321, 2920, 3207).
import { type ClientEnd, type ClientOwner, type TlsLevel, type Waiting, waitingFor } from './client-owner.ts';
import {
  type Failure,
  isPositive,
  ourBounce,
  ourFailure,
  type Phase,
  type RecipientFailure,
  replyFailure,
  saysTooMany,
  temporary,
} from './failure.ts';
import { mailCommand, type OutgoingMessage, rcptCommand, sendable } from './outgoing.ts';
import {
  type Extensions,
  noExtensions,
  parseExtensions,
  type Reply,
  ReplyError,
  ReplyParser,
  replyText,
} from './reply.ts';

const none: readonly RecipientFailure[] = [];

/**
 * States: greeting → ehlo → (starttls → tls → ehlo) → idle → envelope → (data) → body → dot → idle ... → quit → closed.
 * A message is in hand from `send` to `settled` or `unsent`.
 */
export class Client<M extends OutgoingMessage> {
  readonly #owner: ClientOwner<M>;
  readonly #hostname: string;
  readonly #level: TlsLevel;
  readonly #parser = new ReplyParser();
  #waiting: Waiting = 'greeting';
  #extensions: Extensions = noExtensions;
  #secure = false;
  /** The server is who it should be: REQUIRETLS may be said. */
  #proven = false;
  #helo = false;
  #serverName = '';
  #message: M | null = null;
  /** Its commands went out behind the final dot of the message in hand. */
  #following: M | null = null;
  /** The recipients of the present transaction. */
  #rids: readonly number[] = [];
  /** Which reply comes next: -1 RSET, 0 MAIL, 1... RCPT, then DATA. */
  #step = 0;
  /** The server said something about the message. */
  #heard = false;
  #accepted: number[] = [];
  /** Recipients for a further transaction (452 Too many recipients). */
  #later: number[] = [];
  #failures: RecipientFailure[] = [];
  #refusal: Reply | null = null;
  /** A transaction may be open at the server: RSET goes before the next MAIL. */
  #open = false;

  /** `hostname` stands in EHLO. */
  constructor(owner: ClientOwner<M>, hostname: string, level: TlsLevel) {
    this.#owner = owner;
    this.#hostname = hostname;
    this.#level = level;
  }

  get waiting(): Waiting {
    return this.#waiting;
  }

  get extensions(): Extensions {
    return this.#extensions;
  }

  /** What the server called itself in its first answer to EHLO; empty before. */
  get serverName(): string {
    return this.#serverName;
  }

  /** Bytes from the server. */
  feed(chunk: Buffer): void {
    this.#parser.push(chunk);
    try {
      while (this.#waiting !== 'closed') {
        const reply = this.#parser.next();
        if (reply === null) return;
        this.#take(reply);
      }
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      this.#end('protocol', ourFailure('4.5.0', `protocol error: ${error.message}`));
    }
  }

  /**
   * The TLS handshake is done: everything the server said before is forgotten (RFC 3207 4.2). `proven`: host and certificate are
   * what REQUIRETLS asks for.
   */
  secured(proven = false): void {
    this.#secure = true;
    this.#proven = proven;
    this.#extensions = noExtensions;
    this.#greet();
  }

  /** Begins a message; only while `waiting` is `idle`. */
  send(message: M): void {
    this.#message = message;
    this.#failures = [];
    this.#heard = false;
    const rids = sendable(message, this.#extensions, this.#failures);
    if (rids.length === 0) this.#settle();
    else this.#begin(rids);
  }

  /** The owner has written the final dot. */
  bodySent(): void {
    if (this.#waiting === 'body') this.#waiting = 'dot';
  }

  /**
   * Sends the commands of one more message at once, behind the final dot just written: message content may be the first in a
   * group of commands (RFC 2920 3.1). False: that cannot be done here, and nothing was sent.
   */
  follow(message: M): boolean {
    const { pipelining, mostRecipients } = this.#extensions;
    if (this.#waiting !== 'dot' || !pipelining || this.#following !== null) return false;
    // Another transaction of the message in hand may come first, or RSET.
    if (this.#later.length > 0 || this.#accepted.length === 0) return false;
    if (mostRecipients > 0 && message.rids.length > mostRecipients) return false;
    const failures: RecipientFailure[] = [];
    sendable(message, this.#extensions, failures);
    if (failures.length > 0) return false;
    this.#following = message;
    this.#owner.write(this.#group(message, message.rids));
    return true;
  }

  /** Says QUIT; only while `waiting` is `idle`. */
  quit(): void {
    this.#waiting = 'quit';
    this.#owner.write('QUIT\r\n');
  }

  /** The connection is gone, or its deadline has passed. `detail`: `connection lost`, `timeout`, ... */
  lost(detail: string): void {
    if (this.#waiting === 'closed') return;
    const where = waitingFor[this.#waiting];
    this.#end('closing', ourFailure('4.4.2', where === '' ? detail : `${detail} while waiting for ${where}`));
  }

  #greet(): void {
    this.#helo = false;
    this.#waiting = 'ehlo';
    this.#owner.write(`EHLO ${this.#hostname}\r\n`);
  }

  #take(reply: Reply): void {
    switch (this.#waiting) {
      case 'envelope':
      case 'data':
        this.#envelopeReply(reply);
        break;
      case 'dot':
        this.#dotReply(reply);
        break;
      case 'body':
        this.#earlyReply(reply);
        break;
      case 'greeting':
        if (reply.code === 220) this.#greet();
        else this.#end('greeting', replyFailure(reply, 'greeting'));
        break;
      case 'ehlo':
        this.#ehloReply(reply);
        break;
      case 'starttls':
        this.#starttlsReply(reply);
        break;
      case 'quit':
        this.#end('quit', replyFailure(reply, 'quit'));
        break;
      default:
        // Idle: a server that closes says 421 unasked (RFC 5321 3.8).
        this.#end(reply.code === 421 ? 'closing' : 'protocol', replyFailure(reply, 'idle'));
    }
  }

  #ehloReply(reply: Reply): void {
    if (reply.code === 250) {
      this.#extensions = this.#helo ? noExtensions : this.#offered(reply);
      if (this.#serverName === '') this.#serverName = nameIn(reply);
      if (this.#secure || this.#level === 'none') this.#prepared();
      else if (this.#extensions.starttls) {
        this.#waiting = 'starttls';
        this.#owner.write('STARTTLS\r\n');
      } else this.#goOnInClear('STARTTLS is not offered');
    } else if (reply.code >= 500 && !this.#helo) {
      // RFC 5321 3.2: a server that does not know EHLO.
      this.#helo = true;
      this.#owner.write(`HELO ${this.#hostname}\r\n`);
    } else this.#end('ehlo', replyFailure(reply, 'ehlo'));
  }

  /** REQUIRETLS counts inside TLS, and from a server that has proven itself (RFC 8689 2). */
  #offered(reply: Reply): Extensions {
    const offered = parseExtensions(reply);
    return offered.requireTls && !this.#proven ? { ...offered, requireTls: false } : offered;
  }

  #prepared(): void {
    if (this.#level !== 'requiretls' || this.#extensions.requireTls) this.#idle();
    else this.#end('no-requiretls', ourBounce('5.7.30', 'REQUIRETLS is not offered'));
  }

  #starttlsReply(reply: Reply): void {
    if (reply.code === 220) {
      // Bytes behind the 220 came in clear text from anybody; taken as replies of the secured server they would be an attack.
      if (this.#parser.pending) {
        this.#end('starttls-injection', ourFailure('4.7.0', 'data behind the 220 to STARTTLS'));
        return;
      }
      this.#waiting = 'tls';
      this.#owner.startTls();
      return;
    }
    this.#owner.tlsRefused(reply);
    if (reply.code === 421) this.#end('closing', replyFailure(reply, 'starttls'));
    else this.#goOnInClear(`STARTTLS was refused: ${reply.code} ${replyText(reply)}`, reply.code < 500);
  }

  /** `passing`: RFC 3207 4: the server has no TLS for a temporary reason. */
  #goOnInClear(why: string, passing = false): void {
    if (this.#level === 'required' || this.#level === 'requiretls') {
      this.#end(passing ? 'tls-later' : 'tls-required', ourFailure('4.7.4', `TLS is required, but ${why}`));
    } else this.#idle();
  }

  #idle(): void {
    this.#waiting = 'idle';
    this.#owner.ready();
  }

  #begin(all: readonly number[]): void {
    const message = this.#inHand();
    const { mostRecipients, pipelining } = this.#extensions;
    const rids = mostRecipients > 0 && all.length > mostRecipients ? all.slice(0, mostRecipients) : all;
    this.#expect(rids);
    this.#later = rids === all ? [] : all.slice(mostRecipients);
    this.#owner.started(message, rids);
    if (!pipelining) {
      this.#owner.write(this.#open ? 'RSET\r\n' : mailCommand(message, this.#extensions));
      return;
    }
    const commands = this.#group(message, rids);
    this.#owner.write(this.#open ? `RSET\r\n${commands}` : commands);
  }

  /** From here on the replies to these commands come. */
  #expect(rids: readonly number[]): void {
    this.#rids = rids;
    this.#accepted = [];
    this.#later = [];
    this.#refusal = null;
    this.#step = this.#open ? -1 : 0;
    this.#waiting = 'envelope';
  }

  /** RFC 2920 3.1: RSET, MAIL and RCPT may stand anywhere in a group, DATA only at its end. */
  #group(message: M, rids: readonly number[]): string {
    let commands = mailCommand(message, this.#extensions);
    for (const rid of rids) commands += rcptCommand(message.envelope.recipients[rid], this.#extensions);
    return message.probe === true ? commands : `${commands}DATA\r\n`;
  }

  #envelopeReply(reply: Reply): void {
    if (reply.code === 421) {
      // RFC 5321 3.8: the server closes; nothing else that it may still say counts.
      this.#end('closing', replyFailure(reply, 'envelope'));
      return;
    }
    const step = this.#step++;
    const message = this.#inHand();
    const { pipelining } = this.#extensions;
    if (step < 0) {
      if (!pipelining) this.#owner.write(mailCommand(message, this.#extensions));
      return;
    }
    this.#heard = true;
    const rids = this.#rids;
    if (step === 0) {
      this.#open = isPositive(reply);
      if (!this.#open) this.#refusal = reply;
      if (pipelining) return;
      if (this.#open) this.#owner.write(rcptCommand(message.envelope.recipients[rids[0] ?? 0], this.#extensions));
      else this.#transactionRefused('mail', reply);
      return;
    }
    if (step > rids.length) {
      this.#dataReply(reply);
      return;
    }
    if (this.#refusal === null) this.#recipientReply(rids[step - 1] ?? 0, reply);
    const last = step === rids.length;
    if (last) this.#waiting = 'data';
    if (last && message.probe === true) this.#probed(message, reply);
    else if (pipelining) return;
    else if (!last) this.#owner.write(rcptCommand(message.envelope.recipients[rids[step] ?? 0], this.#extensions));
    else if (this.#accepted.length > 0) this.#owner.write('DATA\r\n');
    else this.#next();
  }

  #recipientReply(rid: number, reply: Reply): void {
    if (isPositive(reply)) this.#accepted.push(rid);
    else if (this.#accepted.length > 0 && saysTooMany(reply)) this.#later.push(rid);
    else this.#failures.push({ rid, ...replyFailure(reply, 'recipient') });
  }

  #probed(message: M, reply: Reply): void {
    if (this.#refusal !== null) {
      this.#transactionRefused('mail', this.#refusal);
      return;
    }
    if (this.#accepted.length > 0) this.#owner.delivered(message, this.#accepted, reply);
    this.#next();
  }

  #dataReply(reply: Reply): void {
    if (reply.code === 354) {
      if (this.#accepted.length > 0) {
        this.#waiting = 'body';
        this.#owner.sendBody(this.#inHand());
      } else {
        // RFC 2920 3.1: no recipient is left, yet the server waits for data: an empty message ends it.
        this.#waiting = 'dot';
        this.#owner.write('.\r\n');
      }
      return;
    }
    if (this.#refusal !== null) this.#transactionRefused('mail', this.#refusal);
    else {
      for (const rid of this.#accepted) this.#failures.push({ rid, ...replyFailure(reply, 'data') });
      this.#next();
    }
  }

  #dotReply(reply: Reply): void {
    if (reply.code === 421) {
      this.#end('closing', replyFailure(reply, 'dot'));
      return;
    }
    this.#open = false;
    if (this.#refusal !== null) {
      this.#transactionRefused('mail', this.#refusal);
      return;
    }
    if (this.#accepted.length > 0) {
      if (isPositive(reply)) this.#owner.delivered(this.#inHand(), this.#accepted, reply);
      else for (const rid of this.#accepted) this.#failures.push({ rid, ...replyFailure(reply, 'dot') });
    }
    this.#next();
  }

  /** A reply while the body is still on its way: the server gave up; what it said counts unless it is no refusal. */
  #earlyReply(reply: Reply): void {
    const failure = replyFailure(reply, 'dot');
    for (const rid of this.#accepted) this.#failures.push({ rid, ...failure });
    this.#accepted = [];
    this.#end('closing', failure);
  }

  #transactionRefused(phase: Phase, reply: Reply): void {
    const failure = replyFailure(reply, phase);
    // What is said about the sender of a question says nothing about the recipient.
    this.#failAll(this.#rids, this.#inHand().probe === true ? temporary(failure) : failure);
    this.#next();
  }

  /** The transaction is over: the rest of the recipients, or the end of the message. */
  #next(): void {
    const later = this.#later;
    // Each transaction settles one recipient or more, else nothing would be left for a further one: this ends.
    if (later.length > 0) this.#begin(later);
    else this.#settle();
  }

  #settle(): void {
    const message = this.#inHand();
    const failures = this.#failures.length === 0 ? none : this.#failures;
    const following = this.#following;
    this.#following = null;
    this.#message = following;
    if (following === null) {
      this.#waiting = 'idle';
      this.#owner.settled(message, failures);
      if (this.#waiting === 'idle') this.#owner.ready();
      return;
    }
    this.#failures = [];
    this.#heard = false;
    this.#expect(following.rids);
    this.#owner.settled(message, failures);
    if (this.#message === following) this.#owner.started(following, following.rids);
  }

  #end(kind: ClientEnd['kind'], failure: Failure): void {
    const atDot = this.#waiting === 'dot' || this.#waiting === 'body';
    this.#waiting = 'closed';
    const message = this.#message;
    this.#message = null;
    if (message !== null) {
      if (this.#heard) {
        // A refusal of the sender holds, even if the server leaves at once.
        if (this.#refusal !== null) this.#failAll(this.#rids, replyFailure(this.#refusal, 'mail'));
        // With the final dot out it may have arrived; it is tried again all the same: at least once.
        const settledHere = atDot ? this.#accepted : this.#rids;
        const known = new Set(this.#failures.map((known) => known.rid));
        for (const rid of [...settledHere, ...this.#later]) {
          // A recipient that was put off for a further transaction stands in both lists.
          if (known.has(rid)) continue;
          known.add(rid);
          this.#failures.push({ rid, ...temporary(failure) });
        }
        this.#owner.settled(message, this.#failures);
      } else this.#owner.unsent(message, temporary(failure));
    }
    const following = this.#following;
    this.#following = null;
    if (following !== null) this.#owner.unsent(following, temporary(failure));
    this.#owner.ended({ kind, failure });
  }

  #failAll(rids: readonly number[], failure: Failure): void {
    const known = this.#failures.length === 0 ? null : new Set(this.#failures.map((known) => known.rid));
    for (const rid of rids) if (known?.has(rid) !== true) this.#failures.push({ rid, ...failure });
  }

  #inHand(): M {
    if (this.#message === null) throw new ReplyError('reply without a message in hand');
    return this.#message;
  }
}

/** RFC 5321 4.1.1.1: the first word of the reply to EHLO. */
function nameIn({ lines: [first = ''] }: Reply): string {
  const end = first.indexOf(' ');
  return (end < 0 ? first : first.slice(0, end)).slice(0, 255);
}
