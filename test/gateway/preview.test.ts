// The preview thread: answers, at a low priority, several callers, aborts, its own end.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PreviewThread } from '../../src/gateway/preview.ts';
import type { PreviewRequest } from '../../src/preview/engine.ts';
import { previewSettings } from '../../src/preview/settings.ts';
import { type TlsVersion, tlsVersions } from '../../src/tls/versions.ts';
import { clientFlight, dayLength, Population } from '../preview/population.ts';
import { testSettings } from '../preview/settings.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-preview-thread-'));
const thread = new PreviewThread(directory);
let request: (versions: readonly TlsVersion[]) => PreviewRequest;

before(async () => {
  const running = previewSettings(await testSettings(tlsVersions));
  request = (versions) => ({
    running,
    candidate: { ...running, tls: { ...running.tls, inbound: { ...running.tls.inbound, versions } } },
    days: 30,
  });
  const day = Date.now() - (Date.now() % dayLength);
  const population = new Population(join(directory, 'ledger.db'));
  const outcome = population.outcome('tls', { version: 0x0303, suite: 0xc02f });
  // Enough for a run that takes long against the first figures.
  population.transaction(() => {
    for (let index = 0; index < 1_500; index++) {
      const hello = population.hello(
        clientFlight({ maxVersion: 'TLSv1.2', servername: `mx${index}.example.com`, ecdhCurve: 'P-256' }),
        day,
      );
      const peer = population.peer('inbound', `10.0.${index >> 8}.${index & 255}`);
      population.seen(peer, { hello, outcome, day });
    }
  });
  population.close();
});
after(async () => {
  await thread.stop();
  rmSync(directory, { recursive: true });
});

/** `nice` of every thread of this program (proc(5)). */
function priorities(): readonly number[] {
  return readdirSync('/proc/self/task').flatMap((id) => {
    try {
      const stat = readFileSync(`/proc/self/task/${id}/stat`, 'utf8');
      // Behind the name in parentheses, which may hold blanks: state is the 3rd field, nice the 19th.
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    } catch {
      return []; // it ended meanwhile
    }
  });
}

test('figures before the end, then all of it; its thread has a low priority, its helper the lowest, nobody else', async () => {
  const others = priorities();
  assert.ok(others.every((nice) => nice < 10));
  let figures = 0;
  let examined = 0;
  const report = await thread.run(request(['TLSv1.3']), {
    onProgress: (progress) => {
      figures++;
      assert.equal(progress.complete, false);
      const now = progress.targets[0]?.hellos.examined ?? 0;
      assert.ok(now > examined, 'more each time');
      examined = now;
    },
  });
  assert.ok(figures > 0);
  assert.equal(report.complete, true);
  assert.equal(report.breaks, 1_500);
  if (process.platform !== 'linux') return;
  assert.deepEqual(
    priorities().filter((nice) => nice > 0),
    availableParallelism() > 1 ? [10, 19] : [10],
  );
});

test('what was found is remembered; callers at the same time get their own answers', async () => {
  const [first, second] = await Promise.all([
    thread.run(request(['TLSv1.3'])),
    thread.run(request(['TLSv1.0', 'TLSv1.1', 'TLSv1.2'])),
  ]);
  assert.equal(first.breaks, 1_500);
  assert.equal(second.breaks, 0);
});

test('an aborted call rejects, and the next one is served', async () => {
  const ended = new AbortController();
  const fresh = request(['TLSv1.2']);
  const ciphers = 'ECDHE+AES:DHE+AES';
  const inbound = { ...fresh.candidate.tls.inbound, ciphers };
  const candidate = { ...fresh.candidate, tls: { ...fresh.candidate.tls, inbound } };
  const call = thread.run({ ...fresh, candidate }, { signal: ended.signal, onProgress: () => ended.abort() });
  await assert.rejects(call, { code: 'timeout' });
  assert.equal((await thread.run(request(tlsVersions))).breaks, 0);
});

test('settings that cannot be compiled are said in the words of the configuration', async () => {
  const wrong = request(['TLSv1.3']);
  const { candidate } = wrong;
  const broken = {
    ...candidate,
    tls: { ...candidate.tls, inbound: { versions: ['TLSv1.2'] as const, ciphers: 'NONSENSE' } },
  };
  await assert.rejects(thread.run({ ...wrong, candidate: broken }), { code: 'bad-ciphers' });
});

test('stopped in the middle: the caller hears it', async () => {
  const other = new PreviewThread(directory);
  const call = other.run(request(['TLSv1.2', 'TLSv1.3']), { onProgress: () => void other.stop() });
  await assert.rejects(call, { code: 'not-running' });
});
