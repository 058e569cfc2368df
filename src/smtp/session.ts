// The server's side of one SMTP connection: bytes in, replies and events out. Pure: no sockets, no clock. What needs an answer
// from elsewhere (a recipient, room for the body, the store) pauses the input until it comes; replies keep their order.
import {
  argumentOf,
  isForeignVerb,
  parseBdat,
  parseHelo,
  parseMail,
  parseRcpt,
  type Refusal,
  verbOf,
} from './command.ts';
import { Content, sizeFault, toleratedSize } from './content.ts';
import type { Recipient } from './envelope.ts';
import { ehloReply, helpReply, mayBeClear, requireTlsRefusal } from './extensions.ts';
import type { SessionHandler, SessionSettings } from './handler.ts';
import { LineReader, lineRefusals } from './line.ts';
import { Transaction } from './transaction.ts';

export type SessionState = 'command' | 'data' | 'waiting' | 'handshake' | 'closed';

type Waiting = 'recipient' | 'message' | 'drain' | null;
type Reading = 'command' | 'content' | 'refusedChunk';

const noBytes = Buffer.alloc(0);
const noTransaction = '503 5.5.1 Send MAIL first';

export class Session {
  /** Name that EHLO or HELO gave; empty before. */
  helo = '';
  /** EHLO, not HELO. */
  extended = false;
  /** TLS is on. */
  secure = false;
  readonly #settings: SessionSettings;
  readonly #handler: SessionHandler;
  readonly #lines = new LineReader();
  #input: Buffer = noBytes;
  #transaction: Transaction | null = null;
  #reading: Reading = 'command';
  #waiting: Waiting = null;
  #pendingRecipient: Recipient | null = null;
  #running = false;
  #closed = false;
  #handshake = false;
  #tlsRequiredSaid = false;
  #out = '';
  #errors = 0;
  #messages = 0;
  /** BDAT: octets still to come of a chunk that is refused, and its reply. */
  #refusedLeft = 0;
  #refusedChunk: Refusal | null = null;

  constructor(settings: SessionSettings, handler: SessionHandler) {
    this.#settings = settings;
    this.#handler = handler;
  }

  get state(): SessionState {
    if (this.#closed) return 'closed';
    if (this.#handshake) return 'handshake';
    if (this.#waiting !== null) return 'waiting';
    return this.#transaction?.content == null && this.#reading === 'command' ? 'command' : 'data';
  }

  /** The store is asked about a complete message. */
  get storing(): boolean {
    return this.#waiting === 'message';
  }

  /** Input that waits for an answer, in bytes. Not 0: the caller better stops reading. */
  get backlog(): number {
    return this.#input.length;
  }

  /** Says the greeting. */
  greet(): void {
    this.#handler.send(`220 ${this.#settings.hostname} ESMTP Postern\r\n`);
  }

  /** Bytes of the peer. The session may keep and change them until they are handed on. */
  feed(bytes: Buffer): void {
    if (this.#closed) return;
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    this.#run();
  }

  /** The answer to `recipient`: a refusal, or null where it is taken. */
  answerRecipient(refusal: Refusal | null): void {
    const recipient = this.#pendingRecipient;
    const transaction = this.#transaction;
    if (this.#waiting !== 'recipient' || recipient === null || transaction === null) return;
    this.#waiting = null;
    this.#pendingRecipient = null;
    this.#reply(transaction.settle(refusal ?? recipient));
    this.#run();
  }

  /** The answer to `complete`: the reply to the final dot, such as `250 2.0.0 ...`. */
  answerMessage(reply: string): void {
    if (this.#waiting !== 'message') return;
    this.#waiting = null;
    this.#transaction = null;
    if (this.#closed) return;
    if (reply.charCodeAt(0) === 0x32) {
      this.#messages++;
      this.#errors = 0;
    }
    this.#reply(reply);
    this.#run();
  }

  /** There is room for more of the body. */
  drained(): void {
    if (this.#waiting !== 'drain') return;
    this.#waiting = null;
    this.#run();
  }

  /** The handshake succeeded: everything known from before it is forgotten (RFC 3207 4.2). */
  secured(): void {
    this.#handshake = false;
    this.secure = true;
    this.helo = '';
    this.extended = false;
    this.#input = noBytes;
  }

  /** Ends the session with a reply: a deadline has passed, the server stops. */
  end(reply: Refusal, reason: string | null): void {
    if (!this.#closed) this.#end(reply, reason);
  }

  /** The connection is gone. */
  lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A complete message is stored or not whether its sender is still there or not.
    if (this.#waiting !== 'message') this.#abort(null);
    this.#input = noBytes;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    const input = this.#input;
    let at = 0;
    if (input.length > 0) {
      const text = input.toString('latin1');
      while (at < text.length && this.#waiting === null && !this.#closed && !this.#handshake) {
        const next = this.#read(input, text, at);
        if (next === at) break;
        at = next;
      }
    }
    // What is left of a line is copied, so that a few bytes do not keep a whole piece in memory.
    if (this.#closed || at === input.length) this.#input = noBytes;
    else if (this.#waiting === null) this.#input = Buffer.from(input.subarray(at));
    else this.#input = at === 0 ? input : input.subarray(at);
    this.#running = false;
    this.#flush();
  }

  /** One line, or what there is of a message. Returns where it ended; `at`: more bytes are needed. */
  #read(input: Buffer, text: string, at: number): number {
    switch (this.#reading) {
      case 'command':
        return this.#readCommand(text, at);
      case 'content':
        return this.#readContent(input, text, at);
      case 'refusedChunk':
        return this.#skipChunk(text, at);
    }
  }

  #flush(): void {
    if (this.#out === '') return;
    const out = this.#out;
    this.#out = '';
    this.#handler.send(out);
  }

  /** Says the reply. Refused commands (5yz) count, too many end the connection; so does any 421. */
  #reply(reply: string): void {
    if (reply.charCodeAt(0) === 0x35 && ++this.#errors > this.#settings.errors) {
      this.#tooManyErrors();
      return;
    }
    this.#out += `${reply}\r\n`;
    if (reply.startsWith('421')) this.#close(reply.slice(reply.indexOf(' ', 4) + 1));
  }

  #tooManyErrors(): void {
    this.#out += '421 4.7.0 Too many errors\r\n';
    this.#close('Too many errors');
  }

  /** A last reply, whatever was counted. */
  #end(reply: string, reason: string | null): void {
    this.#out += `${reply}\r\n`;
    this.#close(reason);
  }

  #close(reason: string | null): void {
    this.#closed = true;
    const open = this.#transaction !== null && this.#waiting !== 'message';
    if (open) this.#abort(reason);
    this.#flush();
    this.#handler.close(open ? null : reason);
  }

  #abort(reason: string | null): void {
    if (this.#transaction === null) return;
    this.#transaction = null;
    this.#waiting = null;
    this.#pendingRecipient = null;
    this.#handler.abort(reason);
  }

  // --- Command lines ---

  #readCommand(text: string, at: number): number {
    const lines = this.#lines;
    const next = lines.read(text, at);
    switch (lines.met) {
      case 'line': {
        const reply = this.#command(lines.line, next < text.length);
        if (reply !== null) this.#reply(reply);
        break;
      }
      case 'bareNewline':
      case 'tooLong':
        this.#reply(lineRefusals[lines.met]);
        break;
      case 'again':
        if (++this.#errors > this.#settings.errors) this.#tooManyErrors();
        break;
      case 'flood':
        this.#tooManyErrors();
        break;
      case 'noText':
        // A TLS record, or no text at all: this never becomes SMTP.
        this.#end(lineRefusals.noText, 'Not SMTP');
    }
    return next;
  }

  /** The reply to a command; null: it comes later, or has been given. `more`: bytes wait behind the line. */
  #command(line: string, more: boolean): string | null {
    if (line.includes('\0')) return '500 5.5.2 NUL is not accepted';
    const verb = verbOf(line);
    if (this.#settings.tls === 'required' && !this.secure && !mayBeClear(verb)) return this.#requireTls();
    switch (verb) {
      case 'MAIL':
        return this.#mail(line);
      case 'RCPT':
        return this.#rcpt(line);
      case 'DATA':
        return this.#data(argumentOf(line));
      case 'BDAT':
        return this.#bdat(line);
      case 'EHLO':
      case 'HELO':
        return this.#hello(verb, argumentOf(line));
      case 'STARTTLS':
        return this.#startTls(argumentOf(line), more);
      case 'RSET':
        if (argumentOf(line) !== '') return '501 5.5.4 RSET takes no argument';
        this.#abort(null);
        return '250 2.0.0 Ok';
      case 'NOOP':
        return '250 2.0.0 Ok';
      case 'QUIT':
        // RFC 5321 4.1.1.10: QUIT takes no argument; refusing it helps nobody.
        this.#end(`221 2.0.0 ${this.#settings.hostname} closing connection`, null);
        return null;
      case 'VRFY':
        if (argumentOf(line) === '') return '501 5.5.4 Syntax: VRFY address';
        return '252 2.5.0 Not verified; send the message, delivery will be attempted';
      case 'HELP':
        return helpReply;
      case 'EXPN':
        return '502 5.5.1 EXPN is not supported';
      default:
        if (!isForeignVerb(verb)) return '500 5.5.1 Command not recognised';
        this.#end('554 5.5.1 This is a mail server', `Not SMTP: ${verb}`);
        return null;
    }
  }

  #requireTls(): Refusal {
    if (!this.#tlsRequiredSaid) {
      this.#tlsRequiredSaid = true;
      this.#handler.tlsRequired();
    }
    return '530 5.7.0 Must issue a STARTTLS command first';
  }

  #hello(verb: 'EHLO' | 'HELO', argument: string): string {
    const name = parseHelo(argument);
    if (name === null) return `501 5.5.4 Syntax: ${verb} hostname`;
    // RFC 5321 4.1.4: in mid-session it is RSET as well
    this.#abort(null);
    this.helo = name;
    this.extended = verb === 'EHLO';
    return verb === 'EHLO' ? ehloReply(this.#settings, this.secure) : `250 ${this.#settings.hostname}`;
  }

  #startTls(argument: string, more: boolean): Refusal | null {
    if (argument !== '') return '501 5.5.4 STARTTLS takes no argument';
    if (this.#settings.tls === 'off') return '502 5.5.1 STARTTLS is not offered';
    if (this.secure) return '503 5.5.1 TLS is active already';
    if (more) {
      // RFC 3207 4 and CVE-2011-0411: what was sent in clear behind STARTTLS must never be read as if it had come through TLS.
      this.#end(
        '554 5.5.1 Nothing may follow STARTTLS before the TLS handshake',
        'Commands were pipelined behind STARTTLS',
      );
      return null;
    }
    const refusal = this.#handler.prepareTls();
    if (refusal !== null) return refusal;
    this.#abort(null);
    this.#handshake = true;
    this.#reply('220 2.0.0 Ready to start TLS');
    this.#flush();
    this.#handler.startTls();
    return null;
  }

  #mail(line: string): string {
    if (this.helo === '') return '503 5.5.1 Send EHLO first';
    if (this.#transaction !== null) return '503 5.5.1 A transaction is under way; send RSET to end it';
    const mail = parseMail(line);
    if (typeof mail === 'string') return mail;
    const settings = this.#settings;
    if (this.#messages >= settings.messagesPerConnection) {
      return '421 4.7.0 Too many messages on one connection; connect again';
    }
    if (mail.size !== null && mail.size > settings.messageSize) return sizeFault(settings).refusal;
    const refusal =
      (mail.requireTls ? requireTlsRefusal(settings, this.secure) : null) ?? this.#handler.mail(mail.sender);
    if (refusal !== null) return refusal;
    this.#transaction = new Transaction(mail);
    return '250 2.1.0 Ok';
  }

  #rcpt(line: string): string | null {
    const transaction = this.#transaction;
    if (transaction === null) return noTransaction;
    if (transaction.content !== null) return '503 5.5.1 The message has begun already';
    const rcpt = parseRcpt(line, transaction.mail.smtputf8);
    if (typeof rcpt === 'string') {
      transaction.refused++;
      return rcpt;
    }
    const rid = transaction.recipients.length;
    const limit = this.#settings.recipients;
    // RFC 5321 4.5.3.1.10: temporary, the client sends the rest in another transaction.
    if (rid >= limit) return `452 4.5.3 Too many recipients; at most ${limit} a message`;
    const answer = this.#handler.recipient(rcpt.recipient, rcpt.domain, rid);
    if (answer !== 'later') return transaction.settle(answer);
    this.#pendingRecipient = rcpt.recipient;
    this.#waiting = 'recipient';
    return null;
  }

  // --- Messages ---

  #data(argument: string): string {
    const transaction = this.#transaction;
    if (argument !== '') return '501 5.5.4 DATA takes no argument';
    if (transaction === null) return noTransaction;
    if (transaction.content !== null) return '503 5.5.1 DATA cannot follow BDAT';
    const { missing } = transaction;
    if (missing !== null) return missing;
    this.#begin(transaction);
    this.#reading = 'content';
    return '354 Send the message; end with CR LF . CR LF';
  }

  #begin(transaction: Transaction): Content {
    transaction.content = new Content(this.#settings, this.#handler);
    this.#handler.begin(transaction.envelope);
    return transaction.content;
  }

  #bdat(line: string): string | null {
    const bdat = parseBdat(line);
    if (bdat === null) {
      // Octets follow, but nobody knows how many.
      this.#end('501 5.5.4 Syntax: BDAT size [LAST]', 'Bad BDAT command');
    } else if (bdat.size > toleratedSize(this.#settings)) this.#tooLarge();
    else {
      const transaction = this.#transaction;
      const refusal = transaction === null ? noTransaction : transaction.missing;
      if (transaction === null || refusal !== null) {
        if (bdat.size === 0) return refusal;
        // The octets come whatever the reply will be.
        this.#refusedChunk = refusal;
        this.#refusedLeft = bdat.size;
        this.#reading = 'refusedChunk';
      } else {
        const content = transaction.content ?? this.#begin(transaction);
        content.openChunk(bdat.size, bdat.last);
        this.#reading = 'content';
        if (bdat.size === 0) this.#readContent(noBytes, '', 0);
      }
    }
    return null;
  }

  #skipChunk(text: string, at: number): number {
    const end = Math.min(text.length, at + this.#refusedLeft);
    this.#refusedLeft -= end - at;
    if (this.#refusedLeft === 0) {
      this.#reading = 'command';
      this.#reply(this.#refusedChunk ?? noTransaction);
    }
    return end;
  }

  #readContent(input: Buffer, text: string, at: number): number {
    const transaction = this.#transaction;
    const content = transaction?.content;
    if (transaction == null || content == null) return text.length;
    const next = content.read(input, text, at);
    if (content.full) this.#waiting = 'drain';
    switch (content.progress) {
      case 'tooLarge':
        this.#tooLarge();
        break;
      case 'fault':
        this.#reading = 'command';
        this.#waiting = null;
        this.#abort(content.fault.reason);
        this.#reply(content.fault.refusal);
        break;
      case 'chunk':
        this.#reading = 'command';
        this.#reply(`250 2.0.0 ${content.size} octets received`);
        break;
      case 'end': {
        this.#reading = 'command';
        this.#waiting = 'message';
        const { size, messageId, subject, tlsOptional } = content;
        this.#handler.complete({ envelope: transaction.completed(tlsOptional), size, messageId, subject });
      }
    }
    return next;
  }

  #tooLarge(): void {
    const { refusal, reason } = sizeFault(this.#settings);
    this.#end(refusal, reason);
  }
}
