// The web service as the gateway sees it: prepared and activated with each commit, stopped at the end.
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { formerSnapshot } from '../../config/former.ts';
import { Share } from '../../config/share.ts';
import type { Snapshot } from '../../config/snapshot.ts';
import { plainAddress } from '../../smtp/access.ts';
import { compileServerTls } from '../../tls/contexts.ts';
import { isPubliclyValid } from '../../tls/public-certificate.ts';
import { apiRoutes } from '../api/register.ts';
import type { Client } from '../api/route.ts';
import { sessionSecret, WebGuard } from '../auth/guard.ts';
import type { Actor, AdminHost } from '../host.ts';
import { webCertificate } from '../lock-out.ts';
import { createApp, type Routes } from './app.ts';
import { Assets } from './assets.ts';
import { Connections, type InForce } from './connections.ts';
import { EventStreams } from './event-stream.ts';
import { healthRoutes } from './health.ts';
import { metricsRoutes } from './metrics.ts';
import { Ports, type PreparedPorts } from './ports.ts';
import { HttpServers } from './servers.ts';
import { tlsReportRoutes } from './tls-reports.ts';

export interface WebServiceOptions {
  readonly host: AdminHost;
  /** Under which it starts; `prepare` and `activate` follow. */
  readonly snapshot: Snapshot;
  /** The directory of the built UI. */
  readonly assets: string;
  /** More of them. */
  readonly routes?: readonly Routes[];
}

interface Prepared {
  readonly ports: PreparedPorts;
  readonly inForce: InForce;
}

const pollInterval = 50;

export class WebService {
  readonly #servers: HttpServers;
  /** For clients outside the share of a roll-out. */
  readonly #formerServers: HttpServers;
  readonly #connections: Connections;
  readonly #ports: Ports;
  readonly #streams: EventStreams;
  #inForce: InForce | null = null;
  #prepared: Prepared | null = null;
  #stopped: Promise<void> | null = null;

  static async create(options: WebServiceOptions): Promise<WebService> {
    const service = new WebService(options);
    const { host } = options;
    const guard = new WebGuard(host.people);
    const gauges = () => ({ connections: service.#connections.count, streams: service.#streams.count });
    const routes: readonly Routes[] = [
      healthRoutes,
      tlsReportRoutes,
      metricsRoutes(guard, gauges),
      apiRoutes,
      ...(options.routes ?? []),
    ];
    await createApp({
      host,
      streams: service.#streams,
      guard,
      peer: (request) => ({
        address: plainAddress(request.raw.socket.remoteAddress ?? ''),
        ...service.#connections.beginning(request.raw.socket),
      }),
      hsts: () => service.#inForce?.hsts ?? false,
      actor: actorOf,
      client: clientOf,
      retire: (request, reply) => {
        if (request.raw.httpVersionMajor < 2) reply.header('connection', 'close');
        else service.#connections.retire(request.raw.socket);
      },
      assets: Assets.load(options.assets),
      routes,
      servers: [...service.#servers.all, ...service.#formerServers.all],
    });
    return service;
  }

  private constructor({ host, snapshot }: WebServiceOptions) {
    this.#servers = new HttpServers(snapshot);
    this.#formerServers = new HttpServers(snapshot);
    this.#connections = new Connections([this.#servers, this.#formerServers], host.log, () => this.#inForce);
    this.#ports = new Ports((socket) => this.#connections.take(socket));
    this.#streams = new EventStreams((caller) => host.people.isValid(caller));
    host.people.onEnd((id) => this.#streams.endOf(id));
  }

  /** Compiles contexts and binds new ports; nothing takes effect before `activate`. Throws why it cannot be. */
  async prepare(snapshot: Snapshot): Promise<void> {
    this.abandon();
    const certificate = webCertificate(snapshot);
    const usual = { servers: this.#servers, tls: compileServerTls(snapshot.tls.gui, certificate) };
    const hsts = snapshot.gui.hsts && isPubliclyValid(certificate);
    const ports = await this.#ports.prepare(snapshot.gui);
    this.#prepared = { ports, inForce: { snapshot, usual, former: this.#former(snapshot), hsts } };
  }

  #former(snapshot: Snapshot): InForce['former'] {
    const { rollOut } = snapshot;
    const former = formerSnapshot(snapshot);
    if (rollOut === null || former === null || !rollOut.services.includes('gui')) return null;
    const tls = compileServerTls(former.tls.gui, webCertificate(former));
    return { share: new Share(rollOut), servers: this.#formerServers, tls };
  }

  /** What was prepared is in force: for every handshake that begins from now on. */
  activate(): void {
    const prepared = this.#prepared;
    if (prepared === null) return;
    this.#prepared = null;
    const { snapshot, usual, former } = prepared.inForce;
    this.#servers.use(usual.tls, snapshot);
    this.#formerServers.use((former ?? usual).tls, snapshot);
    this.#inForce = prepared.inForce;
    prepared.ports.activate();
  }

  abandon(): void {
    this.#prepared?.ports.abandon();
    this.#prepared = null;
  }

  /** Takes no more connections, ends event streams at once, and gives requests in flight `grace` ms. */
  stop(grace: number): Promise<void> {
    this.#stopped ??= this.#end(grace);
    return this.#stopped;
  }

  async #end(grace: number): Promise<void> {
    const end = Date.now() + grace;
    this.abandon();
    this.#ports.close();
    this.#streams.stop();
    while (this.#connections.count > 0 && Date.now() < end) {
      this.#connections.drain();
      await sleep(pollInterval);
    }
    this.#connections.destroy();
  }
}

function actorOf({ caller, peer }: FastifyRequest): Actor {
  // A public route changes nothing in anybody's name.
  if (caller === null) return { user: '', role: 'auditor', face: 'API', ...peer };
  const { user, role, kind } = caller;
  return { user, role, face: kind === 'session' ? 'UI' : 'API', ...peer };
}

function clientOf(request: FastifyRequest): Client {
  return { ...request.peer, cookie: sessionSecret(request), credential: request.caller };
}
