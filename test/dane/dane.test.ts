// Deliveries to real servers behind a signed zone and a validating resolver, case by case; and Postfix's own verdict on each.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DestinationTls } from '../../src/delivery/host-policy.ts';
import { destinationOfRecipient } from '../../src/delivery/route.ts';
import { TlsSides } from '../../src/delivery/sides.ts';
import { verifyDomains } from '../../src/delivery/verify.ts';
import { outgoingOffer, outgoingSecurity } from '../../src/ledger/events.ts';
import { until } from '../delivery/fixture.ts';
import { missing } from '../tls/peers.ts';
import { checkSchema } from '../tls-reports/schema.ts';
import { addressIn, type Case, domainOf } from './case.ts';
import { Authority, tlsaText } from './certificates.ts';
import { Ends } from './ends.ts';
import { expectedOfFinger, Finger, fingerVerdict } from './finger.ts';
import { levelCases } from './level-cases.ts';
import { messageCases } from './message-cases.ts';
import { nameCases } from './name-cases.ts';
import { claimNetwork, type Network } from './network.ts';
import { linesOf, Names, readOutcomes, writeOutcomes } from './outcomes.ts';
import { recordCases } from './record-cases.ts';
import { reportsOf } from './reports.ts';
import { stsCases } from './sts-cases.ts';
import { makeCertificates, policyHostIn, resolverIn, startWorld, type World } from './world.ts';

/** Ports 25 and 53 of the loopback, as the Internet has them. */
const skip =
  process.getuid?.() === 0
    ? missing('unbound') || missing('ldns-signzone') || missing('posttls-finger') || missing('postfix')
    : 'ports 25 and 53 need root';

const network: Network = skip === false ? await claimNetwork() : { at: (host) => `127.0.0.${host}` };
const address = addressIn(network);
const directory = new Authority();
const certificates = makeCertificates(directory);
const setting = { ...certificates, address, policyAddress: policyHostIn(network) };
const cases: readonly Case[] = [recordCases, nameCases, levelCases, stsCases, messageCases].flatMap((table) =>
  table(setting),
);
const outcomes = readOutcomes();
const written = new Map<string, string>();
/** Not assured, but written anew. */
const writes = process.env['POSTERN_WRITE_OUTCOMES'] === '1';

const statuses: Readonly<Partial<Record<Case['got'], RegExp>>> = {
  failed: /^0 deferred 4\.7\.[0-9]+ /,
  dns: /^0 deferred 4\.4\.3 /,
  down: /^0 deferred 4\.4\.1 /,
  bounced: /^0 bounced 5\.[0-9]+\.[0-9]+ /,
  returned: /^0 bounced 5\.7\.(10|30) /,
};
const delivered = ({ got }: Case): boolean => statuses[got] === undefined;

describe('a signed zone behind unbound, and servers that keep or break its promises', { skip }, () => {
  const ends = new Ends();
  ends.add(() => directory.remove());
  const names = new Names(certificates, address);
  let world: World;
  before(() =>
    ends.prepare(async () => {
      world = await startWorld({ network, directory, certificates, cases }, ends);
    }),
  );
  after(async () => {
    await ends.run();
    if (writes) writeOutcomes(cases.map((one) => written.get(one.id) ?? one.id));
  });

  // Side by side: what waits for an answer that does not come makes nobody else wait.
  describe('deliveries', { concurrency: 6 }, () => {
    for (const one of cases) {
      const domain = domainOf(one);
      const title = `${one.id}: ${one.what} (${one.level ?? 'dane'})`;
      test(`${title} → ${one.got}`, async () => {
        const { sender, stsLog } = world;
        const to = `x@${domain}`;
        const envelope = { sender: 'a@example.org', ...one.message };
        const mid = sender.send(to, { envelope, destination: destinationOfRecipient(to, envelope, world.snapshot) });
        const [result = ''] = await sender.settled(mid, 30_000);
        const lines = linesOf(domain, { log: sender.log, stsLog, alerts: sender.alerts }).map((line) => names.in(line));
        const block = [title, ...lines, `→ ${names.in(result).replace(/^0 /, '')}`].join('\n  ');
        written.set(one.id, block);
        const level = one.wanted ?? one.level ?? 'dane';
        if (delivered(one)) {
          assert.equal(result, 'finished', block);
          await until(() => world.arrived(domain) === 1, 'the message');
          assert.match(block, new RegExp(` tls=${level}:${one.got}( |$)`, 'm'));
        } else {
          assert.match(result, statuses[one.got] ?? /^$/, block);
          assert.equal(world.arrived(domain), 0, 'a message went out');
          const status = one.rule?.status;
          if (status !== undefined) assert.equal(result.split(' ')[2], status, block);
        }
        const alerts = sender.alerts.filter((alert) => alert.domain === domain);
        // Of several hosts one may fail where another takes the mail.
        if (one.rule !== undefined || !delivered(one))
          assert.equal(alerts.length > 0, one.rule?.alert ?? one.got === 'failed', `the alert\n${block}`);
        if (!delivered(one)) for (const alert of alerts) assert.equal(alert.wanted, level);
        if (one.rule !== undefined) {
          const report = lines.flatMap((line) => /^report (\S+) \S+ (\S+)$/.exec(line)?.slice(1).join(' ') ?? []);
          assert.deepEqual(report, one.rule.report, block);
          if (delivered(one)) {
            const mail = world.mailOf(domain);
            assert.equal(mail?.endsWith(' REQUIRETLS') ?? false, one.rule.passedOn ?? false, mail ?? 'no MAIL');
          }
        }
        if (!writes) assert.equal(block, outcomes.get(one.id));
      });
    }
  });

  test('the report to each domain about all of that is what the schema of RFC 8460 says', () => {
    const reports = reportsOf(world.sender.log);
    // Whose sessions count nowhere hears nothing.
    for (const one of cases) {
      const told = /^ {2}report /m.test(written.get(one.id) ?? '');
      assert.equal(reports.has(domainOf(one)), told, one.id);
    }
    assert.ok(reports.size > cases.length / 2, String(reports.size));
    for (const [domain, report] of reports) {
      try {
        checkSchema(report);
      } catch (error) {
        assert.fail(`${domain}: ${String(error)}\n${report}`);
      }
    }
  });

  test('tlsverify says beforehand what a delivery finds; many domains side by side, each told once', async () => {
    const snapshot = world.snapshot;
    // Where one host fails and another takes the mail, or mail goes out in clear text, "TLS succeeded" is another question.
    // Nor does it know what a message will say of itself.
    const asked = cases.filter((one) => one.got !== 'none' && one.message === undefined);
    const told: string[] = [];
    const verdicts = await verifyDomains(
      asked.map(domainOf),
      {
        snapshot,
        resolver: world.resolver,
        sts: world.policies,
        tls: new TlsSides(snapshot),
        dane: false,
        detail: false,
        signal: new AbortController().signal,
      },
      (verdict, count) => {
        told.push(verdict.domain);
        assert.equal(count, told.length);
      },
    );
    assert.deepEqual(told.toSorted(), asked.map(domainOf).toSorted());
    for (const one of asked) {
      const verdict = verdicts.find(({ domain }) => domain === domainOf(one));
      const lines = verdict?.lines.join('\n') ?? '';
      assert.equal(verdict?.ok, delivered(one), `${one.id}\n${lines}`);
      const last = verdict.ok ? /TLS connection succeeded \S+\.$/ : /TLS connection failed \S+: .+\.$/;
      assert.match(lines, last);
      const verified = one.got === 'dane' || one.got === 'verified';
      if (verdict.ok)
        assert.equal(lines.includes('Certificate verification successful'), verified, `${one.id}\n${lines}`);
    }
  });

  test('tlsverify in detail, and daneverify', async () => {
    const snapshot = world.snapshot;
    const verify = async (domain: string, dane: boolean, detail: boolean) => {
      const tls = new TlsSides(snapshot);
      const { signal } = new AbortController();
      const [verdict] = await verifyDomains(
        [domain],
        { snapshot, resolver: world.resolver, tls, dane, detail, signal },
        () => {},
      );
      assert.ok(verdict !== undefined);
      return { ok: verdict.ok, text: verdict.lines.join('\n') };
    };
    const ta = address('ta').replaceAll('.', '\\.');
    const whole = await verify('t211.dane.test', false, true);
    assert.equal(whole.ok, true, whole.text);
    for (const expected of [
      /^Host t211\.ta\.dane\.test: its name is signed/m,
      /^TLSA record at t211\.ta\.dane\.test: 2 1 1 [0-9a-f]{16}\.\.\.\.$/m,
      /^Policy: dane, at least authenticated; TLSA records at t211\.ta\.dane\.test\.$/m,
      /^Names: t211\.ta\.dane\.test, t211\.dane\.test\.$/m,
      new RegExp(`^Connecting to ${ta} on port 25\\.$`, 'm'),
      new RegExp(`^Connected to ${ta} from interface 127\\.0\\.0\\.1\\.$`, 'm'),
      /^Checking TLS connection\.$/m,
      /^TLS connection established: protocol TLSv1\.3, cipher TLS_AES_256_GCM_SHA384\.$/m,
      /^Certificate verification successful$/m,
      /^Matched: TLSA 2 1 1 /m,
      /^Group: X25519\.$/m,
      /^Chain: CN=leaf < CN=middle < CN=root\.$/m,
      /^TLSv1\.0: no \(.+\)\.$/m,
      /^TLSv1\.2: yes, ECDHE-ECDSA-\S+\.$/m,
      /^TLSv1\.3: yes, TLS_AES_256_GCM_SHA384\.$/m,
      /^TLS connection succeeded t211\.dane\.test\.$/m,
    ]) {
      assert.match(whole.text, expected);
    }
    const both = await verify('two.dane.test', false, true);
    assert.match(both.text, /^Host ewrong\.ee\.dane\.test: /m);
    assert.match(both.text, /^Host e311\.ee\.dane\.test: /m);
    assert.equal(both.ok, true, both.text);
    const clear = await verify('nostrip.dane.test', false, false);
    assert.match(clear.text, /STARTTLS is not offered; mail would go out in clear text\.$/m);
    assert.equal((await verify('rself.dane.test', true, false)).ok, false);
    const dane = await verify('e311.dane.test', true, false);
    assert.match(dane.text, /DANE verification succeeded e311\.dane\.test\.$/);
    const without = await verify('absent.dane.test', true, false);
    assert.match(
      without.text,
      /DANE verification failed absent\.dane\.test: dane-only, but there is no TLSA record\.$/,
    );
    const old = await verify('eold.dane.test', false, true);
    assert.match(old.text, /^TLSv1\.1: yes, /m);
    assert.equal(old.ok, false);
  });

  describe('posttls-finger', { concurrency: 3 }, () => {
    let finger: Finger;
    before(() => {
      finger = new Finger(resolverIn(network), certificates.root.certFile);
      ends.add(() => finger.remove());
    });
    for (const one of cases) {
      if (one.finger === null) continue;
      const differs = one.finger === undefined ? '' : ` (${one.finger.why})`;
      test(`${one.id}: ${one.what}${differs}`, async () => {
        const output = await finger.ask(one);
        const verdict = fingerVerdict(output, one.level ?? 'dane');
        assert.equal(verdict, one.finger?.verdict ?? expectedOfFinger(one), output);
      });
    }
  });

  describe('TLS sessions go on where a certificate was found to be in order, under the same policy and records', () => {
    /** `got` of the message's connection, and whether it went on with an earlier session. */
    const again = async (id: string): Promise<readonly [result: string, got: unknown, resumed: unknown]> => {
      const { sender } = world;
      const { events } = sender.log;
      const from = events.length;
      const [result = ''] = await sender.settled(sender.send(`x@${id}.dane.test`), 30_000);
      const since = events.slice(from);
      const security = since.findLast(({ event }) => event.name === outgoingSecurity.name);
      const offer = since.findLast(({ event }) => event.name === outgoingOffer.name);
      return [result.replace(/^(0 deferred \S+) .*/s, '$1'), security?.values[3], offer?.values[2]];
    };

    test('DANE-EE, DANE-TA, MTA-STS; the verdict stands in the log each time; a commit ends it', async () => {
      for (const [id, got] of [
        ['e311', 'dane'],
        ['t211', 'dane'],
        ['sname', 'verified'],
      ] as const) {
        await again(id);
        assert.deepEqual(await again(id), ['finished', got, true], id);
        assert.deepEqual(await again(id), ['finished', got, true], `${id}, over a ticket of a session that went on`);
      }
      world.sender.use(world.snapshot);
      for (const id of ['e311', 't211', 'sname']) assert.equal((await again(id))[2], false, `${id} after a commit`);
    });

    test('a certificate that was only put up with is shown each time', async () => {
      const { id } =
        cases.find(
          (one) => one.got === 'encrypted' && one.wanted === undefined && one.policy?.body.includes('testing'),
        ) ?? assert.fail();
      await again(id);
      assert.deepEqual(await again(id), ['finished', 'encrypted', false], id);
    });

    test('records that have ended, and other records, mean a full handshake and a new verdict', async () => {
      // A destination that always has something to do is never made anew: its policy ends by itself.
      const busy = (id: string) => {
        const destination = new DestinationTls(`${id}.dane.test`, world.snapshot);
        const target = { host: `${id}.ee.dane.test`, address: '127.0.0.1', port: 25, secure: true };
        return async () => destination.policy(target, [`${id}.dane.test`], { resolver: world.resolver });
      };
      const steady = busy('e311');
      assert.equal(await steady(), await steady(), 'kept while the records hold');
      const policy = busy('esecond');
      const before = await policy();
      assert.deepEqual((await again('esecond')).slice(0, 2), ['finished', 'dane']);
      await sleep(1100); // the time to live of the record
      assert.deepEqual(await again('esecond'), ['finished', 'dane', false], 'the same records, asked for anew');
      const record = (issued: typeof certificates.ee) => `_25._tcp.esecond.ee 1 IN TLSA ${tlsaText(issued, 3, 1, 1)}`;
      world.zone.replace(record(certificates.ee), record(certificates.stranger));
      await sleep(1100);
      assert.deepEqual(await again('esecond'), ['0 deferred 4.7.5', 'failed', false], 'another key');
      const { tlsa } = await policy();
      assert.notDeepEqual(tlsa, before.tlsa, 'the busy destination has the other record too');
      assert.equal(tlsa.length, 1);
      assert.equal(world.arrived('esecond.dane.test'), 3, 'with that of the table');
    });
  });
});
