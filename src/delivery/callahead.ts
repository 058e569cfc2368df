// Asks the route whether an address exists before its mail is taken (`recipients.callAhead`).
import type net from 'node:net';
import { ExpiringMap } from '../dns/cache.ts';
import * as events from '../ledger/events.ts';
import { Client } from '../smtp/client.ts';
import type { ClientEnd, ClientOwner } from '../smtp/client-owner.ts';
import { dial, Link, type LinkOwner } from '../smtp/dial.ts';
import { type Failure, ourFailure, type RecipientFailure } from '../smtp/failure.ts';
import type { RecipientAnswer } from '../smtp/host.ts';
import type { OutgoingMessage } from '../smtp/outgoing.ts';
import type { ClientTls } from '../tls/contexts.ts';
import { systemErrorDetail } from '../tls/errors.ts';
import { checkPeer } from '../tls/peer-check.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import type { DeliveryHost } from './host.ts';
import { clientLevel } from './host-policy.ts';
import type { OutboundTls } from './outbound-tls.ts';
import { leadsToUs } from './own-address.ts';
import { destinationOf, type RouteHost, resolveRoute } from './route.ts';
import { DestinationSides, TlsSides } from './sides.ts';

const mostAnswers = 100_000;
/** Questions under way; beyond it the answer is `try-later`. */
const mostAsking = 100;
const mostHosts = 3;

export class CallAhead {
  readonly #host: DeliveryHost;
  readonly #tls: TlsSides;
  readonly #answers = new ExpiringMap<RecipientAnswer>(mostAnswers);
  readonly #asking = new Map<string, Promise<RecipientAnswer>>();

  constructor(host: DeliveryHost) {
    this.#host = host;
    this.#tls = new TlsSides(host.snapshot());
  }

  /** `address`: `local@domain`. At once where the answer is known; never rejects; within `timeouts.callAhead`. */
  ask(address: string): RecipientAnswer | Promise<RecipientAnswer> {
    const at = address.lastIndexOf('@');
    const local = address.slice(0, at < 0 ? address.length : at);
    // RFC 5321 4.5.1: postmaster always exists.
    if (local.toLowerCase() === 'postmaster') return 'exists';
    // RFC 5321 2.4: whether the local part has cases is known to its host only.
    const key = `${local}@${address.slice(at + 1).toLowerCase()}`;
    const known = this.#answers.get(key, performance.now());
    if (known !== undefined) return known;
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    if (this.#asking.size >= mostAsking) return 'try-later';
    const answer = this.#find(address).then((found) => {
      this.#asking.delete(key);
      const { cache } = this.#host.snapshot().recipients;
      const kept = found === 'exists' ? cache : found === 'unknown' ? cache / 4 : 0;
      if (kept > 0) this.#answers.set(key, found, performance.now() + kept);
      return found;
    });
    this.#asking.set(key, answer);
    return answer;
  }

  async #find(address: string): Promise<RecipientAnswer> {
    const snapshot = this.#host.snapshot();
    this.#tls.update(snapshot);
    const deadline = performance.now() + snapshot.timeouts.callAhead;
    const domain = address.slice(address.lastIndexOf('@') + 1);
    const key = destinationOf(domain, snapshot);
    const sides = new DestinationSides(key, snapshot);
    const route = await resolveRoute(key, snapshot, this.#host.resolver, leadsToUs(this.#host));
    // A domain that we take mail for and cannot find is our mistake, not the sender's.
    let failure: Failure = route.kind === 'failed' ? route.failure : ourFailure('4.4.1', 'no host');
    for (const target of route.kind === 'failed' ? [] : route.hosts.slice(0, mostHosts)) {
      const left = deadline - performance.now();
      if (left <= 0) break;
      const nextHops = route.kind === 'failed' ? [] : route.nextHops;
      const destination = sides.of(target.address, this.#tls);
      const policy = await destination.policy(target, nextHops, this.#host);
      if (policy.refusal !== null) {
        failure = ourFailure(policy.refusalStatus, policy.refusal);
        continue;
      }
      const approach = { target, policy, tls: destination.client(policy, this.#tls.of(target.address)) };
      failure = await this.#ask(address, approach, left);
      // Remembered by then: the second time the old versions are offered.
      if (failure === olderTls) {
        failure = await this.#ask(address, approach, Math.max(1, deadline - performance.now()));
      }
      if (failure === exists) return 'exists';
      // A full mailbox is one that exists.
      if (failure.permanent && !failure.status.endsWith('.2.2')) return 'unknown';
      // The host answered: another one would say nothing else.
      if (failure.code !== 0) break;
    }
    this.#host.log.record(
      events.mailNotice,
      `Call-ahead for the domain ${domain} failed: ${failure.code === 0 ? '' : `${failure.code} `}${failure.text}`,
    );
    return 'try-later';
  }

  #ask(address: string, approach: Approach, timeout: number): Promise<Failure> {
    const { promise, resolve: done } = Promise.withResolvers<Failure>();
    let question: Question | null = null;
    const hangUp = dial(approach.target, timeout, {
      connected: (socket) => {
        question = new Question(
          socket,
          approach,
          address,
          this.#host.snapshot().hostname,
          this.#tls.of(approach.target.address),
          finish,
        );
      },
      failed: (error) => finish(ourFailure('4.4.1', systemErrorDetail(error) ?? error.message)),
    });
    const timer = setTimeout(() => {
      hangUp();
      question?.giveUp();
      finish(ourFailure('4.4.2', 'timeout'));
    }, timeout);
    let over = false;
    function finish(failure: Failure): void {
      if (over) return;
      over = true;
      clearTimeout(timer);
      done(failure);
    }
    return promise;
  }
}

/** Stands for "no failure". */
const exists: Failure = { permanent: false, status: '2.1.5', code: 250, text: '' };

/** Stands for "once more, with the TLS versions below 1.2". */
const olderTls = ourFailure('4.7.5', 'TLS handshake failed: the host takes no version from 1.2 on');

/** Which host, and how. */
interface Approach {
  readonly target: RouteHost;
  readonly policy: TlsPolicy;
  readonly tls: ClientTls;
}

/** One connection that asks about one address: MAIL FROM:<>, RCPT TO, QUIT. */
class Question implements ClientOwner<OutgoingMessage>, LinkOwner {
  readonly #client: Client<OutgoingMessage>;
  readonly #link: Link;
  readonly #approach: Approach;
  readonly #tls: OutboundTls;
  readonly #message: OutgoingMessage;
  readonly #done: (failure: Failure) => void;
  #asked = false;

  constructor(
    socket: net.Socket,
    approach: Approach,
    address: string,
    hostname: string,
    tls: OutboundTls,
    done: (failure: Failure) => void,
  ) {
    this.#approach = approach;
    this.#tls = tls;
    this.#done = done;
    // The null sender (RFC 5321 4.5.5): a question must never cause a bounce or another question.
    const smtputf8 = /[^\x00-\x7f]/.test(address);
    this.#message = {
      envelope: { sender: '', recipients: [{ address }], ...(smtputf8 ? { smtputf8: true } : {}) },
      rids: [0],
      size: 0,
      probe: true,
      utf8Header: () => false,
    };
    this.#client = new Client<OutgoingMessage>(this, hostname, clientLevel(approach.policy));
    this.#link = new Link(socket, approach.target, this);
  }

  giveUp(): void {
    this.#client.lost('timeout');
  }

  data(chunk: Buffer): void {
    this.#client.feed(chunk);
  }

  drained(): void {
    // Nothing so long is written.
  }

  lost(error: Error | null): void {
    this.#client.lost(error === null ? 'connection lost' : (systemErrorDetail(error) ?? error.message));
  }

  write(commands: string): void {
    this.#link.write(commands);
  }

  startTls(): void {
    const { target, policy, tls } = this.#approach;
    const legacy = policy.level !== 'authenticated' && this.#tls.needsLegacy(target.host, Date.now());
    this.#link.startTls(
      tls,
      { legacy, timeout: 30_000, ...(policy.sni === null ? {} : { servername: policy.sni }) },
      {
        secure: (info) => {
          const verdict = checkPeer(policy, info);
          if (verdict.ok) this.#client.secured();
          else this.#client.lost(verdict.detail);
        },
        failed: (failure) => {
          if (failure.retryLegacy) {
            this.#tls.rememberLegacy(target.host, Date.now());
            this.#done(olderTls);
          }
          this.#client.lost(`TLS handshake failed: ${failure.detail}`);
        },
      },
    );
  }

  tlsRefused(): void {
    // At level `preferred` the question goes on in clear text.
  }

  ready(): void {
    if (this.#asked) {
      this.#client.quit();
      return;
    }
    this.#asked = true;
    this.#client.send(this.#message);
  }

  started(): void {
    // No line in the log: nothing is delivered.
  }

  sendBody(): void {
    // A probe has no DATA.
  }

  delivered(): void {
    // The reply to RCPT; `settled` follows.
  }

  settled(_message: OutgoingMessage, failures: readonly RecipientFailure[]): void {
    this.#done(failures[0] ?? exists);
  }

  unsent(_message: OutgoingMessage, failure: Failure): void {
    this.#done(failure);
  }

  ended(end: ClientEnd): void {
    this.#link.close();
    // The end of the connection decides nothing about the address.
    this.#done({ ...end.failure, permanent: false });
  }
}
