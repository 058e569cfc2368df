// The listening sockets of the web service. A commit closes none that stays.
import { createServer, type Server, type Socket } from 'node:net';
import type { Snapshot } from '../../config/snapshot.ts';

const listenQueue = 512;

/** What a commit prepared: exactly one of the two is called. */
export interface PreparedPorts {
  activate(): void;
  abandon(): void;
}

export class Ports {
  readonly #accept: (socket: Socket) => void;
  /** By `address port`. */
  #servers = new Map<string, Server>();

  constructor(accept: (socket: Socket) => void) {
    this.#accept = accept;
  }

  /** Binds what is new. Rejects with what the system said; nothing is bound then. */
  async prepare(gui: Snapshot['gui']): Promise<PreparedPorts> {
    const servers = new Map<string, Server>();
    const opened: Server[] = [];
    const abandon = () => {
      for (const server of opened) server.close();
    };
    try {
      for (const port of gui.ports) {
        const key = `${gui.address} ${port}`;
        let server = this.#servers.get(key);
        if (server === undefined) {
          server = createServer({ noDelay: true, keepAlive: true }, this.#accept);
          opened.push(server);
          await listen(server, gui.address, port);
        }
        servers.set(key, server);
      }
    } catch (error) {
      abandon();
      throw error;
    }
    return {
      activate: () => {
        // What was accepted through a port that is closed here goes on.
        for (const [key, server] of this.#servers) if (!servers.has(key)) server.close();
        this.#servers = servers;
      },
      abandon,
    };
  }

  close(): void {
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
  }
}

/**
 * With `reusePort`, so that an address may become wider (127.0.0.1 to 0.0.0.0) while the port stays open. That nobody else has
 * the port was seen before, with a plain bind.
 */
async function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port, backlog: listenQueue, reusePort: process.platform === 'linux' }, resolve);
  await promise;
  server.off('error', reject);
  // What can still go wrong is one accept (no file left): the next one may succeed.
  server.on('error', () => undefined);
}
