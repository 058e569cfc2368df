// `npm test`: format, lint, types, import rules and dead code; then every test, with the real programs they talk to.
// `npm test -- test/smtp` runs the tests below one folder only, without the checks.
import { spawn, spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { installPeers } from './peers/install.mjs';

const say = (text) => process.stdout.write(`${text}\n`);
const chosen = process.argv.slice(2);

if (chosen.length === 0) {
  const checks = spawnSync('npm', ['run', '--silent', 'check'], { stdio: 'inherit' });
  if (checks.status !== 0) {
    say('\nThe checks before the tests failed (npm run check).');
    process.exit(1);
  }
}

const absent = installPeers(say);
if (absent.length > 0) {
  say(`\nMissing programs: ${absent.join(', ')}. The tests that need them are skipped and say so.`);
}

const files = (chosen.length === 0 ? ['test'] : chosen)
  .flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.test.ts`)))
  .toSorted();
if (files.length === 0) {
  say(`no test below ${chosen.join(', ')}`);
  process.exit(2);
}
if (files.some((file) => file.includes('test/web'))) {
  // What the browsers see is what is in the tree.
  const built = spawnSync(process.execPath, ['web/build.mjs'], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
}
const child = spawn(
  process.execPath,
  [
    '--openssl-config=packaging/openssl.cnf',
    '--disable-warning=ExperimentalWarning',
    '--test',
    '--test-concurrency=2',
    '--test-timeout=300000',
    '--test-reporter=spec',
    ...files,
  ],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      FORCE_COLOR: process.stdout.isTTY ? '1' : '0',
      // Shared by all gateways that tests start, each on a new data directory: 2.0 instead of 3.7 s of processor time a start.
      NODE_COMPILE_CACHE: join(import.meta.dirname, '..', 'node_modules', '.cache', 'tests'),
    },
  },
);
/** The runner's own counts: `ℹ pass 12`. Behind them come the details of what failed. */
const counts = new Map();
let line = '';
child.stdout.on('data', (chunk) => {
  process.stdout.write(chunk);
  const lines = (line + chunk.toString('utf8')).split('\n');
  line = lines.pop() ?? '';
  for (const text of lines) {
    const found = /^\W*(pass|fail|cancelled|skipped) (\d+)\W*$/.exec(text);
    if (found !== null) counts.set(found[1], Number(found[2]));
  }
});
child.on('close', (code) => {
  const count = (word) => counts.get(word) ?? 0;
  const skipped = count('skipped');
  say(`\n${count('pass')} passed, ${count('fail') + count('cancelled')} failed, ${skipped} skipped`);
  if (process.env.CI === 'true' && skipped > 0) {
    say('In CI nothing may be skipped.');
    process.exit(1);
  }
  process.exit(code ?? 1);
});
