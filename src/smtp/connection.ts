// One incoming connection: a socket, its session, and what the mail log says of it. The server sweeps all connections once a
// second for deadlines; a connection has no timer of its own.
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Snapshot } from '../config/snapshot.ts';
import * as event from '../ledger/events.ts';
import { type AcceptedTls, acceptTls, type TlsFailure } from '../tls/accept.ts';
import type { ServerTls } from '../tls/contexts.ts';
import { flightText } from '../tls/flight.ts';
import { acceptRecipient, type Sender } from './acceptance.ts';
import type { Envelope, Recipient } from './envelope.ts';
import type { CompleteMessage, SessionHandler } from './handler.ts';
import type { InboundHost, ReverseName } from './host.ts';
import { Intake } from './intake.ts';
import { type InboundPolicy, inboundPolicy } from './policy.ts';
import type { Trace } from './received.ts';
import { Session } from './session.ts';

/** What a connection needs of its server. */
export interface ConnectionServer<B> {
  readonly host: InboundHost<B>;
  /** A clock in ms that ticks with the sweep: good enough for deadlines of seconds, and free. */
  readonly now: number;
  readonly stopping: boolean;
  /** The connection is gone; it is counted out. */
  gone(connection: Connection<B>): void;
}

export interface ConnectionOptions {
  readonly listener: Snapshot['listeners'][number];
  readonly policy: InboundPolicy;
  readonly address: string;
  readonly localAddress: string;
  readonly clientKey: string;
}

/**
 * | phase     | what happens                                             | ends with            |
 * |-----------|----------------------------------------------------------|----------------------|
 * | opening   | the reverse name is looked up; the client has to wait    | the greeting         |
 * | open      | the session rules; a TLS handshake is part of it         | QUIT, refusal, loss  |
 * | closing   | our side is closed, what still comes is thrown away      | close of the socket  |
 * | closed    | counted out                                              |                      |
 */
type Phase = 'opening' | 'open' | 'closing' | 'closed';

/** After our side is closed (design: refusals), else the peer gets a reset and never the reply. */
const lingerTime = 2000;
const lingerBytes = 1_048_576;
/** Longest wait for the store, whose own deadlines are shorter. */
const longestWait = 600_000;
/** A rate is judged after this. */
const rateGrace = 30_000;

const stoppingReply = '421 4.3.2 Service is shutting down';

/** The socket knows its connection, so that the listeners are shared functions and not four closures a connection. */
const connectionKey = Symbol('connection');
interface ConnectedSocket extends Socket {
  [connectionKey]?: Connection<unknown>;
}

export class Connection<B> implements SessionHandler, Sender {
  readonly clientKey: string;
  readonly icid: number;
  relay = false;
  readonly #server: ConnectionServer<B>;
  readonly #options: ConnectionOptions;
  readonly #session: Session;
  readonly #intake: Intake<B>;
  readonly #started: number;
  #socket: ConnectedSocket;
  #phase: Phase = 'opening';
  #reverseName: string | null = null;
  #tls: { readonly protocol: string; readonly cipher: string } | null = null;
  #nextTls: ServerTls | null = null;
  /** Something came before the greeting. */
  #early = false;
  #heloTold = false;
  #peerEnded = false;
  #paused = false;
  #lastInput: number;
  /** `open`: when the message began; bytes since then. `closing`: bytes thrown away. */
  #dataStart = 0;
  #bytes = 0;
  #deadline = 0;

  constructor(server: ConnectionServer<B>, socket: Socket, options: ConnectionOptions) {
    this.#server = server;
    this.#socket = socket;
    this.#options = options;
    this.clientKey = options.clientKey;
    this.icid = server.host.nextIcid();
    this.#started = server.now;
    this.#lastInput = server.now;
    this.#intake = new Intake(server.host, this.icid);
    this.#session = new Session(options.policy.settings[options.listener.tls], this);
    this.#attach(socket);
    const reverse = server.host.reverse(options.address);
    if (reverse instanceof Promise) void reverse.then((name) => this.#open(name));
    else this.#open(reverse);
  }

  // --- The socket ---

  #attach(socket: ConnectedSocket): void {
    this.#socket = socket;
    socket[connectionKey] = this as Connection<unknown>;
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  #detach(): void {
    const socket = this.#socket;
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onClose);
    // `onError` stays: a socket without one would end the program.
    delete socket[connectionKey];
  }

  #open(reverse: ReverseName): void {
    const { listener, policy, address, localAddress } = this.#options;
    const { log } = this.#server.host;
    log.record(
      event.incomingConnection,
      this.icid,
      listener.interface,
      localAddress,
      address,
      reverse.name,
      reverse.verified,
      listener.name,
      listener.tls,
    );
    const found = policy.access.find(address, reverse);
    const { group, action, match } = found ?? { group: 'ALL', action: 'ACCEPT', match: 'ALL' };
    log.record(event.senderGroup, this.icid, action, group, match);
    if (this.#phase === 'closed') {
      log.record(event.incomingLost, this.icid);
      return;
    }
    this.#reverseName = reverse.verified ? reverse.name : null;
    this.relay = action === 'RELAY';
    this.#phase = 'open';
    if (action === 'TCPREFUSE') {
      log.record(event.incomingClose, this.icid);
      this.#phase = 'closing';
      this.#socket.resetAndDestroy();
    } else if (action === 'REJECT') {
      this.#session.end('554 5.7.1 Connections from this address are not accepted', null);
    } else if (this.#server.stopping) {
      this.#session.end(stoppingReply, null);
    } else if (this.#early) {
      // RFC 5321 3.1: the client waits for the greeting. Who does not cannot know what the replies belong to.
      this.#session.end('554 5.5.1 Wait for the greeting before sending', 'Talked before the greeting');
    } else {
      this.#session.greet();
      this.#checkEnded();
    }
  }

  /** Bytes from the peer. */
  input(chunk: Buffer): void {
    if (this.#phase === 'opening') {
      this.#early = true;
      return;
    }
    if (this.#phase !== 'open') {
      this.#bytes += chunk.length;
      if (this.#bytes > lingerBytes) this.#socket.destroy();
      return;
    }
    this.#bytes += chunk.length;
    const session = this.#session;
    session.feed(chunk);
    // A command that comes letter by letter has no more time than one that does not come.
    if (session.backlog === 0 || session.state !== 'command') this.#lastInput = this.#server.now;
    // Only what has arrived while an answer is due makes it worth to stop the socket.
    if (session.backlog > 0 && session.state === 'waiting') this.#pause();
  }

  /** The peer has closed its side; what it sent before is still answered (RFC 5321 4.1.1.10 asks for QUIT, `nc` knows none). */
  ended(): void {
    this.#peerEnded = true;
    if (this.#phase === 'open') this.#checkEnded();
  }

  drained(): void {
    this.#resume();
  }

  closed(): void {
    if (this.#phase === 'closed') return;
    const phase = this.#phase;
    this.#phase = 'closed';
    this.#session.lost();
    if (phase === 'open') this.#logEnd(event.incomingLost);
    this.#server.gone(this);
  }

  #checkEnded(): void {
    if (!this.#peerEnded || this.#phase !== 'open' || this.#session.state === 'waiting') return;
    this.#session.lost();
    this.#logEnd(event.incomingLost);
    this.#linger();
    this.#socket.end();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#socket.writableNeedDrain) return;
    if (this.#session.state === 'waiting' && this.#session.backlog > 0) return;
    this.#paused = false;
    this.#lastInput = this.#server.now;
    this.#socket.resume();
  }

  /** After an answer: the session may have gone on. */
  #continue(): void {
    if (this.#phase !== 'open') return;
    if (this.#server.stopping) this.stop();
    this.#resume();
    this.#checkEnded();
  }

  #linger(): void {
    this.#phase = 'closing';
    this.#bytes = 0;
    this.#deadline = this.#server.now + lingerTime + 1000;
    if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  /** For tracking and observations; what is said again after STARTTLS counts (RFC 3207 4.2). */
  #tellHelo(): void {
    const { helo } = this.#session;
    if (helo === '' || this.#heloTold) return;
    this.#heloTold = true;
    this.#server.host.log.record(event.incomingHelo, this.icid, helo);
  }

  #logEnd(how: typeof event.incomingLost): void {
    this.#tellHelo();
    this.#server.host.log.record(how, this.icid);
  }

  // --- The server's calls ---

  /** Once a second. */
  sweep(): void {
    const { now } = this.#server;
    const { timeouts } = this.#options.policy;
    if (this.#phase === 'closing') {
      if (now >= this.#deadline) this.#socket.destroy();
      return;
    }
    if (this.#phase === 'opening') {
      // The lookup has a deadline of its own.
      if (now - this.#started > timeouts.reverseLookup + 60_000) this.#socket.destroy();
      return;
    }
    switch (this.#session.state) {
      case 'command':
        if (now - this.#lastInput > timeouts.command) this.#timeout('waiting for a command');
        else if (now - this.#started > timeouts.session) this.#timeout('session too long');
        return;
      case 'data':
        if (now - this.#lastInput > timeouts.data) this.#timeout('waiting for data');
        else if (now - this.#dataStart > rateGrace && this.#tooSlow(now)) this.#timeout('data too slow');
        return;
      case 'waiting':
        // Not the peer's fault: its message has as much longer to arrive.
        if (now - this.#lastInput > longestWait) this.#timeout('no answer from the spool');
        else this.#dataStart += 1000;
        return;
      default:
        // The handshake has its own deadlines.
        this.#lastInput = now;
    }
  }

  #tooSlow(now: number): boolean {
    return this.#bytes < (this.#options.policy.dataRate * (now - this.#dataStart)) / 1000;
  }

  #timeout(what: string): void {
    this.#session.end(`421 4.4.2 Timeout: ${what}`, `Timeout: ${what}`);
  }

  /** The program ends: who waits for a command is told so; a message on its way may still arrive. */
  stop(): void {
    if (this.#phase === 'open' && this.#session.state === 'command') this.#session.end(stoppingReply, null);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // --- The session's calls ---

  send(replies: string): void {
    // A peer that does not read its replies is not read either.
    if (!this.#socket.write(replies, 'latin1') && !this.#socket.destroyed) {
      this.#pause();
      this.#socket.once('drain', onDrain);
    }
  }

  mail(sender: string): string | null {
    const { host, stopping } = this.#server;
    if (stopping) return stoppingReply;
    if (host.full()) return '452 4.3.1 Insufficient system storage; try again later';
    if (!this.#heloTold) this.#tellHelo();
    this.#intake.start(sender);
    return null;
  }

  recipient(recipient: Recipient, domain: string, rid: number): string | Recipient | 'later' {
    return acceptRecipient(this.#server.host, this.#options.policy.recipients, this, { recipient, domain, rid });
  }

  awaits(mid: number): boolean {
    return this.#phase === 'open' && this.mid === mid && this.#session.state === 'waiting';
  }

  answerRecipient(refusal: string | null): void {
    this.#session.answerRecipient(refusal);
    this.#continue();
  }

  get mid(): number {
    return this.#intake.mid;
  }

  get localAddress(): string {
    return this.#options.localAddress;
  }

  begin(envelope: Envelope): void {
    this.#dataStart = this.#server.now;
    this.#bytes = 0;
    const trace: Trace = {
      hostname: this.#options.policy.settings.off.hostname,
      helo: this.#session.helo,
      extended: this.#session.extended,
      address: this.#options.address,
      name: this.#reverseName,
      tls: this.#tls,
    };
    // Keys of the present snapshot: a connection may outlive the time in which an old one is to be used.
    this.#intake.begin(trace, envelope, this.relay ? inboundPolicy(this.#server.host.snapshot()).signing : null);
  }

  body(piece: Buffer): boolean {
    return this.#intake.write(piece, this);
  }

  bodyDrained(): void {
    this.#session.drained();
    this.#continue();
  }

  discard(): void {
    this.#intake.discard();
  }

  complete(message: CompleteMessage): void {
    this.#intake.complete(message, (reply) => {
      this.#session.answerMessage(reply);
      this.#continue();
    });
  }

  abort(reason: string | null): void {
    this.#intake.abort(reason);
  }

  tlsRequired(): void {
    this.#server.host.log.record(event.incomingTlsRequired, this.icid);
  }

  prepareTls(): string | null {
    const { host } = this.#server;
    try {
      this.#nextTls = host.serverTls(this.#options.listener.name, this.#options.address);
      return null;
    } catch (error) {
      host.log.record(event.mailWarning, `ICID ${this.icid} TLS is not available: ${String(error)}`);
      return '454 4.7.0 TLS is not available now';
    }
  }

  startTls(): void {
    const { hello, handshake } = this.#options.policy.timeouts;
    const tls = this.#nextTls;
    if (tls === null) return;
    this.#nextTls = null;
    const socket = this.#socket;
    // Until the handshake is over its end is told by `failed`, not by `close`.
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', onClose);
    acceptTls(
      socket,
      tls,
      { helloTimeout: hello, handshakeTimeout: handshake },
      {
        secure: (secure, info) => this.#secured(secure, info),
        failed: (failure) => this.#tlsFailed(failure),
      },
    );
  }

  #secured(socket: TLSSocket, info: AcceptedTls): void {
    this.#detach();
    this.#attach(socket);
    const { protocol, cipher } = info;
    this.#tls = { protocol, cipher };
    const { log } = this.#server.host;
    log.record(event.incomingHello, this.icid, flightText(info.flight), info.resumed);
    log.record(event.incomingTls, this.icid, protocol, cipher);
    this.#lastInput = this.#server.now;
    this.#session.secured();
    if (this.#server.stopping) this.stop();
  }

  #tlsFailed(failure: TlsFailure): void {
    if (this.#phase !== 'open') return;
    const { log } = this.#server.host;
    if (failure.flight !== null) log.record(event.incomingHello, this.icid, flightText(failure.flight), false);
    log.record(event.incomingTlsFailed, this.icid, failure.detail);
    if (failure.explanation !== null) log.record(event.incomingTlsExplained, this.icid, failure.explanation);
    this.#session.lost();
    this.#logEnd(event.incomingClose);
    // The alert is still on its way.
    this.#linger();
    if (this.#socket.closed) this.closed();
    else this.#socket.on('close', onClose);
  }

  close(reason: string | null): void {
    if (this.#phase !== 'open') return;
    const { log } = this.#server.host;
    if (reason !== null) log.record(event.receivingFailed, this.icid, reason);
    this.#logEnd(event.incomingClose);
    this.#linger();
    this.#socket.end();
  }
}

function onData(this: ConnectedSocket, chunk: Buffer): void {
  this[connectionKey]?.input(chunk);
}

function onEnd(this: ConnectedSocket): void {
  this[connectionKey]?.ended();
}

function onDrain(this: ConnectedSocket): void {
  this[connectionKey]?.drained();
}

function onClose(this: ConnectedSocket): void {
  this[connectionKey]?.closed();
}

/** `close` follows and tells it. */
function onError(): void {}
