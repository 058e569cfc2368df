// `npm run demo`: the main job in one minute. A gateway on a throw-away data directory, a destination behind it, and
// partners of four ages that really send through it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setupInstructions } from '../admin/commands/setup.ts';
import { messageOf } from '../errors.ts';
import { freePort } from '../gateway/binding.ts';
import { Gateway } from '../gateway/gateway.ts';
import { tailLog } from '../ledger/follow.ts';
import { ensureDemoCertificate } from '../tls/certificates.ts';
import { startDestination } from './destination.ts';
import { partners, send } from './partner.ts';

export interface DemoOptions {
  /** End when every partner's mail has arrived. */
  readonly once: boolean;
}

const arrivalTimeout = 30_000;
const pauseBetweenRounds = 15_000;

/** Resolves with the exit status: 1 where a message did not arrive. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-demo-'));
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const ended = new AbortController();
  const end = () => ended.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);

  const pair = (await ensureDemoCertificate(join(directory, 'destination'), 'destination.demo')).pairs[0];
  if (pair === undefined) throw new Error('no certificate for the destination');
  const destination = await startDestination(pair, (subject, protocol) => {
    say(`                     >>> arrived at the destination (${protocol}): ${subject}`);
  });
  const port = await freePort();
  const webPort = await freePort();
  const data = join(directory, 'data');
  const gateway = await Gateway.start({ dataDirectory: data, initial: configuration(port, webPort, destination.port) });
  const log = printLog(join(data, 'logs'), say, ended.signal);
  let status = 1;
  try {
    say(
      `\nA gateway listens on 127.0.0.1 port ${port}; its destination is behind 127.0.0.1 port ${destination.port}.\n`,
    );
    let sent = await sendAll(port, say, 1);
    status = (await arrived(destination.count, sent)) && sent === partners.length ? 0 : 1;
    await sleep(300); // the log is written in batches
    if (!options.once) {
      const link = gateway.newSetupLink();
      if (link !== null) say(`\n${setupInstructions(link, gateway.snapshot.gui)}`);
      say(instructions(data, webPort));
      for (let round = 2; !ended.signal.aborted; round++) {
        await sleep(pauseBetweenRounds, undefined, { signal: ended.signal }).catch(() => undefined); // Ctrl-C ends the wait
        if (!ended.signal.aborted) sent += await sendAll(port, say, round);
      }
      status = 0;
    } else if (status === 0) {
      say(`\nAll ${sent} messages have arrived.`);
    } else {
      say(`\n${destination.count()} of ${partners.length} messages have arrived.`);
    }
  } finally {
    ended.abort();
    await gateway.stop();
    await log;
    destination.close();
    rmSync(directory, { recursive: true, force: true });
  }
  return status;
}

function configuration(port: number, webPort: number, destination: number): string {
  const all = '[TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3]';
  return `hostname: gw.example.com
gui: { address: 127.0.0.1, ports: [${webPort}] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port}, tls: preferred, certificate: demo }
accept: [example.com]
routes:
  - { domain: example.com, to: ["127.0.0.1:${destination}"] }
tls:
  inbound: { versions: ${all} }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
dns: { reverse: false }
`;
}

/** Every partner sends one message; returns how many the gateway took. */
async function sendAll(port: number, say: (text: string) => void, round: number): Promise<number> {
  let taken = 0;
  for (const partner of partners) {
    try {
      const how = await send(partner, port, `round ${round} from ${partner.name}, which ${partner.about}`);
      say(`                     <<< ${partner.name} (${partner.about}) sent over ${how}`);
      taken++;
    } catch (error) {
      say(`                     <<< ${partner.name} (${partner.about}) could not send: ${messageOf(error)}`);
    }
  }
  return taken;
}

async function arrived(count: () => number, expected: number): Promise<boolean> {
  const deadline = Date.now() + arrivalTimeout;
  while (count() < expected && Date.now() < deadline) await sleep(50);
  return count() >= expected;
}

async function printLog(directory: string, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  try {
    for await (const line of tailLog(directory, 'mail', { fromStart: true, interval: 50 }, signal)) say(line);
  } catch (error) {
    if (!signal.aborted) say(`the mail log cannot be read: ${messageOf(error)}`);
  }
}

function instructions(data: string, webPort: number): string {
  return `
The partners go on sending every ${pauseBetweenRounds / 1000} s, until Ctrl-C. The web UI is at https://127.0.0.1:${webPort}/ (the
browser warns of the demo's certificate). Meanwhile, in a second terminal, from this directory:

  npx --no-install postern shell --data ${data}

and there, for example:

  sslconfig        INBOUND, then "1-2": TLS 1.2 and 1.3 only
  preview          who would break: old-printer.demo, by name, with its messages
  commit           says so and asks; from the next round on old-printer.demo is refused, and the log says what it offered and what we allow
  rollbackconfig   the way back
  status           what the gateway is doing;  showrecipients  the queue;  help  everything else

Every line above that begins with a date is the mail log: ${join(data, 'logs', 'mail.current')}
`;
}
