// One connection to one host: socket, SMTP client, log lines and deadlines together.
import type net from 'node:net';
import { join } from 'node:path';
import * as events from '../ledger/events.ts';
import { Client } from '../smtp/client.ts';
import type { ClientEnd, ClientOwner } from '../smtp/client-owner.ts';
import { Link, type LinkOwner } from '../smtp/dial.ts';
import type { Failure, RecipientFailure } from '../smtp/failure.ts';
import { ourFailure } from '../smtp/failure.ts';
import { type Reply, replyText } from '../smtp/reply.ts';
import { DotStuffing } from '../smtp/stuffing.ts';
import type { ConnectedTls, ConnectFailure, ConnectTlsOptions } from '../tls/connect.ts';
import type { ClientTls } from '../tls/contexts.ts';
import { offeredVersions } from '../tls/contexts.ts';
import { systemErrorDetail } from '../tls/errors.ts';
import { describeCertificate } from '../tls/peer-certificate.ts';
import { checkPeer, lastsFor, type PeerVerdict } from '../tls/peer-check.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import { noStartTls, type TlsProblem } from '../tls/tls-report.ts';
import { versionBits } from '../tls/versions.ts';
import { BodyFile } from './body.ts';
import { BodySender, type BodySenderOwner } from './body-sender.ts';
import type { DeliveryHost } from './host.ts';
import { clientLevel } from './host-policy.ts';
import { type OpenFailure, openFailure } from './open-failure.ts';
import type { RouteHost } from './route.ts';
import type { TlsSides } from './sides.ts';
import { failuresOf } from './status.ts';
import { recordSession } from './tls-results.ts';
import type { Resumption, TlsSessions } from './tls-sessions.ts';
import type { Transfer } from './transfer.ts';

/** What all connections of a worker share. */
export interface DeliveryContext {
  readonly host: DeliveryHost;
  readonly tls: TlsSides;
  readonly sessions: TlsSessions;
  /** Monotonic ms, renewed once a second. */
  now: number;
}

/** An answer to a whole message within so many ms: the server does not make us wait. */
const promptly = 20;

export interface ConnectionSettings {
  readonly dcid: number;
  readonly target: RouteHost;
  readonly policy: TlsPolicy;
  /** The contexts for the policy. */
  readonly tls: ClientTls;
  /** Offer the old TLS versions. */
  readonly legacy: boolean;
  /** An earlier TLS session may go on, where there is one. */
  readonly resume: boolean;
  /** For the log: the recipients' domain. */
  readonly domain: string;
  /** What the connection was made under; another stamp: it is not to be reused. */
  readonly stamp: string;
  readonly messages: number;
}

export interface ConnectionOwner {
  /** The first time, and after each message. */
  idle(connection: Connection): void;
  settled(connection: Connection, transfer: Transfer, failures: readonly RecipientFailure[]): void;
  /** The connection can take one more message now: gives one that waits to `take`, and forgets it if that says true. */
  offer(connection: Connection, take: (transfer: Transfer) => boolean): void;
  /** The connection ended before the server said a word about the message. */
  unsent(connection: Connection, transfer: Transfer, failure: Failure): void;
  /** It says QUIT: no message may be given to it any more. */
  leaving(connection: Connection): void;
  /** It was ready once and is gone now. */
  closed(connection: Connection): void;
}

export class Connection implements ClientOwner<Transfer>, LinkOwner, BodySenderOwner {
  readonly settings: ConnectionSettings;
  readonly #context: DeliveryContext;
  readonly #owner: ConnectionOwner;
  readonly #client: Client<Transfer>;
  readonly #link: Link;
  #opened: ((failure: OpenFailure | null) => void) | null;
  /** Given to `send`, not yet settled. */
  #transfer: Transfer | null = null;
  /** Its commands are out already, behind the dot of the one in hand. */
  #following: Transfer | null = null;
  #sentAt = 0;
  /** The last message was answered promptly. */
  #prompt = false;
  #deadline = 0;
  #messages = 0;
  #retired = false;
  #handshakeFailure: ConnectFailure | null = null;
  /** Null: it does not resume, and what it gets is not kept. */
  #resumption: Resumption | null = null;
  /** What the certificate is worth; null: no TLS. */
  #verdict: PeerVerdict | null = null;
  /** Why the connection stayed in clear text. */
  #noTls = 'STARTTLS is not offered';
  /** Of a big body. */
  #sender: BodySender | null = null;

  /** `opened` is called once: with null when the first message can be sent. */
  constructor(
    context: DeliveryContext,
    owner: ConnectionOwner,
    settings: ConnectionSettings,
    socket: net.Socket,
    opened: (failure: OpenFailure | null) => void,
  ) {
    this.settings = settings;
    this.#context = context;
    this.#owner = owner;
    this.#opened = opened;
    const level = clientLevel(settings.policy);
    this.#client = new Client<Transfer>(this, context.host.snapshot().hostname, level);
    this.#link = new Link(socket, settings.target, this);
    const { dcid, target, domain } = settings;
    context.host.log.record(
      events.outgoingConnection,
      dcid,
      this.#link.localAddress,
      target.address,
      target.port,
      target.host,
      domain,
      level === 'requiretls' ? 'required' : level,
    );
    this.#arm();
  }

  get busy(): boolean {
    return this.#transfer !== null;
  }

  /** It carried a message before. */
  get reused(): boolean {
    return this.#messages > 1;
  }

  /** The server passes on what a sender wants to be told (RFC 3461). */
  get dsn(): boolean {
    return this.#client.extensions.dsn;
  }

  /** Only while idle. */
  send(transfer: Transfer): void {
    this.#messages++;
    this.#transfer = transfer;
    transfer.fit(this.#client.extensions.requireTls);
    const { body } = transfer;
    if (body instanceof Uint8Array || body.kept !== undefined) {
      this.#client.send(transfer);
      this.#arm();
      return;
    }
    this.#deadline = Number.POSITIVE_INFINITY;
    BodyFile.open(join(this.#context.host.spoolDirectory, body.file), body.size, (error, file) => {
      if (this.#transfer !== transfer) {
        file?.close();
        return;
      }
      if (file === null) {
        this.#transfer = null;
        const failure = ourFailure('4.3.0', `the message cannot be read from the spool: ${error?.message ?? ''}`);
        this.#context.host.log.record(events.mailWarning, `MID ${transfer.task.mid} ${failure.text}`);
        this.#owner.settled(this, transfer, failuresOf(transfer.rids, failure));
        this.ready();
        return;
      }
      transfer.file = file;
      this.#client.send(transfer);
      this.#arm();
    });
  }

  /** Closes at once if idle, else after the message in hand. */
  retire(): void {
    this.#retired = true;
    if (this.#transfer === null && this.#client.waiting === 'idle') this.#quit();
  }

  /** Gives up: what is in hand comes back as `unsent` or `settled`. */
  abort(detail: string): void {
    this.#client.lost(detail);
  }

  /** Called once a second. */
  tick(now: number): void {
    if (now < this.#deadline) return;
    if (this.#client.waiting === 'idle' && this.#transfer === null) this.#quit();
    else this.#client.lost('timeout');
  }

  // --- From the socket ---

  data(chunk: Buffer): void {
    this.#client.feed(chunk);
    this.#arm();
  }

  drained(): void {
    this.#sender?.drained();
  }

  lost(error: Error | null): void {
    this.#client.lost(error === null ? 'connection lost' : (systemErrorDetail(error) ?? error.message));
  }

  // --- From the sender of a big body ---

  progress(): void {
    this.#arm();
  }

  sent(): void {
    this.#sender = null;
    this.#client.bodySent();
    this.#arm();
  }

  /** A body that cannot be finished must not be ended with a dot: the connection goes. */
  unreadable(error: Error | null): void {
    const text = `the message cannot be read from the spool: ${error?.message ?? ''}`;
    this.#context.host.log.record(events.mailWarning, `MID ${this.#transfer?.task.mid ?? 0} ${text}`);
    this.#link.destroy();
    this.#client.lost(text);
  }

  // --- From the client ---

  write(commands: string): void {
    this.#link.write(commands);
  }

  startTls(): void {
    const { host } = this.#context;
    const { legacy, dcid, policy, tls } = this.settings;
    const timeout = host.snapshot().timeouts.handshake;
    const sni = policy.sni === null ? {} : { servername: policy.sni };
    const request = { legacy, timeout, ...sni, ...this.#sessionRequest() };
    const offered = versionBits(offeredVersions(tls, legacy));
    this.#link.startTls(tls, request, {
      secure: (info) => {
        host.log.record(events.outgoingOffer, dcid, offered, info.resumed);
        host.log.record(events.outgoingTls, dcid, info.protocol, info.cipher);
        if (!info.resumed) host.log.record(events.outgoingCertificate, dcid, describeCertificate(info.certificate()));
        this.#verdict = this.#judge(info);
        if (this.#verdict.ok) this.#client.secured(policy.requireTls !== null && this.#verdict.got !== 'encrypted');
        else this.#client.lost('the certificate is not accepted');
        this.#arm();
      },
      failed: (failure) => {
        host.log.record(events.outgoingOffer, dcid, offered, false);
        this.#resumption?.forget();
        this.#handshakeFailure = failure;
        this.#client.lost('TLS handshake failed');
      },
    });
  }

  /** What the server proved: just now, or when the session was made that goes on. */
  #judge(info: ConnectedTls): PeerVerdict {
    const { policy } = this.settings;
    const resumption = this.#resumption;
    const earlier = info.resumed ? (resumption?.proof ?? null) : null;
    const proof = earlier ?? {
      verdict: checkPeer(policy, info),
      until: Math.min(policy.until, performance.now() + lastsFor(policy, info)),
    };
    resumption?.prove(proof);
    return proof.verdict;
  }

  #sessionRequest(): Pick<ConnectTlsOptions, 'session' | 'onSession'> {
    const { target, policy, tls, legacy, resume } = this.settings;
    this.#resumption = this.#context.sessions.of(target, policy, tls, legacy, resume);
    if (this.#resumption === null) return {};
    const { session, keep } = this.#resumption;
    return { onSession: keep, ...(session === null ? {} : { session }) };
  }

  get #resuming(): boolean {
    return this.#resumption !== null && this.#resumption.session !== null;
  }

  tlsRefused(reply: Reply): void {
    this.#noTls = `STARTTLS was refused: ${reply.code} ${replyText(reply)}`;
    this.#context.host.log.record(events.outgoingTlsFailed, this.settings.dcid, 'STARTTLS unexpected response');
  }

  ready(): void {
    const opened = this.#opened;
    if (opened !== null) {
      this.#opened = null;
      const testing = this.settings.policy.sts?.policy.mode === 'testing';
      const detail = this.#verdict?.detail ?? (testing ? `MTA-STS testing: ${this.#noTls}` : '');
      this.#recordSecurity(
        this.#verdict?.got ?? 'none',
        this.#client.extensions.requireTls ? `${detail}, REQUIRETLS` : detail,
      );
      this.#recordSession(this.#verdict === null ? noStartTls(this.#noTls) : this.#verdict.problem);
      opened(null);
    }
    if (this.#retired || this.#messages >= this.#most) this.#quit();
    else this.#owner.idle(this);
  }

  started(transfer: Transfer, rids: readonly number[]): void {
    const { log } = this.#context.host;
    const { dcid, target } = this.settings;
    const { mid } = transfer.task;
    log.record(events.deliveryStart, dcid, mid, rids.length === 1 ? String(rids[0]) : rids.join(', '));
    if (!transfer.redacts) return;
    const why = `${target.host} does no REQUIRETLS, or does not prove itself`;
    log.record(events.mailNotice, `MID ${mid} goes without the header of the message that it is about: ${why}`);
  }

  sendBody(transfer: Transfer): void {
    const { body, envelope } = transfer;
    // Whole lines, none of which begins with a dot.
    const { head } = envelope;
    if (body instanceof Uint8Array) {
      const stuffing = new DotStuffing();
      this.#link.together(() => {
        if (head !== undefined) this.#link.write(head);
        this.#link.write(stuffing.push(body));
        this.#link.write(stuffing.end());
        this.#client.bodySent();
        this.#follow();
      });
      this.#sentAt = performance.now();
      return;
    }
    if (head !== undefined) this.#link.write(head);
    const sender = new BodySender(this.#link, this);
    this.#sender = sender;
    if (body.kept !== undefined) sender.sendPieces(body.kept);
    else if (transfer.file !== null) sender.sendFile(transfer.file);
  }

  delivered(transfer: Transfer, rids: readonly number[], reply: Reply): void {
    transfer.delivered.push({ rids, reply });
    this.#prompt = performance.now() - this.#sentAt < promptly;
    const { log } = this.#context.host;
    const { mid } = transfer.task;
    const list = rids.length === 1 ? String(rids[0]) : rids.join(', ');
    log.record(events.deliveryDone, this.settings.dcid, mid, list);
    log.record(events.deliveryResponse, mid, list, replyText(reply));
  }

  settled(transfer: Transfer, failures: readonly RecipientFailure[]): void {
    this.#release(transfer);
    this.#owner.settled(this, transfer, failures);
  }

  unsent(transfer: Transfer, failure: Failure): void {
    this.#release(transfer);
    this.#owner.unsent(this, transfer, failure);
  }

  ended(end: ClientEnd): void {
    this.#deadline = Number.POSITIVE_INFINITY;
    this.#sender?.stop();
    // RFC 5321 4.1.1.10: QUIT also where the server is only told that we leave.
    if (leftInOrder.has(end.kind)) this.#link.write('QUIT\r\n');
    if (end.kind === 'protocol') this.#link.destroy();
    else this.#link.close();
    const opened = this.#opened;
    this.#opened = null;
    const failure = opened === null ? null : this.#openFailure(end);
    this.#context.host.log.record(events.outgoingClose, this.settings.dcid);
    const transfer = this.#transfer;
    if (transfer !== null) {
      // The client did not have it yet: its file was being opened.
      this.#release(transfer);
      this.#owner.unsent(this, transfer, end.failure);
    }
    if (opened !== null) opened(failure);
    else this.#owner.closed(this);
  }

  /**
   * Where more waits than there are connections, the commands of the next message go out with this one: one write and one
   * read a message instead of two (measured: a third less processor time). Not behind a slow server: it would wait longer there.
   */
  #follow(): void {
    if (!this.#prompt || this.#retired || this.#messages >= this.#most) return;
    this.#owner.offer(this, (transfer) => {
      transfer.fit(this.#client.extensions.requireTls);
      if (!(transfer.body instanceof Uint8Array) || !this.#client.follow(transfer)) return false;
      this.#following = transfer;
      this.#messages++;
      return true;
    });
  }

  get #most(): number {
    const { mostMessages } = this.#client.extensions;
    return mostMessages > 0 ? Math.min(mostMessages, this.settings.messages) : this.settings.messages;
  }

  #release(transfer: Transfer): void {
    if (this.#following === transfer) this.#following = null;
    else {
      this.#transfer = this.#following;
      this.#following = null;
    }
    transfer.file?.close();
    transfer.file = null;
  }

  #quit(): void {
    this.#owner.leaving(this);
    this.#client.quit();
    this.#arm();
  }

  /** Logs why the connection never got ready. */
  #openFailure(end: ClientEnd): OpenFailure {
    const failure = openFailure(this.#context.host.log, this.settings, {
      end,
      handshake: this.#handshakeFailure,
      resuming: this.#resuming,
      rejected: this.#verdict?.ok === false ? this.#verdict : null,
      localAddress: this.#link.localAddress,
    });
    // It is dialled once more: nothing is decided yet.
    if (failure.next === 'legacy' || failure.next === 'afresh') return failure;
    if (failure.tls !== null) this.#recordSecurity('failed', failure.tls);
    if (end.kind === 'no-requiretls') this.#recordSession(this.#verdict?.problem ?? null);
    else if (failure.problem !== null) this.#recordSession(failure.problem);
    return failure;
  }

  #recordSecurity(got: string, detail: string): void {
    const { dcid, domain, policy } = this.settings;
    this.#context.host.log.record(events.outgoingSecurity, dcid, domain, policy.wanted, got, detail);
  }

  #recordSession(problem: TlsProblem | null): void {
    const { policy, target } = this.settings;
    const { localAddress } = this.#link;
    recordSession(this.#context.host.log, policy, problem, { target, localAddress, helo: this.#client.serverName });
  }

  #arm(): void {
    const { timeouts } = this.#context.host.snapshot();
    this.#deadline = this.#context.now + timeoutOf(this.#client.waiting, timeouts);
  }
}

/** Ends at which the server waits for a command. */
const leftInOrder: ReadonlySet<ClientEnd['kind']> = new Set([
  'greeting',
  'ehlo',
  'tls-required',
  'tls-later',
  'no-requiretls',
]);

type Timeouts = ReturnType<DeliveryHost['snapshot']>['timeouts'];

function timeoutOf(waiting: Client<Transfer>['waiting'], timeouts: Timeouts): number {
  switch (waiting) {
    case 'envelope':
    case 'ehlo':
    case 'starttls':
      return timeouts.mail;
    case 'data':
      return timeouts.dataInitiation;
    case 'body':
      return timeouts.dataBlock;
    case 'dot':
      return timeouts.dataTermination;
    case 'idle':
      return timeouts.idle;
    case 'greeting':
      return timeouts.greeting;
    case 'quit':
      return timeouts.quit;
    default:
      // tls: the handshake has a deadline of its own.
      return Number.POSITIVE_INFINITY;
  }
}
