// The listeners of one mail worker and their TLS. A commit closes no listener that stays: closing one resets the connections
// that wait in its accept queue.
import { formerSnapshot } from '../config/former.ts';
import { Share } from '../config/share.ts';
import type { CertificateSettings, Snapshot } from '../config/snapshot.ts';
import { isLocalAddress } from '../delivery/own-address.ts';
import { PosternError } from '../errors.ts';
import { RangeTable } from '../smtp/access.ts';
import type { InboundHost } from '../smtp/host.ts';
import { inboundPolicy } from '../smtp/policy.ts';
import { createInboundServer, type InboundServer } from '../smtp/server.ts';
import type { Body } from '../spool/protocol.ts';
import { compileServerTls, type ServerTls } from '../tls/contexts.ts';
import type { PreparedSnapshot } from './thread.ts';

type Listener = Snapshot['listeners'][number];

/** What everybody gets, and what single clients get instead. */
interface ListenerTls {
  readonly tls: ServerTls;
  readonly exceptions: RangeTable<ServerTls>;
}

/** While a change is rolled out: what clients outside the share get. */
interface FormerTls {
  readonly share: Share;
  readonly tls: ReadonlyMap<string, ListenerTls>;
}

export class Listeners {
  readonly #host: InboundHost<Body>;
  /** By `address port`. */
  #servers = new Map<string, InboundServer>();
  /** By the listener's name. */
  #tls = new Map<string, ListenerTls>();
  #former: FormerTls | null = null;
  #addresses: readonly Listener[] = [];

  constructor(host: InboundHost<Body>) {
    this.#host = host;
  }

  /** TLS of a listener under the snapshot in force, for a client of this address. */
  tls(name: string, address: string): ServerTls {
    const former = this.#former;
    const listener = (former === null || former.share.holds(address) ? this.#tls : former.tls).get(name);
    if (listener === undefined) throw new PosternError('not-found', `no listener "${name}" in this snapshot`);
    return listener.exceptions.find(address) ?? listener.tls;
  }

  /** Whether a listener of ours answers at the address and port. */
  has(address: string, port: number): boolean {
    return this.#addresses.some(
      (listener) =>
        listener.port === port &&
        (listener.address === address || (isWildcard(listener.address) && isLocalAddress(address))),
    );
  }

  /** Compiles all contexts and binds what is new; nothing takes effect before `activate`. */
  async prepare(snapshot: Snapshot): Promise<PreparedSnapshot> {
    inboundPolicy(snapshot);
    const tls = compileAll(snapshot);
    const former = compileFormer(snapshot);
    const servers = new Map<string, InboundServer>();
    const opened: InboundServer[] = [];
    const abandon = () => {
      for (const server of opened) server.close();
    };
    try {
      for (const listener of snapshot.listeners) {
        const key = `${listener.address} ${listener.port}`;
        let server = this.#servers.get(key);
        if (server === undefined) {
          server = createInboundServer(this.#host, listener);
          opened.push(server);
          await server.listen({ reusePort: process.platform === 'linux' });
        }
        servers.set(key, server);
      }
    } catch (error) {
      abandon();
      throw error;
    }
    return {
      activate: () => {
        for (const [key, server] of this.#servers) if (!servers.has(key)) server.close();
        this.#servers = servers;
        this.#tls = tls;
        this.#former = former;
        this.#addresses = snapshot.listeners;
        for (const listener of snapshot.listeners)
          servers.get(`${listener.address} ${listener.port}`)?.update(listener);
      },
      abandon,
    };
  }

  async stop(deadline: number): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.stop(deadline)));
  }
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Listeners that share a certificate share their contexts. */
function compileAll(snapshot: Snapshot): Map<string, ListenerTls> {
  const byCertificate = new Map<string, ListenerTls>();
  const byListener = new Map<string, ListenerTls>();
  for (const listener of snapshot.listeners) {
    let tls = byCertificate.get(listener.certificate);
    if (tls === undefined) {
      tls = compileListener(snapshot, certificateOf(snapshot, listener.certificate));
      byCertificate.set(listener.certificate, tls);
    }
    byListener.set(listener.name, tls);
  }
  return byListener;
}

function compileFormer(snapshot: Snapshot): FormerTls | null {
  const { rollOut } = snapshot;
  const former = formerSnapshot(snapshot);
  if (rollOut === null || former === null || !rollOut.services.includes('inbound')) return null;
  return { share: new Share(rollOut), tls: compileAll(former) };
}

function compileListener(snapshot: Snapshot, certificate: CertificateSettings): ListenerTls {
  const exceptions = new RangeTable<ServerTls>();
  // Many have the same settings, and a context takes 2 to 5 ms.
  const compiled = new Map<string, ServerTls>();
  for (const { service, peer, settings } of snapshot.exceptions) {
    if (service !== 'inbound') continue;
    const key = JSON.stringify(settings);
    const tls = compiled.get(key) ?? compileServerTls(settings, certificate);
    compiled.set(key, tls);
    exceptions.add(peer, tls);
  }
  return { tls: compileServerTls(snapshot.tls.inbound, certificate), exceptions };
}

function certificateOf(snapshot: Snapshot, name: string): CertificateSettings {
  const certificate = snapshot.certificates.find((candidate) => candidate.name === name);
  if (certificate === undefined) throw new PosternError('bad-configuration', `no certificate is named "${name}"`);
  return certificate;
}
