// A preview of 50,000 peers with 2,000 distinct hellos over 30 days: when the first figures are there, and when all are.
// `node bench/preview.ts [PEERS [HELLOS [DAYS]]]`
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PreviewEngine } from '../src/preview/engine.ts';
import { previewSettings } from '../src/preview/settings.ts';
import { clientFlight, dayLength, Population } from '../test/preview/population.ts';
import { testSettings } from '../test/preview/settings.ts';
import { randomNumbers } from '../test/tls/forecast.ts';

const [peers = 50_000, hellos = 2_000, days = 30] = process.argv.slice(2).map(Number);
const directory = mkdtempSync(join(tmpdir(), 'postern-preview-'));
const file = join(directory, 'ledger.db');
const random = randomNumbers(7);
const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const say = (text: string) => process.stdout.write(`${text}\n`);

const suites =
  'ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305 DHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-SHA AES128-SHA AES256-SHA AES128-GCM-SHA256'.split(
    ' ',
  );
const groups = ['X25519', 'P-256', 'X25519MLKEM768', 'P-384', 'X448'];

/** As in the world: most speak 1.3, some 1.2, few older. */
function randomFlight(): Buffer {
  const kind = random();
  const max = kind < 0.7 ? 'TLSv1.3' : kind < 0.97 ? 'TLSv1.2' : kind < 0.985 ? 'TLSv1.1' : 'TLSv1';
  return clientFlight({
    minVersion: 'TLSv1',
    maxVersion: max,
    ciphers: `${suites.filter(() => random() < 0.6).join(':') || 'AES128-SHA'}:AES128-SHA:@SECLEVEL=0`,
    ecdhCurve: [...new Set([one(groups.slice(0, 3)), one(groups), one(groups)])].join(':'),
    servername: `mx${Math.floor(random() * 5)}.example.com`,
  });
}

const today = Date.now() - (Date.now() % dayLength);
const population = new Population(file);
const started = performance.now();
population.transaction(() => {
  const known: number[] = [];
  while (known.length < hellos) {
    const id = population.hello(randomFlight(), today);
    if (!known.includes(id)) known.push(id);
  }
  const outcome = population.outcome('tls', { version: 0x0304, suite: 0x1302 });
  for (let peer = 0; peer < peers; peer++) {
    const id = population.peer('inbound', `198.${peer >> 16}.${(peer >> 8) & 255}.${peer & 255}`, {
      name: `mail${peer}.partner.example`,
    });
    // Few hellos are of many peers.
    const hello = known[Math.floor(random() ** 4 * known.length)] ?? 1;
    for (let day = 0; day < days; day++) {
      population.seen(id, { hello, outcome, day: today - day * dayLength, connections: 3, messages: 4 });
    }
  }
});
population.close();
say(
  `${peers} peers, ${hellos} hellos, ${days} days: ${(statSync(file).size / 1e6).toFixed(0)} MB, made in ${((performance.now() - started) / 1000).toFixed(0)} s`,
);

const running = await testSettings(['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']);
const engine = new PreviewEngine(file);
for (const [name, versions] of [
  ['cold: nothing remembered', ['TLSv1.2', 'TLSv1.3']],
  ['the same again', ['TLSv1.2', 'TLSv1.3']],
  ['another candidate', ['TLSv1.3']],
] as const) {
  const candidate = {
    ...running,
    tls: { ...running.tls, inbound: { ...running.tls.inbound, versions: [...versions] } },
  };
  const begun = performance.now();
  const cpu = process.cpuUsage();
  let first = 0;
  const result = await engine.run(
    { running: previewSettings(running), candidate: previewSettings(candidate), days },
    {
      onProgress: () => {
        first ||= performance.now() - begun;
      },
    },
  );
  const took = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  const totals = Object.entries(result.targets[0]?.totals ?? {}).map(
    ([change, { peers: count }]) => `${change} ${count}`,
  );
  say(
    `${name.padEnd(26)} first figures ${(first || took).toFixed(0).padStart(5)} ms, all ${took.toFixed(0).padStart(5)} ms (${((user + system) / 1000).toFixed(0)} ms of CPU); ${totals.join(', ')}`,
  );
}
engine.close();
rmSync(directory, { recursive: true });
