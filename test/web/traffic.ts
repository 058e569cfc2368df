// Real mail for the pages of the monitor: partners of four ages, a destination that takes everything over TLS, and one that is down.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Destination, startDestination } from '../../src/demo/destination.ts';
import { partners, send } from '../../src/demo/partner.ts';
import { sendMail } from '../gateway/client.ts';
import { freePort, temporaryDirectory } from '../gateway/harness.ts';

export interface Traffic {
  readonly destination: Destination;
  /** Lines of the configuration: routes to the destination, and to nobody. */
  readonly config: string;
}

export async function startTraffic(t: TestContext): Promise<Traffic> {
  const destination = await startDestination(keyPair(temporaryDirectory(t)), () => undefined);
  t.after(() => destination.close());
  const nobody = await freePort();
  const config = `relay: [127.0.0.1]
routes:
  - { domain: example.com, to: ["127.0.0.1:${destination.port}"] }
  - { domain: away.example, to: ["127.0.0.1:${nobody}"] }
`;
  return { destination, config };
}

function keyPair(directory: string): { readonly cert: string; readonly key: string } {
  const [cert, key] = [join(directory, 'mx.crt'), join(directory, 'mx.key')];
  const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  const args = ['req', '-x509', ...how, '-subj', '/CN=mx.example.com', '-keyout', key, '-out', cert];
  execFileSync('openssl', args, { stdio: 'ignore' });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

/** One message of each partner; the one that knows TLS 1.0 alone does not get in. Returns how many the gateway took. */
export async function sendFromPartners(port: number, subject: string): Promise<number> {
  const sent = await Promise.allSettled(partners.map((partner) => send(partner, port, subject)));
  return sent.filter(({ status }) => status === 'fulfilled').length;
}

/** Messages that stay in the queue: their destination does not answer. Returns their MIDs. */
export async function sendToNobody(port: number, count: number): Promise<number[]> {
  const mids: number[] = [];
  for (let number = 1; number <= count; number++) {
    mids.push(await sendMail(port, { from: `sender${number}@example.org`, to: `reader${number}@away.example` }));
  }
  return mids;
}
