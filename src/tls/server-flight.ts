// What a server answered to a ClientHello: the first flight in clear text, up to where it is encrypted or ends.
import { parseServerHello, type ServerHello } from './hello.ts';
import { suiteById } from './suites.ts';
import { Reader } from './wire.ts';

/** `group`: of the key exchange, also in TLS 1.2 and below; null where the exchange has no named group (RSA, DHE). */
export type ServerFlight =
  | { readonly status: 'complete'; readonly hello: ServerHello; readonly group: number | null }
  | { readonly status: 'alert'; readonly description: number }
  | { readonly status: 'partial' }
  | { readonly status: 'invalid'; readonly reason: string };

const handshakeRecord = 22;
const alertRecord = 21;
const serverKeyExchange = 12;
const serverHelloDone = 14;
const tls13 = 0x0304;
/** RFC 8422 5.4: the parameters name a curve. */
const namedCurve = 3;

/** `bytes`: everything that the server wrote so far. */
export function parseServerFlight(bytes: Uint8Array): ServerFlight {
  const parsed = parseServerHello(bytes);
  if (parsed.status === 'alert') return { status: 'alert', description: parsed.description };
  if (parsed.status !== 'complete') return parsed;
  const { hello } = parsed;
  // What follows is encrypted, or there is nothing before the client's second hello.
  if (hello.version >= tls13 || hello.retry) return { status: 'complete', hello, group: hello.group };
  // A refusal may come after the ServerHello: OpenSSL writes both at once.
  return flightOf(bytes, hello);
}

function flightOf(bytes: Uint8Array, hello: ServerHello): ServerFlight {
  const records = new Reader(bytes);
  const parts: Uint8Array[] = [];
  while (records.left >= 5) {
    const type = records.u8();
    records.skip(2);
    const part = records.part(records.u16()).rest();
    if (!records.ok) return { status: 'partial' };
    if (type === alertRecord) return { status: 'alert', description: part[1] ?? 0 };
    if (type !== handshakeRecord)
      return { status: 'invalid', reason: `record ${type} within the server's first flight` };
    parts.push(part);
  }
  const messages = new Reader(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts));
  let group: number | null = null;
  while (messages.left > 0) {
    const type = messages.u8();
    const body = messages.part(messages.u24());
    if (!messages.ok) return { status: 'partial' };
    if (type === serverHelloDone) return { status: 'complete', hello, group };
    if (type === serverKeyExchange && suiteById(hello.suite)?.kx === 'ECDH' && body.u8() === namedCurve)
      group = body.u16();
  }
  return { status: 'partial' };
}
