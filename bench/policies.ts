// What MTA-STS and DANE cost beside plain opportunistic delivery, once all caches are warm: `npm run bench -- policies`.
//   npm run bench -- policies [few] [many] [each]          all without a name
//     few: 4 domains; many: --domains; both over connections that are used again. each: many, and each message has a connection of its own
//     --messages 10000     of each run; each: a third of it
//     --rounds 3           of all kinds, in turns
//     --domains 300
//     --kinds plain,sts,dane
//     --hosts resuming,bare
//     --versions 1.3,1.2   of the destinations
//     --algorithm ec       of their certificate; or rsa
//     --limits ''          of the gateway, beside the usual ones: `tlsSessions: 0`
// Needs unbound and ldnsutils, and root for ports 25, 53 and 443 of a loopback network. Kinds: `plain` (level preferred), `sts`: MTA-STS
// in mode enforce, `dane`: a record 3 1 1; each at a host that gives out TLS sessions to go on with, and at one that does not, so that
// every handshake is a full one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Authority } from '../test/dane/certificates.ts';
import { claimNetwork } from '../test/dane/network.ts';
import { type Relayed, relay, Sink } from './growth/sink.ts';
import { prepareStand } from './growth/stand.ts';
import { median, met, percent, printTable, progress, spread } from './growth/table.ts';
import {
  type Host,
  hosts,
  type Kind,
  kinds,
  logged,
  mailLog,
  startWorld,
  suffixOf,
  type Way,
  type World,
} from './policies/world.ts';

const goal = 0.9;
const smtpPort = 25;
const few = 4;

interface Run extends Relayed {
  /** TLS handshakes a message, and how many of them went on with an earlier session. */
  readonly handshakes: number;
  readonly resumed: number;
}

const parts: Readonly<Record<string, { readonly way: Way; readonly many: boolean }>> = {
  few: { way: 'kept', many: false },
  many: { way: 'kept', many: true },
  each: { way: 'each', many: true },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    messages: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '3' },
    domains: { type: 'string', default: '300' },
    kinds: { type: 'string', default: kinds.join() },
    hosts: { type: 'string', default: hosts.join() },
    versions: { type: 'string', default: '1.3,1.2' },
    algorithm: { type: 'string', default: 'ec' },
    limits: { type: 'string', default: '' },
  },
});
const wanted = positionals.length === 0 ? Object.keys(parts) : positionals;
const unknown = wanted.find((word) => parts[word] === undefined);
if (unknown !== undefined) throw new Error(`"${unknown}" is none of ${Object.keys(parts).join(', ')}`);
const [messages, rounds, manyDomains] = [Number(values.messages), Number(values.rounds), Number(values.domains)];
if (rounds > 7) throw new Error('--rounds: at most 7');
/** One kind of destination at one kind of host. */
interface Case {
  readonly kind: Kind;
  readonly host: Host;
}
const cases: readonly Case[] = hosts
  .filter((host) => values.hosts.split(',').includes(host))
  .flatMap((host) => kinds.filter((kind) => values.kinds.split(',').includes(kind)).map((kind) => ({ kind, host })));

const stand = prepareStand(undefined);
const certificates = new Authority();
process.once('exit', () => certificates.remove());
progress('policies: the zone is signed');
const world = await startWorld({
  stand,
  network: await claimNetwork(),
  certificates,
  domains: manyDomains,
  algorithm: values.algorithm === 'rsa' ? 'rsa' : 'ec',
  limits: values.limits,
});
try {
  for (const version of values.versions.split(',')) for (const name of wanted) await measure(version, name, world);
} finally {
  await world.stop();
}

async function measure(version: string, name: string, { gateway, shown, addresses }: World): Promise<void> {
  const { way, many } = parts[name] ?? { way: 'kept', many: true };
  const start = (host: Host) =>
    Sink.start(
      { ...stand, ...shown },
      { at: { address: addresses[host], port: smtpPort }, tickets: host === 'resuming', old: version === '1.2' },
    );
  const sinks = { resuming: await start('resuming'), bare: await start('bare') };
  const run = async ({ kind, host }: Case, total: number): Promise<Run> => {
    const before = await sinks[host].handshakes();
    const domains = { first: 0, count: many ? manyDomains : few, suffix: suffixOf(kind, host, way) };
    const relayed = await relay(stand, gateway, sinks[host], { connections: 20, perConnection: 100, total, domains });
    const after = await sinks[host].handshakes();
    const handshakes = after.all - before.all;
    return { ...relayed, handshakes: handshakes / total, resumed: (after.resumed - before.resumed) / handshakes };
  };
  try {
    for (const one of cases) {
      progress(`policies: TLS ${version}, ${name}, warm-up of ${one.kind}, ${one.host}`);
      await run(one, Math.max(manyDomains * 2, 1000));
      check(suffixOf(one.kind, one.host, way), logged[one.kind]);
    }
    const runs = new Map<Case, Run[]>(cases.map((one) => [one, []]));
    const total = way === 'each' ? Math.ceil(messages / 3) : messages;
    for (let round = 0; round < rounds; round++) {
      // Others come first each time.
      for (const index of cases.keys()) {
        const one = cases[(index + round) % cases.length] ?? assert.fail();
        progress(`policies: TLS ${version}, ${name}, round ${round + 1} of ${rounds}, ${one.kind}, ${one.host}`);
        runs.get(one)?.push(await run(one, total));
      }
    }
    print(version, name, runs);
  } finally {
    await sinks.resuming.stop();
    await sinks.bare.stop();
  }
}

/** What is measured is what it is called. */
function check(suffix: string, wanted: string): void {
  const lines = readFileSync(mailLog(world.gateway), 'utf8')
    .split('\n')
    .filter((line) => line.includes(`.${suffix} tls=`));
  const other = lines.find((line) => !line.includes(wanted));
  if (lines.length === 0 || other !== undefined) throw new Error(`${suffix}: ${other ?? 'no delivery in the log'}`);
}

function print(version: string, name: string, runs: ReadonlyMap<Case, readonly Run[]>): void {
  const of = (one: Case, key: 'rate' | 'cpu' | 'handshakes' | 'resumed') =>
    (runs.get(one) ?? []).map((run) => run[key]);
  const rows = cases.map((one) => {
    const lost = (runs.get(one) ?? []).reduce((sum, run) => sum + run.acknowledged - run.arrived + run.rejects, 0);
    if (lost > 0) throw new Error(`${one.kind}, ${one.host}: ${lost} messages did not arrive`);
    // Round by round: what else the machine does in a round falls on both.
    const ratio = (key: 'rate' | 'cpu', at: Host) => {
      const plain = cases.find(({ kind, host }) => kind === 'plain' && host === at);
      const others = plain === undefined ? [] : of(plain, key);
      return median(of(one, key).map((value, round) => value / (others[round] ?? Number.NaN)));
    };
    return [
      one.kind,
      one.host,
      spread(of(one, 'rate')),
      spread(of(one, 'cpu')),
      `${median(of(one, 'handshakes')).toFixed(2)}, ${percent(median(of(one, 'resumed')) || 0)}`,
      `${percent(ratio('rate', one.host))}, ${percent(ratio('cpu', one.host))}`,
      `${percent(ratio('rate', 'resuming'))}, ${percent(ratio('cpu', 'resuming'))}`,
      one.kind === 'plain' ? '' : met(ratio('rate', one.host) >= goal),
    ];
  });
  printTable(
    `policies: TLS ${version}, ${values.algorithm}, ${name}`,
    [
      'destinations',
      'host',
      'relayed/s',
      'CPU s per 1,000',
      'handshakes a message, resumed',
      'rate and CPU to plain there',
      'to plain at a resuming host',
      `goal: rate ${percent(goal)}`,
    ],
    rows,
  );
}
