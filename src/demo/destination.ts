// The demo's destination: a small SMTP server with STARTTLS that takes every message and counts it. A stand-in for the mail
// system behind the gateway; not part of the gateway.
import net from 'node:net';
import tls from 'node:tls';

export interface Destination {
  readonly port: number;
  /** Messages taken so far. */
  readonly count: () => number;
  close(): void;
}

/** `pair`: PEM of its certificate and key. `onMessage` gets the header field Subject of each message. */
export async function startDestination(
  pair: { readonly cert: string; readonly key: string },
  onMessage: (subject: string, protocol: string) => void,
): Promise<Destination> {
  const context = tls.createSecureContext({ cert: pair.cert, key: pair.key, minVersion: 'TLSv1.2' });
  let count = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true }, (raw) => {
    sockets.add(raw);
    raw.on('close', () => sockets.delete(raw));
    raw.on('error', () => raw.destroy());
    serve(raw, context, (subject, protocol) => {
      count++;
      onMessage(subject, protocol);
    });
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    count: () => count,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function serve(
  raw: net.Socket,
  context: tls.SecureContext,
  onMessage: (subject: string, protocol: string) => void,
): void {
  let socket: net.Socket = raw;
  let input = '';
  let data: string | null = null;
  const say = (text: string) => socket.write(`${text}\r\n`);
  const feed = (chunk: Buffer) => {
    input += chunk.toString('latin1');
    for (let end = input.indexOf('\r\n'); end >= 0; end = input.indexOf('\r\n')) {
      const line = input.slice(0, end);
      input = input.slice(end + 2);
      if (data !== null) {
        if (line !== '.') {
          data += `${line}\n`;
          continue;
        }
        onMessage(
          /^Subject: (.*)$/m.exec(data)?.[1] ?? '',
          socket instanceof tls.TLSSocket ? (socket.getProtocol() ?? '') : 'none',
        );
        data = null;
        say('250 2.0.0 taken');
        continue;
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'EHLO') say('250-destination.demo\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME');
      else if (verb === 'DATA') {
        data = '';
        say('354 go on');
      } else if (verb === 'STAR') {
        raw.removeListener('data', feed);
        raw.write('220 2.0.0 go on\r\n');
        const secured = new tls.TLSSocket(raw, { isServer: true, secureContext: context });
        secured.on('error', () => raw.destroy());
        secured.on('data', feed);
        socket = secured;
      } else if (verb === 'QUIT') {
        say('221 2.0.0 bye');
        socket.end();
      } else say('250 2.0.0 ok');
    }
  };
  raw.on('data', feed);
  say('220 destination.demo ESMTP');
}
