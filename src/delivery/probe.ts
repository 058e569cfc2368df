// One connection like that of a delivery, up to the second EHLO and without mail: what was seen of TLS on it.
import type net from 'node:net';
import type { Snapshot } from '../config/snapshot.ts';
import { Client } from '../smtp/client.ts';
import type { ClientEnd, ClientOwner } from '../smtp/client-owner.ts';
import { dial, Link, type LinkOwner } from '../smtp/dial.ts';
import type { OutgoingMessage } from '../smtp/outgoing.ts';
import { type Reply, replyText } from '../smtp/reply.ts';
import type { ConnectedTls, ConnectFailure } from '../tls/connect.ts';
import type { ClientTls } from '../tls/contexts.ts';
import { sentChain } from '../tls/dane-match.ts';
import { systemErrorDetail } from '../tls/errors.ts';
import { describeCertificate } from '../tls/peer-certificate.ts';
import { checkPeer, type PeerVerdict } from '../tls/peer-check.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import type { RouteHost } from './route.ts';

/** ms for one connection in all. */
const longestProbe = 30_000;

/** What a handshake showed; kept as values, the connection is gone by then. */
export interface Seen {
  readonly protocol: string;
  readonly cipher: string;
  readonly group: string;
  /** As if the policy compared something in any case. */
  readonly verdict: PeerVerdict;
  readonly certificate: string;
  /** Of the certificate. */
  readonly names: string;
  readonly chain: readonly string[];
}

export interface ProbeResult {
  /** Our address; null: nobody answered. */
  readonly local: string | null;
  readonly seen: Seen | null;
  /** The handshake had begun. */
  readonly shaken: boolean;
  readonly failure: string | null;
  readonly explanation: string | null;
  /** As a delivery, dial once more for the old versions. */
  readonly retryLegacy: boolean;
}

export interface ProbeSettings {
  readonly target: RouteHost;
  readonly policy: TlsPolicy;
  readonly tls: ClientTls;
  readonly snapshot: Snapshot;
  /** Ends it at once. */
  readonly signal: AbortSignal;
}

/** With the second connection that a delivery makes where a server has only old versions, and they are allowed. Never rejects. */
export async function runProbe(settings: ProbeSettings): Promise<ProbeResult> {
  const first = await probeOnce(settings, false);
  if (!first.retryLegacy || settings.policy.level === 'authenticated') return first;
  return probeOnce(settings, true);
}

function probeOnce(settings: ProbeSettings, legacy: boolean): Promise<ProbeResult> {
  const { target, snapshot, signal } = settings;
  if (signal.aborted) return Promise.resolve(unreached('broken off'));
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const finish = (result: ProbeResult): void => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    resolve(result);
  };
  let probe: Probe | null = null;
  const hangUp = dial(target, snapshot.timeouts.connect, {
    connected: (socket) => {
      probe = new Probe(socket, settings, legacy, finish);
    },
    failed: (error) => finish(unreached(systemErrorDetail(error) ?? error.message)),
  });
  const stop = (reason: string): void => {
    hangUp();
    if (probe === null) finish(unreached(reason));
    else probe.giveUp(reason);
  };
  const onAbort = () => stop('broken off');
  signal.addEventListener('abort', onAbort);
  const timer = setTimeout(() => stop('timeout'), longestProbe);
  return promise;
}

function unreached(failure: string): ProbeResult {
  return { local: null, seen: null, shaken: false, failure, explanation: null, retryLegacy: false };
}

/** One connection: EHLO, STARTTLS, EHLO, QUIT. */
class Probe implements ClientOwner<OutgoingMessage>, LinkOwner {
  readonly #client: Client<OutgoingMessage>;
  readonly #link: Link;
  readonly #settings: ProbeSettings;
  readonly #legacy: boolean;
  readonly #done: (result: ProbeResult) => void;
  #seen: Seen | null = null;
  #shaken = false;
  #retryLegacy = false;
  #failure: string | null = null;
  #explanation: string | null = null;
  /** EHLO in TLS was answered: all is known. Some servers hang up at QUIT. */
  #answered = false;
  #over = false;

  constructor(socket: net.Socket, settings: ProbeSettings, legacy: boolean, done: (result: ProbeResult) => void) {
    this.#settings = settings;
    this.#legacy = legacy;
    this.#done = done;
    this.#client = new Client<OutgoingMessage>(this, settings.snapshot.hostname, 'required');
    this.#link = new Link(socket, settings.target, this);
  }

  giveUp(reason: string): void {
    this.#client.lost(reason);
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
    const { policy, tls, snapshot } = this.#settings;
    this.#shaken = true;
    const sni = policy.sni === null ? {} : { servername: policy.sni };
    this.#link.startTls(
      tls,
      { legacy: this.#legacy, timeout: snapshot.timeouts.handshake, ...sni },
      {
        secure: (info) => {
          this.#seen = seenOf(info, policy);
          this.#client.secured();
        },
        failed: ({ detail, explanation, retryLegacy }: ConnectFailure) => {
          this.#retryLegacy = retryLegacy;
          this.#failure = detail;
          this.#explanation = explanation;
          this.#client.lost(detail);
        },
      },
    );
  }

  tlsRefused(reply: Reply): void {
    this.#failure = `STARTTLS was refused: ${reply.code} ${replyText(reply)}`;
  }

  ready(): void {
    this.#answered = true;
    this.#client.quit();
  }

  started(): void {
    // Nothing is delivered.
  }

  sendBody(): void {
    // Nothing is delivered.
  }

  delivered(): void {
    // Nothing is delivered.
  }

  settled(): void {
    // Nothing is delivered.
  }

  unsent(): void {
    // Nothing is delivered.
  }

  ended(end: ClientEnd): void {
    if (this.#over) return;
    this.#over = true;
    this.#link.close();
    const reason = this.#failure ?? end.failure.text;
    // It asks for TLS in any case; the destination may not.
    const failure = this.#settings.policy.level === 'none' ? reason.replace(/^TLS is required, but /, '') : reason;
    this.#done({
      local: this.#link.localAddress,
      seen: this.#seen,
      shaken: this.#shaken,
      failure: this.#answered ? null : failure,
      explanation: this.#explanation,
      retryLegacy: this.#retryLegacy,
    });
  }
}

function seenOf(info: ConnectedTls, policy: TlsPolicy): Seen {
  const compared: TlsPolicy = policy.check === 'none' ? { ...policy, check: 'pkix', names: namesOf(policy) } : policy;
  const leaf = info.peer();
  const report = info.certificate();
  return {
    protocol: info.protocol,
    cipher: info.cipher,
    group: info.group() ?? 'none',
    verdict: checkPeer(compared, info),
    certificate: describeCertificate(report),
    names: report?.names ?? '',
    chain: leaf === undefined ? [] : sentChain(leaf).map((one) => one.subject.replaceAll('\n', ', ')),
  };
}

function namesOf({ sni }: TlsPolicy): readonly string[] {
  return sni === null ? [] : [sni];
}
