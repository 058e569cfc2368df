// The MTA-STS policies of our own domains, served over HTTPS (RFC 8461 3.3): one file a domain, nothing else.
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
import { defaultCiphers } from '../config/schema.ts';
import type { Snapshot } from '../config/snapshot.ts';
import { messageOf, PosternError } from '../errors.ts';
import { type EventSink, systemNotice, systemWarning } from '../ledger/events.ts';
import { clientKey, plainAddress } from '../smtp/access.ts';
import { compileServerTls } from '../tls/contexts.ts';
import { policyFile, policyHost, policyPath, stsRecords } from '../tls/mta-sts.ts';

interface Site {
  readonly context: SecureContext;
  readonly file: string;
}

/** What is in force, or will be. */
interface Setting {
  readonly sites: ReadonlyMap<string, Site>;
  readonly server: Server | null;
  /** `address port`. */
  readonly place: string;
  /** Connections at a time, in all and from one client. */
  readonly most: { readonly all: number; readonly perClient: number };
  readonly told: readonly string[];
  readonly warnings: readonly string[];
}

/** A policy is fetched rarely and in one packet: strangers need no more. */
const patience = 10_000;
const mostHeader = 8 * 1024;

const nothing: Setting = {
  sites: new Map(),
  server: null,
  place: '',
  most: { all: 0, perClient: 0 },
  told: [],
  warnings: [],
};

export class PolicyHosting {
  readonly #log: EventSink;
  #running = nothing;
  /** Open connections of each client that has any. */
  readonly #clients = new Map<string, number>();
  #open = 0;
  #next: Setting | null = null;

  constructor(log: EventSink) {
    this.#log = log;
  }

  /** Binds what is new. Throws `bad-certificate`, `in-use` or `bad-configuration`; nothing is bound then. */
  async prepare({ mtaSts, certificates, limits }: Snapshot): Promise<void> {
    const sites = new Map<string, Site>();
    const told: string[] = [];
    const warnings: string[] = [];
    for (const hosted of mtaSts.domains) {
      const host = policyHost(hosted.domain);
      const certificate = certificates.find(({ name }) => name === hosted.certificate);
      // The rules have seen that it is there.
      if (certificate === undefined) continue;
      const { modern } = compileServerTls({ versions: ['TLSv1.2', 'TLSv1.3'], ciphers: defaultCiphers }, certificate);
      sites.set(host, { context: modern, file: policyFile(hosted.policy) });
      const [record] = stsRecords(hosted);
      told.push(
        `MTA-STS policy of ${hosted.domain} is served (${hosted.policy.mode}); DNS: ${record?.name} TXT "${record?.value}"`,
      );
      if (!certificate.pairs.some(({ cert }) => isFor(cert, host))) {
        warnings.push(
          `MTA-STS: certificate "${hosted.certificate}" is not for ${host}: no sender will take the policy`,
        );
      }
    }
    const place = sites.size === 0 ? '' : `${mtaSts.address} ${mtaSts.port}`;
    const same = place === this.#running.place;
    const server = same ? this.#running.server : place === '' ? null : await this.#listen(mtaSts);
    const most = { all: limits.mtaStsConnections, perClient: limits.mtaStsConnectionsPerClient };
    this.#next = { sites, server, place, most, told, warnings };
  }

  activate(): void {
    const next = this.#next;
    if (next === null) return;
    const before = this.#running;
    this.#running = next;
    this.#next = null;
    if (before.server !== null && before.server !== next.server) before.server.close();
    for (const line of next.told) if (!before.told.includes(line)) this.#log.record(systemNotice, line);
    for (const line of next.warnings) if (!before.warnings.includes(line)) this.#log.record(systemWarning, line);
  }

  abandon(): void {
    if (this.#next !== null && this.#next.server !== this.#running.server) this.#next.server?.close();
    this.#next = null;
  }

  stop(): void {
    this.#running.server?.close();
    this.#running.server?.closeAllConnections();
    this.#running = nothing;
  }

  async #listen({ address, port }: Snapshot['mtaSts']): Promise<Server> {
    const server = createServer(
      {
        SNICallback: (name, done) => {
          const site = this.#running.sites.get(name.toLowerCase());
          if (site === undefined) done(new Error('no policy of this name'));
          else done(null, site.context);
        },
        minVersion: 'TLSv1.2',
        maxHeaderSize: mostHeader,
        headersTimeout: patience,
        requestTimeout: patience,
        handshakeTimeout: patience,
        keepAliveTimeout: 1000,
        connectionsCheckingInterval: 1000,
      },
      (request, response) => this.#answer(request, response),
    );
    server.on('connection', (socket) => this.#count(socket));
    server.maxRequestsPerSocket = 10;
    // Scanners and clients of other names: nothing to tell.
    server.on('tlsClientError', () => undefined);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen({ host: address, port }, resolve);
    try {
      await promise;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      throw new PosternError(
        code === 'EADDRINUSE' ? 'in-use' : 'bad-configuration',
        `MTA-STS policies (mtaSts.port): ${address} port ${port}: ${messageOf(error)}`,
        {
          remedy: 'choose an address of this machine and a port that is free and that the service may bind',
          cause: error,
        },
      );
    }
    server.off('error', reject);
    // What can still go wrong is one accept.
    server.on('error', () => undefined);
    return server;
  }

  /** Closes what is one too many; before its handshake, which costs us the most. */
  #count(socket: Socket): void {
    const client = clientKey(plainAddress(socket.remoteAddress ?? ''));
    const own = this.#clients.get(client) ?? 0;
    const { all, perClient } = this.#running.most;
    if (this.#open >= all || own >= perClient) {
      socket.destroy();
      return;
    }
    this.#open++;
    this.#clients.set(client, own + 1);
    socket.once('close', () => {
      this.#open--;
      const left = (this.#clients.get(client) ?? 1) - 1;
      if (left > 0) this.#clients.set(client, left);
      else this.#clients.delete(client);
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const say = (status: number, text: string, headers: Readonly<Record<string, string>> = {}) => {
      const body = Buffer.from(text);
      response.writeHead(status, {
        'Content-Type': 'text/plain; charset=utf-8',
        'Content-Length': body.length,
        'X-Content-Type-Options': 'nosniff',
        ...headers,
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const host = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
    const { socket } = request;
    const shown = socket instanceof TLSSocket ? socket.servername : '';
    const site = this.#running.sites.get(host);
    if (request.method !== 'GET' && request.method !== 'HEAD') say(405, 'GET\n', { Allow: 'GET, HEAD' });
    // RFC 9110 15.5.20: the certificate was another name's.
    else if (site === undefined || host !== String(shown).toLowerCase()) say(421, 'another name\n');
    else if (request.url !== policyPath) say(404, 'not here\n');
    else say(200, site.file, { 'Cache-Control': 'no-store' });
  }
}

function isFor(cert: string, host: string): boolean {
  return new X509Certificate(cert).checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined;
}
