// Forecast against reality: random settings and random clients of real TLS libraries. Each handshake really happens, and its
// ClientHello is replayed, as it came and in its neutral form, under the same settings; what the server decides must be the same.

import { defaultCiphers } from '../../src/config/schema.ts';
import { PosternError } from '../../src/errors.ts';
import { compileServerTls, type ServerTls } from '../../src/tls/contexts.ts';
import { parseServerHello } from '../../src/tls/hello.ts';
import { alertName, groupName } from '../../src/tls/names.ts';
import { neutralHello } from '../../src/tls/neutral.ts';
import { replayHello, type Verdict } from '../../src/tls/replay.ts';
import { parseServerFlight } from '../../src/tls/server-flight.ts';
import { suiteName, suites } from '../../src/tls/suites.ts';
import { type TlsVersion, tlsVersions, wireVersionName } from '../../src/tls/versions.ts';
import type { KeyPair } from './peers.ts';
import { AcceptingServer, type CertificateDirectory, certificateOf, legalSelections } from './peers.ts';
import { Recorder, type Recording } from './recording.ts';
import { type Group, type Offer, type Signature, type TlsClient, tlsClients } from './tls-clients.ts';

/** What the server decided, in one line: `TLS v1.3 TLS_AES_256_GCM_SHA384 x25519`, `alert handshake failure`. */
export interface Pair {
  readonly client: string;
  readonly settings: string;
  readonly offer: string;
  /** In the real handshake, and by replay of the hello as it came and of its neutral form. */
  readonly real: string;
  readonly replayed: string;
  readonly neutral: string;
  /** The version served, null where the server refused. */
  readonly version: number | null;
  readonly retry: boolean;
  /** `completed`, or how the client went away after the server had answered. Not the server's to decide. */
  readonly clientsEnd: string;
  readonly agrees: boolean;
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Choice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomNumbers(seed);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  one<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    const found = list[Math.floor(this.#random() * list.length)];
    if (found === undefined) throw new Error('nothing to choose from');
    return found;
  }

  /** From one to `most` of the list, in any order. */
  some<T>(list: readonly T[], most: number): readonly T[] {
    const count = 1 + Math.floor(this.#random() * Math.min(most, list.length));
    const left = [...list];
    return Array.from({ length: count }, () => left.splice(Math.floor(this.#random() * left.length), 1)).flat();
  }
}

/** Suites of 1.2 and below that servers and clients are made of. */
const ordinary = suites.filter(
  ({ available, au, enc, kx }) =>
    available && (au === 'RSA' || au === 'ECDSA') && enc !== 'None' && (kx === 'ECDH' || kx === 'DH' || kx === 'RSA'),
);

const cipherStrings = ['HIGH', 'ECDHE+AESGCM:ECDHE+CHACHA20', 'AES128-SHA:AES256-SHA', 'ECDHE:!AESGCM', 'DHE:kRSA'];

interface Settings {
  readonly tls: ServerTls;
  readonly label: string;
}

/** Certificates of all kinds that a listener may have. */
export function makeCertificates(directory: CertificateDirectory): ReadonlyMap<string, KeyPair> {
  return new Map([
    ['P-256', directory.make('ec')],
    ['P-384', directory.make('ec', 'localhost', ['-pkeyopt', 'ec_paramgen_curve:P-384'])],
    ['RSA-2048', directory.make('rsa:2048')],
    ['RSA-3072', directory.make('rsa:3072')],
    ['Ed25519', directory.make('ed25519')],
    ['RSA-PSS', directory.make('rsa-pss', 'localhost', ['-pkeyopt', 'rsa_keygen_bits:2048'])],
  ]);
}

function randomSettings(choice: Choice, certificates: ReadonlyMap<string, KeyPair>): Settings {
  for (;;) {
    const versions = choice.one(legalSelections);
    const own = choice.some(ordinary, 8).map(({ name }) => name);
    const ciphers = choice.chance(0.4)
      ? defaultCiphers
      : choice.chance(0.5)
        ? choice.one(cipherStrings)
        : own.join(':');
    const named = choice.chance(0.4) ? [['P-256'], ['RSA-2048']].flat() : choice.some([...certificates.keys()], 2);
    const pairs = named.flatMap((name) => certificates.get(name) ?? []);
    try {
      const tls = compileServerTls({ versions, ciphers }, certificateOf(...pairs));
      return { tls, label: `${versions.join('+')} ${ciphers.slice(0, 60)} ${named.join('+')}` };
    } catch (error) {
      // A string that leaves the versions no suite; an administrator could not commit it either.
      if (!(error instanceof PosternError)) throw error;
    }
  }
}

function randomOffer(choice: Choice, client: TlsClient): Offer {
  const from = Math.floor(tlsVersions.indexOf(choice.one(tlsVersions)));
  const range = tlsVersions.slice(from);
  const min = range[0] ?? 'TLSv1.2';
  const max: TlsVersion = choice.one(range);
  return {
    ...(choice.chance(0.3) ? { min: 'TLSv1.0', max: 'TLSv1.3' } : { min, max }),
    ...(choice.chance(0.4) ? { suites: choice.some(ordinary, 12) } : {}),
    ...(choice.chance(0.4) ? { groups: choice.some<Group>(client.groups, 4) } : {}),
    ...(choice.chance(0.4) && client.signatures.length > 0
      ? { signatures: choice.some<Signature>(client.signatures, 4) }
      : {}),
  };
}

function offerLabel({ min, max, suites: own, groups, signatures }: Offer): string {
  const list = (name: string, values: readonly string[] | undefined) =>
    values === undefined ? '' : ` ${name} ${values.join(' ')}`;
  return `${min}..${max}${list(
    'suites',
    own?.map(({ name }) => name),
  )}${list('groups', groups)}${list('signatures', signatures)}`;
}

function told(verdict: Verdict): string {
  if (verdict.outcome === 'no-hello') return verdict.reason;
  if (verdict.outcome === 'refused') return verdict.alert === null ? 'closed' : `alert ${alertName(verdict.alert)}`;
  return served(verdict.version, verdict.suite, verdict.group, verdict.retry);
}

function served(version: number, suite: number, group: number | null, retry: boolean): string {
  const key = group === null ? 'no group' : groupName(group);
  return `${wireVersionName(version)} ${suiteName(suite)} ${key}${retry ? ' by retry' : ''}`;
}

function reality(answer: Buffer): { readonly text: string; readonly version: number | null; readonly retry: boolean } {
  const flight = parseServerFlight(answer);
  if (flight.status === 'alert') return { text: `alert ${alertName(flight.description)}`, version: null, retry: false };
  if (flight.status === 'complete') {
    const { version, suite, retry } = flight.hello;
    return { text: served(version, suite, flight.group, retry), version, retry };
  }
  const hello = parseServerHello(answer);
  return {
    text: answer.length === 0 ? 'closed' : `${flight.status} ${JSON.stringify(hello)}`,
    version: null,
    retry: false,
  };
}

/** How the client ended a handshake that the server had answered; null: it did not, the server refused in the end. */
function endOfClient(failure: string, { rest }: Recording): string | null {
  const alert = /alert ([a-z0-9 ]+)/.exec(failure)?.[1];
  if (alert !== undefined) return alert.trim();
  // Its alert may be in a record of another version than the one agreed on, which our side reports and not the alert.
  const last = rest.subarray(-7);
  if (last[0] === 21 && last[1] === 3) return alertName(last[6] ?? 0);
  return /closed by the peer|Errno 104|Errno 32/.test(failure) ? 'closed' : null;
}

/** Runs pairs one after the other. Two lanes may run at the same time. */
export class ForecastLane {
  readonly #certificates: ReadonlyMap<string, KeyPair>;
  readonly #clients: readonly TlsClient[];
  readonly #server: AcceptingServer;
  readonly #recorder = new Recorder();
  #current: ServerTls | null = null;

  constructor(directory: CertificateDirectory, certificates: ReadonlyMap<string, KeyPair>) {
    this.#certificates = certificates;
    this.#clients = tlsClients(directory.path).filter(({ missing }) => missing === false);
    this.#server = new AcceptingServer(() => {
      if (this.#current === null) throw new Error('no settings yet');
      return this.#current;
    });
  }

  get clients(): readonly string[] {
    return this.#clients.map(({ name }) => name);
  }

  async start(): Promise<void> {
    await this.#recorder.start(await this.#server.listen());
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close?.();
    await this.#recorder.close();
    await this.#server.close();
  }

  /** The same seed gives the same pair. */
  async run(seed: number, name: string): Promise<Pair> {
    const choice = new Choice(seed);
    const client = this.#clients.find((known) => known.name === name);
    if (client === undefined) throw new Error(`${name} is not here`);
    for (;;) {
      const { tls, label } = randomSettings(choice, this.#certificates);
      const offer = randomOffer(choice, client);
      this.#current = tls;
      await client.run(this.#recorder.port, offer);
      const recording = await this.#recorder.take();
      if (recording.flight.length === 0) continue;
      const outcome = await this.#server.next();
      // The client itself found that it could not offer this, and said so with an alert instead of a hello.
      if (recording.flight[0] === 21) continue;
      const real = reality(recording.answer);
      const neutral = neutralHello(recording.flight);
      const end = outcome.ok
        ? 'completed'
        : real.version === null
          ? ''
          : endOfClient(outcome.failure.detail, recording);
      const replayed = told(await replayHello(recording.flight, tls));
      const forecast = neutral === null ? 'no neutral form' : told(await replayHello(neutral, tls));
      return {
        client: name,
        settings: label,
        offer: offerLabel(offer),
        real: real.text,
        replayed,
        neutral: forecast,
        version: real.version,
        retry: real.retry,
        clientsEnd: end ?? `the server refused after its answer: ${outcome.ok ? '' : outcome.failure.detail}`,
        agrees: replayed === real.text && forecast === real.text && end !== null,
      };
    }
  }
}

/** A row a client: what the server decided, what the client made of it, and whether the forecast was right. */
export function forecastTable(pairs: readonly Pair[]): string {
  const counts = (list: readonly string[]) => {
    const found = new Map<string, number>();
    for (const text of list) found.set(text, (found.get(text) ?? 0) + 1);
    return [...found]
      .sort((a, b) => b[1] - a[1])
      .map(([text, count]) => `${text} ${count}`)
      .join(', ');
  };
  const rows = [...new Set(pairs.map(({ client }) => client)), 'all'].map((name) => {
    const own = name === 'all' ? pairs : pairs.filter(({ client }) => client === name);
    const version = (number: number) => own.filter((pair) => pair.version === number).length;
    return [
      name,
      own.length,
      ...[0x0301, 0x0302, 0x0303, 0x0304].map(version),
      own.filter(({ retry }) => retry).length,
      counts(own.filter((pair) => pair.version === null).map(({ real }) => real.replace('alert ', ''))),
      counts(own.map(({ clientsEnd }) => clientsEnd).filter((end) => end !== 'completed' && end !== '')),
      own.filter(({ agrees }) => !agrees).length,
    ].map(String);
  });
  const head = [
    'client',
    'pairs',
    '1.0',
    '1.1',
    '1.2',
    '1.3',
    'retry',
    'the server refused',
    'the client refused',
    'wrong',
  ];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, widths.map((width) => '-'.repeat(width)), ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** How many pairs of 100 each client has; Java takes a second to start. */
export const shares: Readonly<Record<string, number>> = {
  OpenSSL: 22,
  'OpenSSL 3.5': 20,
  GnuTLS: 22,
  NSS: 16,
  Java: 6,
  Python: 14,
};

/** The clients of `count` pairs, mixed. */
export function plannedClients(count: number, present: readonly string[]): readonly string[] {
  const hundred = Object.entries(shares).flatMap(([name, share]) =>
    Array.from({ length: present.includes(name) ? share : 0 }, (_, index) => ({ name, at: (index + 0.5) / share })),
  );
  const mixed = hundred.sort((a, b) => a.at - b.at).map(({ name }) => name);
  return Array.from({ length: count }, (_, index) => mixed[index % mixed.length] ?? '');
}

/** Runs `count` pairs on two lanes; `progress` after each. */
export async function runForecast(
  directory: CertificateDirectory,
  count: number,
  seed: number,
  progress: (done: number, pair: Pair) => void,
): Promise<readonly Pair[]> {
  const certificates = makeCertificates(directory);
  const lanes = [new ForecastLane(directory, certificates), new ForecastLane(directory, certificates)];
  const plan = plannedClients(count, lanes[0]?.clients ?? []);
  const pairs: Pair[] = [];
  let next = 0;
  try {
    await Promise.all(
      lanes.map(async (lane) => {
        await lane.start();
        while (next < plan.length) {
          const index = next++;
          const pair = await lane.run(seed + index, plan[index] ?? '');
          pairs.push(pair);
          progress(pairs.length, pair);
        }
      }),
    );
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
  }
  return pairs;
}
