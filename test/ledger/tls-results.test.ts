// Sessions for our TLS reports, counted by day, domain and policy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outgoingTlsResult } from '../../src/ledger/events.ts';
import type { KeptReport } from '../../src/ledger/tls-reports/received.ts';
import { event, type Recorded, startHistory } from './history-fixture.ts';

const day = 86_400_000;
const today = Math.floor(Date.now() / day) * day;

function session(domain: string, more: Readonly<Record<string, string>> = {}): Recorded {
  const {
    policy = 'no-policy-found',
    about = domain,
    text = '',
    result = '',
    reason = '',
    host = `mx.${domain}`,
  } = more;
  const dialled = ['192.0.2.1', `helo.${host}`, '203.0.113.5'] as const;
  return event(outgoingTlsResult, domain, policy, about, text, result, reason, host, ...dialled);
}

test('sessions are added up by policy, failures by what was wrong and where; midnight (UTC) is a border', (t) => {
  const { history, record } = startHistory(t);
  const sts = { policy: 'sts', text: 'version: STSv1\nmode: enforce' };
  record(today - 1, session('example.com', { result: 'starttls-not-supported' }));
  record(today + 1, session('example.com', sts), session('example.com', sts));
  record(today + 2, session('example.com', { ...sts, result: 'certificate-expired', reason: 'X' }));
  history.queries.write();
  record(today + 3, session('example.com', { ...sts, result: 'certificate-expired', reason: 'X' }));
  record(
    today + 4,
    session('example.com', { ...sts, result: 'certificate-expired', reason: 'X', host: 'mx2.example.com' }),
  );
  const [before] = history.queries.tlsReportDay(today - day, 'example.com');
  assert.deepEqual([before?.type, before?.ok, before?.failed], ['no-policy-found', 0, 1]);
  const policies = history.queries.tlsReportDay(today, 'example.com');
  assert.equal(policies.length, 1);
  const [policy] = policies;
  assert.deepEqual([policy?.type, policy?.text, policy?.ok, policy?.failed], ['sts', sts.text, 2, 3]);
  const counts = policy?.details.map(({ host, count, result }) => `${host} ${result} ${count}`).toSorted();
  assert.deepEqual(counts, ['mx.example.com certificate-expired 2', 'mx2.example.com certificate-expired 1']);
});

test('a TLSA base domain is told of the sessions for all domains that it serves; each recipient domain of its own', (t) => {
  const { history, record } = startHistory(t);
  const tlsa = { policy: 'tlsa', about: 'mx.host.example', text: '3 1 1 00', host: 'mx.host.example' };
  record(
    today,
    session('one.example', tlsa),
    session('two.example', { ...tlsa, result: 'tlsa-invalid' }),
    session('two.example'),
  );
  assert.deepEqual(history.queries.unplannedTlsReports(today).toSorted(), [
    'mx.host.example',
    'one.example',
    'two.example',
  ]);
  const sums = (domain: string) =>
    history.queries
      .tlsReportDay(today, domain)
      .map(({ type, policyDomain, ok, failed }) => `${type} ${policyDomain} ${ok} ${failed}`);
  assert.deepEqual(sums('mx.host.example'), ['tlsa mx.host.example 1 1']);
  assert.deepEqual(sums('one.example'), ['tlsa mx.host.example 1 0']);
  assert.deepEqual(sums('two.example').toSorted(), ['no-policy-found two.example 1 0', 'tlsa mx.host.example 0 1']);
});

test('what strangers can cause has a bound: policies of a domain, different failures of a policy', (t) => {
  const { history, record } = startHistory(t);
  for (let i = 0; i < 200; i++) {
    record(today, session('many.example', { policy: 'sts', text: `mx: ${i}.many.example` }));
    record(today, session('wild.example', { result: 'validation-failure', reason: `${i}`, host: `${i}.wild.example` }));
  }
  const many = history.queries.tlsReportDay(today, 'many.example');
  assert.equal(many.length, 21);
  assert.equal(many.find(({ text }) => text === '')?.ok, 180);
  const [wild] = history.queries.tlsReportDay(today, 'wild.example');
  assert.equal(wild?.failed, 200);
  assert.equal(wild.details.length, 101);
  assert.equal(wild.details.find(({ host }) => host === '')?.count, 100);
});

test('reports are planned once, come due, and what became of them outlives a restart', (t) => {
  const first = startHistory(t);
  first.record(today - day, session('a.example'), session('b.example'));
  const { queries } = first.history;
  queries.planTlsReports(today - day, [
    { domain: 'a.example', next: 1000 },
    { domain: 'b.example', next: 5000 },
  ]);
  queries.planTlsReports(today - day, [{ domain: 'a.example', next: 1 }]);
  assert.deepEqual(queries.unplannedTlsReports(today - day), []);
  assert.deepEqual(queries.dueTlsReports(999, 10), []);
  const [due] = queries.dueTlsReports(1000, 10);
  assert.ok(due !== undefined);
  queries.settleTlsReport({ ...due, state: 'sent', detail: 'mailto:x@a.example' });
  assert.deepEqual(queries.dueTlsReports(4999, 10), []);
  first.history.stop();
  const second = startHistory(t, {}, first.file);
  const states = second.history.queries.tlsReports(null, 10).map(({ domain, state }) => `${domain} ${state}`);
  assert.deepEqual(states, ['a.example sent', 'b.example due']);
});

test('reports of others: kept once, added up, and a signed one in place of the same without signature', (t) => {
  const { history } = startHistory(t);
  const { queries } = history;
  const failure = { sender: '', host: 'mx.example.com', helo: '', address: '', reason: '', info: '' };
  const kept = (organization: string, more: Partial<KeptReport> = {}): KeptReport => ({
    time: today,
    via: 'https',
    sender: '192.0.2.1',
    signer: '',
    signature: '',
    counted: true,
    report: {
      organization,
      reportId: '1',
      contact: 'x@example.org',
      start: today - day,
      end: today - 1,
      policies: [
        {
          type: 'sts',
          domain: 'example.com',
          lines: ['version: STSv1'],
          ok: 5,
          failed: 2,
          failures: [{ ...failure, result: 'certificate-expired', count: 2 }],
        },
      ],
      cut: false,
    },
    ...more,
  });
  assert.equal(queries.keepTlsReport(kept('One')), true);
  assert.equal(queries.keepTlsReport(kept('One')), false);
  assert.equal(queries.keepTlsReport(kept('One', { via: 'mail', signer: 'example.org' })), true);
  assert.equal(queries.keepTlsReport(kept('Two', { counted: false })), true);
  queries.noteBadTlsReport({ time: today, via: 'mail', sender: 'x@evil.example', problem: 'it is not JSON' });
  const sums = queries.receivedTlsSums({ from: today - day, to: today });
  assert.deepEqual(sums, {
    days: [{ day: today - day, ok: 5, failed: 2 }],
    organizations: [{ name: 'One', ok: 5, failed: 2 }],
    domains: [{ name: 'example.com', ok: 5, failed: 2 }],
    results: [{ name: 'certificate-expired', count: 2 }],
    hosts: [{ name: 'mx.example.com', count: 2 }],
  });
  assert.deepEqual(queries.receivedTlsSums({ from: today, to: today + day }).days, []);
  const first = queries.receivedTlsReports({}, { limit: 2 });
  assert.deepEqual(
    first.items.map(({ organization, problem }) => organization || problem),
    ['it is not JSON', 'Two'],
  );
  const second = queries.receivedTlsReports({}, { limit: 2, ...(first.next === null ? {} : { cursor: first.next }) });
  assert.deepEqual(
    second.items.map(({ via, counted }) => `${via} ${counted}`),
    ['mail true', 'https false'],
  );
  assert.equal(second.next, null);
  assert.equal(queries.receivedTlsReports({ text: '%' }, { limit: 10 }).items.length, 0, 'a sign of SQL is a sign');
  assert.equal(queries.receivedTlsReport(second.items[0]?.id ?? 0)?.policies[0]?.failures[0]?.count, 2);
  assert.equal(queries.receivedTlsReport(99), null);
});

test('reports of strangers take a part of the history, the newest of each kind stay', (t) => {
  const { queries } = startHistory(t, { limits: { history: 16 * 1024 * 1024 } }).history;
  const kept = (reportId: string, signer: string): KeptReport => ({
    time: today,
    via: 'mail',
    sender: 'a@example.org',
    signer,
    signature: '',
    counted: true,
    report: {
      organization: 'One',
      reportId,
      contact: '',
      start: today - day,
      end: today,
      policies: [
        {
          type: 'sts',
          domain: 'example.com',
          lines: [],
          ok: 1,
          failed: 400,
          failures: Array.from({ length: 400 }, () => ({
            ...{ result: 'validation-failure', count: 1, sender: '', host: '', helo: '', address: '' },
            ...{ reason: 'x'.repeat(300), info: 'x'.repeat(300) },
          })),
        },
      ],
      cut: false,
    },
  });
  // 300 KB each: of 16 MiB one part in 32 is for those without a signature, one in eight for the others.
  for (let number = 0; number < 20; number++) {
    queries.keepTlsReport(kept(`plain ${number}`, ''));
    queries.keepTlsReport(kept(`signed ${number}`, 'example.org'));
  }
  const ids = queries.receivedTlsReports({}, { limit: 100 }).items.map(({ reportId }) => reportId);
  const [plain, signed] = [ids.filter((id) => id.startsWith('plain')), ids.filter((id) => id.startsWith('signed'))];
  assert.deepEqual(plain, ['plain 19']);
  assert.deepEqual(signed, ['signed 19', 'signed 18', 'signed 17', 'signed 16', 'signed 15', 'signed 14', 'signed 13']);
});
