// From a destination's key to a connection that is ready: route, then host by host, with the one retry for old TLS.
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { messageOf } from '../errors.ts';
import * as events from '../ledger/events.ts';
import { dial, unknownAddress } from '../smtp/dial.ts';
import { type Failure, ourFailure } from '../smtp/failure.ts';
import { systemErrorDetail } from '../tls/errors.ts';
import type { TlsPolicy } from '../tls/policy.ts';
import { refusalProblem } from '../tls/tls-report.ts';
import { Connection, type ConnectionOwner, type ConnectionSettings, type DeliveryContext } from './connection.ts';
import { type OpenFailure, tlsFailure } from './open-failure.ts';
import { leadsToUs } from './own-address.ts';
import { type RouteHost, resolveRoute } from './route.ts';
import type { DestinationSides } from './sides.ts';
import { recordSession } from './tls-results.ts';

export interface OpeningSettings {
  readonly destination: string;
  /** For the log: the recipients' domain. */
  readonly domain: string;
  readonly tls: DestinationSides;
  readonly stamp: string;
  /** Messages on one connection. */
  readonly messages: number;
}

export interface OpeningResult {
  /** Why there is no connection; null: the owner has it by `idle`. */
  readonly failure: Failure | null;
  /** The last connection tried, 0: none. */
  readonly dcid: number;
  /** TLS was the cause: other settings may help. */
  readonly tls: boolean;
  /** Name or address of the host that was tried last, or empty. */
  readonly host: string;
}

/** Which addresses failed lately and stand behind the others for a while. */
export interface AddressMemory {
  failed(host: RouteHost): boolean;
  remember(host: RouteHost): void;
}

export class Opening {
  readonly #context: DeliveryContext;
  readonly #owner: ConnectionOwner;
  readonly #settings: OpeningSettings;
  readonly #memory: AddressMemory;
  readonly #done: (result: OpeningResult) => void;
  #over = false;
  #hangUp: (() => void) | null = null;
  #connection: Connection | null = null;
  #hosts: readonly RouteHost[] = [];
  #nextHops: readonly string[] = [];
  #next = 0;
  #dcid = 0;
  /** What failed for now at one host; the message waits for that host whatever another one cannot do. */
  #passing: Failure | null = null;

  /** `done` is called once, later, unless `cancel` comes first. */
  constructor(
    context: DeliveryContext,
    owner: ConnectionOwner,
    settings: OpeningSettings,
    memory: AddressMemory,
    done: (result: OpeningResult) => void,
  ) {
    this.#context = context;
    this.#owner = owner;
    this.#settings = settings;
    this.#memory = memory;
    this.#done = done;
  }

  start(): void {
    const { host } = this.#context;
    this.#settings.tls.prepare(host);
    resolveRoute(this.#settings.destination, host.snapshot(), host.resolver, leadsToUs(host)).then(
      (route) => {
        if (this.#over) return;
        if (route.kind === 'failed') {
          this.#finish(route.failure, false, '');
          return;
        }
        this.#nextHops = route.nextHops;
        const fresh = route.hosts.filter((one) => !this.#memory.failed(one));
        this.#hosts = [...fresh, ...route.hosts.filter((one) => this.#memory.failed(one))];
        this.#tryNext(null, false);
      },
      (error: unknown) => {
        if (!this.#over) this.#finish(ourFailure('4.4.3', String(error)), false, '');
      },
    );
  }

  /** Gives up; `done` is not called. */
  cancel(): void {
    this.#over = true;
    this.#hangUp?.();
  }

  /** Called once a second. */
  tick(now: number): void {
    this.#connection?.tick(now);
  }

  #finish(failure: Failure | null, tls: boolean, host: string): void {
    this.#over = true;
    this.#done({ failure, dcid: this.#dcid, tls, host });
  }

  #tryNext(last: Failure | null, tls: boolean): void {
    const target = this.#hosts[this.#next++];
    if (last?.permanent === false) this.#passing = last;
    if (target === undefined) {
      const failure = last ?? ourFailure('4.4.4', 'no usable address');
      this.#finish(failure.code === 0 ? (this.#passing ?? failure) : failure, tls, this.#hosts.at(-1)?.host ?? '');
      return;
    }
    const destination = this.#settings.tls.of(target.address, this.#context.tls);
    const policy = destination.policy(target, this.#nextHops, this.#context.host);
    if (!(policy instanceof Promise)) {
      this.#approach(target, policy);
      return;
    }
    policy.then(
      (found) => {
        if (!this.#over) this.#approach(target, found);
      },
      (error: unknown) => {
        if (!this.#over) this.#tryNext(ourFailure('4.4.3', messageOf(error)), false);
      },
    );
  }

  #approach(target: RouteHost, policy: TlsPolicy): void {
    const { host, tls } = this.#context;
    if (policy.refusal === null) {
      const legacy = policy.level !== 'authenticated' && tls.of(target.address).needsLegacy(target.host, Date.now());
      this.#try(target, policy, { legacy, resume: true });
      return;
    }
    const { domain } = this.#settings;
    host.log.record(events.outgoingHostRefused, domain, target.host, policy.wanted, policy.refusal);
    // For good: the domain has no such thing, and nobody is in the way.
    if (policy.refusalStatus.startsWith('4')) this.#alert(target, policy, policy.refusal);
    const problem = refusalProblem(policy);
    if (problem !== null) {
      findLocalAddress(target, (localAddress) =>
        recordSession(host.log, policy, problem, { target, localAddress, helo: '' }),
      );
    }
    // Its addresses have the same policy, unless a roll-out tells them apart.
    const former = tls.isFormer(target.address);
    for (;;) {
      const other = this.#hosts[this.#next];
      if (other?.host !== target.host || tls.isFormer(other.address) !== former) break;
      this.#next++;
    }
    this.#tryNext(tlsFailure(policy, policy.refusalStatus, policy.refusal, 'refused', target.host), true);
  }

  #alert({ host }: RouteHost, { wanted }: TlsPolicy, reason: string): void {
    this.#context.host.alert({ domain: this.#settings.domain, host, wanted, reason });
  }

  #try(target: RouteHost, policy: TlsPolicy, how: Pick<ConnectionSettings, 'legacy' | 'resume'>): void {
    const { host } = this.#context;
    const dcid = host.nextDcid();
    this.#dcid = dcid;
    this.#hangUp = dial(target, host.snapshot().timeouts.connect, {
      connected: (socket) => {
        const { tls, domain, stamp, messages } = this.#settings;
        const { tls: sides } = this.#context;
        const client = tls.of(target.address, sides).client(policy, sides.of(target.address));
        const settings = { dcid, target, policy, tls: client, ...how, domain, stamp, messages };
        const connection = new Connection(this.#context, this.#owner, settings, socket, (failure) => {
          if (this.#over) return;
          if (failure === null) this.#finish(null, false, target.host);
          else this.#failed(target, policy, how.legacy, failure);
        });
        this.#connection = connection;
        this.#hangUp = () => connection.abort('shutting down');
      },
      failed: (error) => {
        this.#memory.remember(target);
        const detail = systemErrorDetail(error) ?? error.message;
        findLocalAddress(target, (local) => {
          if (this.#over) return;
          host.log.record(
            events.connectionError,
            dcid,
            this.#settings.domain,
            target.address,
            target.port,
            detail,
            local,
            'network error',
          );
          this.#tryNext(ourFailure('4.4.1', detail), false);
        });
      },
    });
  }

  #failed(target: RouteHost, policy: TlsPolicy, legacy: boolean, opened: OpenFailure): void {
    const { failure, next, tls: cause } = opened;
    const { tls, host } = this.#context;
    if (next === 'afresh') {
      const text = `DCID ${this.#dcid} ${target.host} does not go on with an earlier TLS session: it is dialled again without one`;
      host.log.record(events.mailNotice, text);
      this.#try(target, policy, { legacy, resume: false });
      return;
    }
    if (next === 'legacy') {
      tls.of(target.address).rememberLegacy(target.host, Date.now());
      host.log.record(
        events.mailNotice,
        `DCID ${this.#dcid} ${target.host} takes no TLS version from 1.2 on: older versions are tried on a new connection, and for 24 hours`,
      );
      this.#try(target, policy, { legacy: true, resume: false });
      return;
    }
    if (next === 'clear') {
      if (legacy) tls.of(target.address).forgetLegacy(target.host);
      host.log.record(
        events.mailNotice,
        `DCID ${this.#dcid} TLS with ${target.host} fails, and the message says TLS-Required: No: it goes on without`,
      );
      this.#try(target, { ...policy, starttls: false }, { legacy: false, resume: false });
      return;
    }
    if (cause !== null && opened.alert) this.#alert(target, policy, cause);
    // What was remembered did not help: the next connection begins anew.
    if (legacy) tls.of(target.address).forgetLegacy(target.host);
    this.#memory.remember(target);
    if (next === 'host') this.#tryNext(failure, cause !== null);
    else this.#finish(failure, true, target.host);
  }
}

/** The system does not say which address of ours a refused connection had; connecting a datagram socket sends nothing and tells. */
function findLocalAddress(target: RouteHost, done: (local: string) => void): void {
  const socket = createSocket(isIPv6(target.address) ? 'udp6' : 'udp4');
  let over = false;
  const finish = (local: string) => {
    if (over) return;
    over = true;
    socket.close();
    done(local);
  };
  socket.on('error', () => finish(unknownAddress(target.address)));
  socket.connect(target.port, target.address, () => finish(socket.address().address));
}
