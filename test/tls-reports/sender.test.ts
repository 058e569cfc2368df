// When reports go out, where, and what becomes of those that nobody takes: a real history, a clock that the test turns.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Snapshot } from '../../src/config/snapshot.ts';
import type { Found } from '../../src/dns/lookup.ts';
import type { MailResolver } from '../../src/dns/resolver.ts';
import { PosternError } from '../../src/errors.ts';
import { outgoingTlsResult } from '../../src/ledger/events.ts';
import type { Submission } from '../../src/spool/protocol.ts';
import type { SendingHistory } from '../../src/tls-reports/history.ts';
import { ReportSender } from '../../src/tls-reports/sender.ts';
import { RecordedLog } from '../delivery/fixture.ts';
import { event, startHistory } from '../ledger/history-fixture.ts';

const hour = 3_600_000;
const day = 24 * hour;
const today = Math.floor(Date.now() / day) * day;
const yesterday = today - day;

function start(t: TestContext, domains: readonly string[], file?: string) {
  const { history, record, file: used } = startHistory(t, {}, file);
  for (const domain of domains) {
    const about = [domain, 'no-policy-found', domain, '', '', ''] as const;
    record(yesterday + hour, event(outgoingTlsResult, ...about, `mx.${domain}`, '192.0.2.1', 'mx', '203.0.113.5'));
  }
  const queries = history.queries as unknown as Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  const remote = new Proxy(
    {},
    {
      get:
        (_, name) =>
        async (...args: unknown[]) =>
          queries[String(name)]?.(...args),
    },
  );
  const clock = { now: today };
  const dns = new Map<string, string | Error>();
  const submitted = new Map<string, Submission>();
  const trouble = { sign: null as Error | null };
  const tlsReports = {
    ...{ send: true, organization: 'Example', contact: 'tls@example.com', receive: [], https: false, signed: true },
    ...{ spread: 4 * hour, retryFor: day, keep: day },
  };
  const snapshot = { hostname: 'gw.example.com', tlsReports, mtaSts: {}, timeouts: { tlsReport: 1000 } };
  const log = new RecordedLog();
  const sender = new ReportSender({
    history: remote as SendingHistory,
    submit: async (submission) => {
      assert.ok(!submitted.has(submission.key), 'the same twice');
      submitted.set(submission.key, submission);
      return 1;
    },
    sign: async (message) => {
      if (trouble.sign !== null) throw trouble.sign;
      return message;
    },
    resolver: () =>
      ({
        ask: async (name: string): Promise<Found> => {
          const answer = dns.get(name);
          if (answer instanceof Error) throw answer;
          const records = answer === undefined ? [] : [{ type: 'TXT' as const, name, data: answer }];
          return {
            kind: answer === undefined ? 'nxdomain' : 'records',
            name,
            records,
            secure: false,
            ttl: 0,
            until: 0,
          };
        },
      }) as unknown as MailResolver,
    snapshot: () => snapshot as unknown as Snapshot,
    log,
    now: () => clock.now,
  });
  t.after(() => sender.stop());
  const rows = () => history.queries.tlsReports(yesterday, 100);
  return { sender, clock, dns, submitted, trouble, log, rows, history, file: used };
}

const wants = (domain: string) => `v=TLSRPTv1; rua=mailto:tls@${domain}`;

test('reports go out after the end of the day, spread over hours, each once; a restart changes nothing', async (t) => {
  const domains = Array.from({ length: 30 }, (_, i) => `d${i}.example`);
  const first = start(t, domains);
  for (const domain of domains) first.dns.set(`_smtp._tls.${domain}`, wants(domain));
  await first.sender.tick();
  assert.equal(first.rows().length, 0, 'not before the last sessions are counted');
  first.clock.now = today + hour / 6;
  await first.sender.tick();
  assert.equal(first.rows().length, 30);
  assert.ok(first.submitted.size < 5, 'not all at once');
  first.clock.now = today + 2 * hour;
  await first.sender.tick();
  const half = first.submitted.size;
  assert.ok(half > 5 && half < 25, String(half));
  await first.sender.stop();
  first.history.stop();

  const second = start(t, [], first.file);
  for (const domain of domains) second.dns.set(`_smtp._tls.${domain}`, wants(domain));
  second.clock.now = today + 5 * hour;
  await second.sender.tick();
  const keys = [...first.submitted.keys(), ...second.submitted.keys()];
  assert.equal(keys.length, 30);
  assert.equal(new Set(keys).size, 30, 'none twice, none forgotten');
  assert.ok(second.rows().every(({ state }) => state === 'sent'));
});

test('what fails is tried again at growing distances for a day, then given up; who wants none is asked once', async (t) => {
  const { sender, clock, dns, trouble, log, rows, submitted } = start(t, ['a.example', 'b.example', 'c.example']);
  dns.set('_smtp._tls.a.example', new PosternError('dns', 'SERVFAIL', { temporary: true }));
  dns.set('_smtp._tls.b.example', wants('b.example'));
  trouble.sign = new Error('no DKIM key signs for example.com');
  clock.now = today + 5 * hour;
  await sender.tick();
  const state = (domain: string) => rows().find((row) => row.domain === domain);
  assert.equal(state('c.example')?.state, 'none');
  assert.match(state('a.example')?.detail ?? '', /SERVFAIL/);
  assert.match(state('b.example')?.detail ?? '', /no DKIM key/);
  const waits: number[] = [];
  for (let turn = 0; turn < 20 && state('a.example')?.state === 'due'; turn++) {
    const next = state('a.example')?.next ?? 0;
    waits.push(next - clock.now);
    clock.now = next;
    if (turn === 2) trouble.sign = null;
    await sender.tick();
  }
  assert.deepEqual(waits.slice(0, 4), [hour / 12, hour / 6, hour / 3, (2 * hour) / 3]);
  assert.equal(state('a.example')?.state, 'failed');
  assert.ok(clock.now <= today + 5 * hour + day);
  assert.ok(log.lines.some((line) => /to a\.example is given up: SERVFAIL/.test(line)));
  assert.equal(state('b.example')?.state, 'sent');
  assert.equal(submitted.size, 1);
});

test('a day that is not over, and a configuration that does not say who reports', async (t) => {
  const { sender, clock } = start(t, ['a.example']);
  clock.now = today + hour;
  await assert.rejects(sender.send(today, null), /is not over/);
  await assert.rejects(sender.send(yesterday + 1, null), /is not over/);
});
