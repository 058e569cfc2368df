// A preview of 50,000 peers with 2,000 distinct hellos over 30 days: when the first figures are there, and when all are.
// `node bench/preview.ts [PEERS [HELLOS [DAYS]]]`
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PreviewEngine } from '../src/preview/engine.ts';
import { previewSettings } from '../src/preview/settings.ts';
import { testSettings } from '../test/preview/settings.ts';
import { populate } from './population.ts';

const [peers = 50_000, hellos = 2_000, days = 30] = process.argv.slice(2).map(Number);
const directory = mkdtempSync(join(tmpdir(), 'postern-preview-'));
const file = join(directory, 'ledger.db');
const say = (text: string) => process.stdout.write(`${text}\n`);

const started = performance.now();
populate(file, { peers, hellos, days });
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
