// `npm run bench`: Postern and its peers on the same work, in turns, in one run; prints medians, spread and ratios.
//   npm run bench                                          5k, Postern beside the floor and Postfix, 3 runs of 10 s
//   npm run bench -- throughput --scenarios 5k,100k --peers floor,postfix,postern --reps 3 --seconds 20
//   npm run bench -- handshake | latency | idle --conns 10000 | crash | fsync
//   npm run bench -- growth                                a long queue, a destination down, many connections, commits, previews, hostile hellos (growth.ts)
//   npm run bench -- resumption                            what going on with earlier TLS sessions saves (resumption.ts)
//   npm run bench -- policies                              MTA-STS and DANE destinations beside plain ones (policies.ts)
//   npm run bench -- flame FILE.cpuprofile > F.svg        a flame graph of one thread (flame.ts)
//   npm run bench -- all                                   everything, with --seconds 20 and --conns 10000 (about an hour)
// The harness (bench/harness) is copied to bench/run and built there; peers that are not installed are left out, aloud.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const harness = join(here, 'run', 'harness');
const environment = { ...process.env, POSTERN_ROOT: root, FLOOR_NODE: process.execPath };
const say = (text) => process.stdout.write(`${text}\n`);

function run(command, args, cwd = harness) {
  const done = spawnSync(command, args, { cwd, env: environment, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.status !== 0) {
    say(`bench: "${command} ${args.join(' ')}" failed`);
    process.exit(1);
  }
}

function prepare() {
  mkdirSync(harness, { recursive: true });
  cpSync(join(here, 'harness'), harness, { recursive: true });
  const adapter = join(harness, 'adapters', 'postern');
  if (!existsSync(adapter)) symlinkSync(join(here, 'adapters', 'postern'), adapter);
  const built = existsSync(join(harness, 'src', 'smtpload'));
  const installed = existsSync('/usr/sbin/postfix');
  if ((!built || !installed) && process.getuid?.() === 0) run('bash', ['setup.sh']);
  else if (!built) run('make', ['-C', 'src']);
  if (!existsSync(join(harness, 'run', 'certs', 'ec.pem'))) run('bash', ['mkcerts.sh']);
  rmSync(join(harness, 'results'), { recursive: true, force: true });
}

const available = {
  postern: () => true,
  floor: () => true,
  direct: () => true,
  postfix: () => existsSync('/usr/sbin/postfix'),
  'postfix-noreuse': () => existsSync('/usr/sbin/postfix'),
  'haraka-outbound': () => existsSync(join(harness, 'lib', 'haraka', 'node_modules', 'Haraka')),
  'haraka-forward': () => existsSync(join(harness, 'lib', 'haraka', 'node_modules', 'Haraka')),
  nodemailer: () => existsSync(join(harness, 'lib', 'nodemailer', 'node_modules', 'smtp-server')),
  exim: () => existsSync(join(harness, 'pkgs', 'x', 'exim4-daemon-light')),
};

function option(args, name, fallback) {
  const at = args.indexOf(`--${name}`);
  return at < 0 ? fallback : args[at + 1];
}

function rows(kind) {
  const file = join(harness, 'results', `${kind}.jsonl`);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const digits = (value) =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toPrecision(3);
const spread = (values) => `${digits(median(values))} [${digits(Math.min(...values))}-${digits(Math.max(...values))}]`;

/** What each kind of run measures: the figure, its unit, and how rows are told apart. */
const figures = {
  throughput: { variant: 'sc', columns: { 'relayed/s': 'e2e', 'CPU s per 1000': 'cpu1000', 'peak PSS MiB': 'pss' } },
  handshake: { variant: 'cert', columns: { 'handshakes/s': 'rate', 'CPU ms each': 'cpu_ms' } },
  latency: { variant: null, columns: { '250 to sink p50 ms': 'p50', 'p99 ms': 'p99', 'MAIL to 250 p50 ms': 'ack50' } },
  idle: { variant: 'asked', columns: { 'KiB per connection': 'per_kb', alive: 'alive' } },
  crash: { variant: null, columns: { lost: 'lost', duplicates: 'dup', acked: 'acked', 'drain s': 'recover_s' } },
  fsync: { variant: null, columns: { fsync: 'fsync', fdatasync: 'fdatasync' } },
};

function report(kind) {
  const all = rows(kind);
  const { variant, columns } = figures[kind];
  const names = Object.keys(columns);
  for (const value of new Set(all.map((row) => (variant === null ? '' : row[variant])))) {
    const here = all.filter((row) => variant === null || row[variant] === value);
    const peers = [...new Set(here.map((row) => row.peer))].toSorted();
    const of = (peer, key) => here.filter((row) => row.peer === peer).map((row) => row[key] ?? 0);
    say(`\n### ${kind} ${value}\n`);
    const others = peers.filter((peer) => peer !== 'postern' && peers.includes('postern'));
    say(`| peer | runs | ${names.join(' | ')} |${others.length > 0 ? ' Postern is, of its first figure |' : ''}`);
    say(`|${'---|'.repeat(names.length + 2 + (others.length > 0 ? 1 : 0))}`);
    for (const peer of peers) {
      const cells = names.map((name) => spread(of(peer, columns[name])));
      const first = columns[names[0]];
      const ratio = others.includes(peer)
        ? ` ${(median(of('postern', first)) / median(of(peer, first))).toFixed(2)} x |`
        : others.length > 0
          ? ' |'
          : '';
      say(`| ${peer} | ${here.filter((row) => row.peer === peer).length} | ${cells.join(' | ')} |${ratio}`);
    }
    const bad = here.filter((row) => row.acked !== undefined && row.arrived !== undefined && row.arrived < row.acked);
    if (kind === 'throughput') {
      const sum = (key) =>
        here.filter((row) => row.peer === 'postern').reduce((total, row) => total + (row[key] ?? 0), 0);
      say(
        `\nPostern: duplicates ${sum('dup')}, corrupt ${sum('bad')}, rejected ${sum('rejects')}, connection errors ${sum('connerr') + sum('connlost')}.`,
      );
    }
    if (bad.length > 0)
      say(`NOT ALL ARRIVED: ${bad.map((row) => `${row.peer} ${row.arrived}/${row.acked}`).join(', ')}`);
  }
}

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  const head = readFileSync(fileURLToPath(import.meta.url), 'utf8').split('\n');
  const end = head.findIndex((text) => !text.startsWith('//'));
  for (const line of head.slice(0, end)) say(line.slice(3));
  process.exit(0);
}
const what = args[0] !== undefined && !args[0].startsWith('--') ? args.shift() : 'throughput';
if (what === 'growth' || what === 'flame' || what === 'resumption' || what === 'policies') {
  const { status } = spawnSync(process.execPath, [join(here, `${what}.ts`), ...args], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
if (what !== 'all' && figures[what] === undefined) {
  say(`bench: "${what}" is none of ${Object.keys(figures).join(', ')}, growth, flame, resumption, policies, all`);
  process.exit(2);
}
prepare();
const wanted = option(args, 'peers', what === 'all' ? Object.keys(available).join(',') : 'floor,postfix,postern').split(
  ',',
);
const absent = wanted.filter((peer) => !(available[peer]?.() ?? false));
if (absent.length > 0) say(`left out, not installed: ${absent.join(', ')}`);
const peers = wanted.filter((peer) => !absent.includes(peer)).join(',');
const reps = option(args, 'reps', '3');
const seconds = option(args, 'seconds', what === 'all' ? '20' : '10');
const scenarios = option(args, 'scenarios', what === 'throughput' ? '5k' : undefined);
const conns = option(args, 'conns', what === 'all' ? '10000' : '2000');
say(`${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores; peers in turns: ${peers}`);
for (const kind of what === 'all' ? Object.keys(figures) : [what]) {
  const some =
    kind === 'throughput' || kind === 'handshake' ? (scenarios === undefined ? [] : ['--scenarios', scenarios]) : [];
  run('python3', [
    'bench.py',
    kind,
    '--peers',
    peers,
    '--reps',
    reps,
    '--seconds',
    seconds,
    '--conns',
    conns,
    ...(what === 'all' ? [] : some),
  ]);
}
for (const kind of what === 'all' ? Object.keys(figures) : [what]) report(kind);
