// A network of the loopback for one file of tests: mail hosts have port 25, policy hosts 443, and programs with the resolver of libc
// ask port 53 only; runs beside each other must not meet there.
import net from 'node:net';

export interface Network {
  /** `host` 1 to 253. */
  at(host: number): string;
}

const ports = [25, 53, 443];
const holder = 254;
const tries = 200;

/** One that nobody else has, until the program ends. Throws where those ports cannot be had anywhere. */
export async function claimNetwork(): Promise<Network> {
  let last: unknown = null;
  for (let attempt = 0; attempt < tries; attempt++) {
    const number = process.pid + attempt * 251;
    const prefix = `127.${100 + (number % 100)}.${Math.floor(number / 100) % 256}`;
    try {
      await hold(`${prefix}.${holder}`);
      return { at: (host) => `${prefix}.${host}` };
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`no network of the loopback has ports ${ports.join(', ')} free`, { cause: last });
}

/** Whoever listens on these ports of the address has the network. */
async function hold(address: string): Promise<void> {
  const servers: net.Server[] = [];
  try {
    for (const port of ports) {
      const server = net.createServer((socket) => socket.destroy());
      servers.push(server);
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
      server.unref();
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
}
