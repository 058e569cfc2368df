// Observations of many peers over many days, with real ClientHellos, for the benchmarks of the preview.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { openHistoryDatabase } from '../src/ledger/history/database.ts';
import { clientFlight, dayLength, Population } from '../test/preview/population.ts';
import { randomNumbers } from '../test/tls/forecast.ts';

export interface PopulationSize {
  readonly peers: number;
  /** Distinct ones. */
  readonly hellos: number;
  readonly days: number;
}

const random = randomNumbers(7);
const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

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

/** `file`: ledger.db, made with all its tables where it does not exist. Each peer comes three times a day. */
export function populate(file: string, { peers, hellos, days }: PopulationSize): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  openHistoryDatabase(file, () => undefined).close();
  const today = Date.now() - (Date.now() % dayLength);
  const population = new Population(file);
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
}
