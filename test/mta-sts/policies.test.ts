// Policies of real HTTPS servers behind a real resolver: kept over restarts, renewed, followed by their id, and bounded.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '../../src/config/snapshot.ts';
import type { Resolver } from '../../src/dns/stub.ts';
import { createResolver } from '../../src/dns/stub.ts';
import { StsPolicies } from '../../src/mta-sts/policies.ts';
import type { StsVerdict } from '../../src/tls/mta-sts.ts';
import { Authority, authority, server } from '../dane/certificates.ts';
import { Ends } from '../dane/ends.ts';
import { claimNetwork, type Network } from '../dane/network.ts';
import { startSignedZone } from '../dane/zone.ts';
import { RecordedLog, snapshotOf } from '../delivery/fixture.ts';
import { missing } from '../tls/peers.ts';
import { type PolicyHost, policy, startPolicyHost } from './policy-host.ts';

const skip = process.getuid?.() === 0 ? missing('unbound') || missing('ldns-signzone') : 'ports 53 and 443 need root';
const network: Network = skip === false ? await claimNetwork() : { at: (host) => `127.0.0.${host}` };
const resolverAddress = network.at(53);
const policyAddress = network.at(20);
const many = Array.from({ length: 30 }, (_, i) => `many${i}`);

describe('MTA-STS policies', { skip }, () => {
  const certificates = new Authority();
  const ends = new Ends();
  ends.add(() => certificates.remove());
  let host: PolicyHost;
  let snapshot: Snapshot;
  let resolver: Resolver;
  const log = new RecordedLog();
  /** What TXT says instead of DNS, or a failure of DNS. */
  let record: string | null = null;
  let now = Date.now();

  before(() => ends.prepare(prepare));
  after(() => ends.run());

  const prepare = async () => {
    const root = certificates.issue('root', { extensions: authority });
    const domains = ['one', 'two', 'alias', ...many].map((name) => `mta-sts.${name}.dane.test`);
    const pair = certificates.issue('policy', { issuer: root, extensions: server(domains.join(',DNS:')) });
    host = await startPolicyHost(policyAddress, pair);
    ends.add(() => host.close());
    const zone = ['one', 'two', ...many].flatMap((name) => [
      `_mta-sts.${name} IN TXT "v=STSv1; " "id=1;"`,
      `mta-sts.${name} IN A ${policyAddress}`,
    ]);
    zone.push('_mta-sts.alias IN CNAME _mta-sts.one', 'mta-sts.alias IN CNAME mta-sts.one');
    const { stop } = await startSignedZone({ signed: `${zone.join('\n')}\n`, plain: '', forged: [] }, resolverAddress);
    ends.add(stop);
    snapshot = { ...snapshotOf({ dns: { servers: [resolverAddress] }, timeouts: { dns: '3s', mtaSts: '1s' } }) };
    snapshot = { ...snapshot, mtaSts: { ...snapshot.mtaSts, ca: root.cert } };
    const real = createResolver(snapshot, { hosts: '/dev/null' });
    resolver = Object.assign(Object.create(real) as Resolver, {
      addresses: (name: string) => real.addresses(name),
      prepare: (next: Snapshot) => real.prepare(next),
      ask: async (name: string, type: 'TXT') => {
        const found = await real.ask(name, type);
        if (record === null || type !== 'TXT') return found;
        if (record === 'SERVFAIL') throw new Error('SERVFAIL');
        if (record === '') return { ...found, records: [] };
        return { ...found, records: [{ type, name, data: record } as const] };
      },
    });
  };

  const newDirectory = () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-sts-'));
    ends.add(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  };
  const open = (dataDirectory: string) => new StsPolicies({ dataDirectory, snapshot, resolver, log, now: () => now });
  const shown = (verdict: StsVerdict) =>
    verdict.kind === 'none' ? 'none' : `${verdict.policy.mode} ${verdict.policy.mx.join()}`;

  test('fetched once for many who ask, and once for a day; a restart keeps it, also without DNS and HTTPS', async () => {
    const directory = newDirectory();
    const first = open(directory);
    host.answers.set('mta-sts.one.dane.test', { body: policy('enforce', ['*.one.dane.test']) });
    const asked = host.requests.length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => first.lookUp('one.dane.test')));
    for (const answer of answers) assert.equal(shown(answer), 'enforce *.one.dane.test');
    assert.equal(shown(await first.lookUp('one.dane.test')), 'enforce *.one.dane.test');
    assert.equal(host.requests.length, asked + 1);
    assert.match(
      log.lines.join('\n'),
      /MTA-STS policy of one\.dane\.test: enforce, mx \*\.one\.dane\.test, for 86400 s \(id 1\)/,
    );
    first.stop();

    host.answers.delete('mta-sts.one.dane.test');
    const second = open(directory);
    for (const found of ['SERVFAIL', '', 'v=STSv1; id=1;']) {
      record = found;
      assert.equal(shown(await second.lookUp('one.dane.test')), 'enforce *.one.dane.test', found);
    }
    // A new id whose policy cannot be had: the old one goes on, and the failure is told.
    record = 'v=STSv1; id=2;';
    const kept = await second.lookUp('one.dane.test');
    assert.equal(shown(kept), 'enforce *.one.dane.test');
    assert.equal(kept.failure?.type, 'sts-policy-fetch-error');
    assert.match(
      log.lines.at(-1) ?? '',
      /cannot be had \(sts-policy-fetch-error\): .*HTTP status 404; the one known holds until/,
    );
    const before = host.requests.length;
    await second.lookUp('one.dane.test');
    assert.equal(host.requests.length, before, 'a failed fetch is not repeated at once');
    // After its life it is gone.
    now += 86_400_000;
    record = '';
    assert.equal(shown(await second.lookUp('one.dane.test')), 'none');
    second.renew();
    assert.deepEqual(second.list(), []);
    second.stop();
    record = null;
  });

  test('a new id is followed at once, also to testing and none', async () => {
    const policies = open(newDirectory());
    for (const [id, mode] of [
      ['1', 'enforce'],
      ['2', 'testing'],
      ['3', 'none'],
      ['4', 'enforce'],
    ] as const) {
      record = `v=STSv1; id=${id};`;
      host.answers.set('mta-sts.two.dane.test', { body: policy(mode, ['mx.two.dane.test']) });
      const expected = mode === 'none' ? 'none' : `${mode} mx.two.dane.test`;
      assert.equal(shown(await policies.lookUp('two.dane.test')), expected);
    }
    policies.stop();
    record = null;
  });

  test('record and policy host may be aliases; the certificate is for the policy host all the same', async () => {
    const policies = open(newDirectory());
    host.answers.set('mta-sts.alias.dane.test', { body: policy('enforce', ['mx.alias.dane.test']) });
    assert.equal(shown(await policies.lookUp('alias.dane.test')), 'enforce mx.alias.dane.test');
    policies.stop();
  });

  test('renewed in the background, and what fails is tried again later', async () => {
    const policies = open(newDirectory());
    host.answers.set('mta-sts.two.dane.test', { body: policy('testing', ['mx.two.dane.test']) });
    await policies.lookUp('two.dane.test');
    const fetched = () => policies.list()[0]?.fetched ?? 0;
    const first = fetched();
    policies.renew();
    await sleep(20);
    assert.equal(fetched(), first, 'not yet');
    now += 43_200_000;
    policies.renew();
    const deadline = Date.now() + 5000;
    while (fetched() === first && Date.now() < deadline) await sleep(5);
    assert.equal(fetched(), now);
    // Whoever hides the record does not let it run out (RFC 8461 10.2).
    record = '';
    const second = fetched();
    now += 43_200_000;
    policies.renew();
    const until = Date.now() + 5000;
    while (fetched() === second && Date.now() < until) await sleep(5);
    record = null;
    assert.equal(fetched(), now, 'the record is hidden');
    policies.stop();
  });

  test('many domains: eight fetches at a time', async () => {
    const policies = open(newDirectory());
    for (const name of many) {
      host.answers.set(`mta-sts.${name}.dane.test`, { body: policy('enforce', [`mx.${name}.dane.test`]) });
    }
    const found = await Promise.all(many.map((name) => policies.lookUp(`${name}.dane.test`)));
    assert.deepEqual(
      found.map(shown),
      many.map((name) => `enforce mx.${name}.dane.test`),
    );
    assert.ok(host.most <= 8, `${host.most}`);
    policies.stop();
  });

  test('a damaged file is set aside', async () => {
    const directory = newDirectory();
    writeFileSync(join(directory, 'sts.db'), 'this is no database, but long enough to look like one '.repeat(100));
    const policies = open(directory);
    host.answers.set('mta-sts.two.dane.test', { body: policy('enforce', ['mx.two.dane.test']) });
    assert.equal(shown(await policies.lookUp('two.dane.test')), 'enforce mx.two.dane.test');
    policies.stop();
    assert.match(log.lines.join('\n'), /are damaged; the file is kept as sts\.db\.damaged-/);
    const again = open(directory);
    assert.equal(again.list().length, 1);
    again.stop();
  });
});
