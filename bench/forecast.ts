// `npm run forecast [-- PAIRS [SEED]]`: 2,000 random pairs of settings and client; the forecast by replay against the real
// handshake. Prints the table; exit status 1 where one pair disagrees.
import { forecastTable, type Pair, runForecast } from '../test/tls/forecast.ts';
import { CertificateDirectory } from '../test/tls/peers.ts';

const [countText = '2000', seedText = '1'] = process.argv.slice(2);
const count = Number(countText);
const seed = Number(seedText);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  process.stderr.write('usage: npm run forecast [-- PAIRS [SEED]]\n');
  process.exit(2);
}

const say = (text: string) => process.stdout.write(text);
const width = 40;
let wrong = 0;
const show = (done: number, pair: Pair) => {
  if (!pair.agrees) wrong++;
  const filled = Math.floor((done / count) * width);
  const bar = `[${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${done}/${count}, wrong: ${wrong}`;
  if (process.stdout.isTTY) say(`\r${bar}`);
  else if (Math.floor((done * 20) / count) > Math.floor(((done - 1) * 20) / count)) say(`${bar}\n`);
};

const directory = new CertificateDirectory();
const started = performance.now();
let pairs: readonly Pair[];
try {
  pairs = await runForecast(directory, count, seed, show);
} finally {
  directory.remove();
}
say(`\n${forecastTable(pairs)}\n\n`);
for (const pair of pairs.filter(({ agrees }) => !agrees)) {
  say(
    `WRONG ${pair.client}\n  settings ${pair.settings}\n  offer    ${pair.offer}\n  real     ${pair.real}\n` +
      `  replayed ${pair.replayed}\n  neutral  ${pair.neutral}\n  client   ${pair.clientsEnd}\n`,
  );
}
const seconds = (performance.now() - started) / 1000;
say(
  `${pairs.length} pairs, ${wrong} wrong, ${seconds.toFixed(0)} s. "the client refused": after the server had served it; no forecast says that for sure.\n`,
);
process.exitCode = wrong === 0 ? 0 : 1;
