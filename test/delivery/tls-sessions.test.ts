// TLS sessions of outgoing connections: which ones go on, and which never do; against OpenSSL's own server.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Proof, type Resumption, TlsSessions } from '../../src/delivery/tls-sessions.ts';
import { outgoingOffer } from '../../src/ledger/events.ts';
import { compileClientTls } from '../../src/tls/contexts.ts';
import type { DaneVerdict } from '../../src/tls/dane.ts';
import { tlsPolicy } from '../../src/tls/message-policy.ts';
import type { StsVerdict } from '../../src/tls/mta-sts.ts';
import type { DestinationLevel, PolicyInput, TlsPolicy } from '../../src/tls/policy.ts';
import { type OpensslDestination, startOpensslDestination } from '../gateway/openssl-destination.ts';
import { CertificateDirectory } from '../tls/peers.ts';
import { Sender, snapshotOf } from './fixture.ts';
import { Peer } from './peer.ts';

const directory = new CertificateDirectory();
const pair = directory.make('rsa:2048', 'mx.example');
after(() => directory.remove());

/** Two names of one address, and the same destination under other controls; each message has a connection of its own. */
function snapshotTo(
  { address, port }: Pick<OpensslDestination, 'address' | 'port'>,
  more: Record<string, unknown> = {},
) {
  const to = (name: string) => [`${name}:${port}`];
  return {
    snapshot: snapshotOf(
      {
        routes: [
          { domain: 'one.example', to: to('mx.example') },
          { domain: 'two.example', to: to('mx2.example') },
          { domain: 'required.example', to: to('mx.example') },
          { domain: 'verify.example', to: to('mx.example') },
          { domain: 'proven.example', to: to('mx.example') },
        ],
        destinations: [
          { domain: 'required.example', tls: 'required' },
          { domain: 'verify.example', tls: 'preferred-verify' },
          { domain: 'proven.example', tls: 'required-verify', ca: 'mx.pem' },
        ],
        ...more,
        limits: { destinationMessages: 1, ...(more['limits'] as object) },
      },
      new Map([['mx.pem', pair.cert]]),
    ),
    hosts: { 'mx.example': [address], 'mx2.example': [address] },
  };
}

/** Of each handshake: whether an earlier session went on. */
function resumedOf({ log }: Sender): readonly boolean[] {
  return log.events.flatMap(({ event, values }) => (event.name === outgoingOffer.name ? [values[2] === true] : []));
}

describe('against s_server', () => {
  const servers = new Map<string, OpensslDestination>();
  before(async () => {
    for (const version of ['-tls1_2', '-tls1_3']) servers.set(version, await startOpensslDestination(pair, [version]));
  });
  after(() => Promise.all([...servers.values()].map((server) => server.close())));

  function senderTo(version: string, more: Record<string, unknown> = {}) {
    const { snapshot, hosts } = snapshotTo(servers.get(version) ?? assert.fail(), more);
    const sender = new Sender(snapshot);
    Object.assign(sender.resolver.hosts, hosts);
    const send = async (domain: string): Promise<boolean | undefined> => {
      assert.deepEqual(await sender.settled(sender.send(`b@${domain}`)), ['finished']);
      return resumedOf(sender).at(-1);
    };
    return { sender, snapshot, send };
  }

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`${version}: only for the same address, name and policy, and not across a commit`, async () => {
      const { sender, snapshot, send } = senderTo(version);
      assert.equal(await send('one.example'), false);
      assert.equal(await send('one.example'), true);
      assert.equal(await send('one.example'), true, 'and again');
      assert.equal(await send('two.example'), false, 'another name');
      assert.equal(await send('required.example'), false, 'another policy');
      assert.equal(await send('required.example'), true);
      assert.equal(await send('verify.example'), false);
      assert.equal(await send('verify.example'), false, 'a certificate that is not in order is looked at each time');
      assert.equal(await send('proven.example'), false, 'another level, other authorities');
      assert.equal(await send('proven.example'), true, 'it was in order');
      assert.equal(await send('proven.example'), true, 'and is by the session of one that went on');
      assert.equal(sender.log.count(/tls=required-verify:verified \(certificate for mx\.example\)/), 3);
      assert.equal(sender.log.count(/TLS certificate subject "CN=mx\.example"/), 6, 'where it was shown');
      sender.use(snapshot);
      assert.equal(await send('one.example'), false, 'a commit');
      assert.equal(await send('proven.example'), false, 'a commit');
      assert.equal(await send('one.example'), true);
      await sender.stop();
    });
  }

  test('none are kept where the configuration says so', async () => {
    const { sender, send } = senderTo('-tls1_3', { limits: { tlsSessions: 0 } });
    assert.deepEqual([await send('one.example'), await send('one.example')], [false, false]);
    await sender.stop();
  });
});

test('a server that cannot go on with a session gets the mail over a connection without one, at once', async (t) => {
  const peer = await Peer.start({
    tls: { key: pair.key, cert: pair.cert, maxVersion: 'TLSv1.2' },
    reply: (command, { number, socket }) => {
      if (command !== 'STARTTLS' || number !== 1) return null;
      setImmediate(() => socket.destroy());
      return '220 2.0.0 go on';
    },
  });
  t.after(() => peer.close());
  const { snapshot, hosts } = snapshotTo({ address: '127.0.0.1', port: peer.port });
  const sender = new Sender(snapshot);
  Object.assign(sender.resolver.hosts, hosts);
  for (let message = 0; message < 3; message++) {
    assert.deepEqual(await sender.settled(sender.send('b@one.example')), ['finished']);
  }
  assert.equal(sender.log.count(/^DCID 2 mx\.example does not go on with an earlier TLS session/), 1);
  assert.equal(sender.log.count(/tls=preferred:failed/), 0, 'nothing failed in the end');
  assert.equal(peer.sessions.length, 4);
  await sender.stop();
});

describe('the table', () => {
  const versions = ['TLSv1.2', 'TLSv1.3'] as const;
  const target = { host: 'mx.example', address: '192.0.2.1', port: 25, secure: true };
  const client = () => compileClientTls({ versions, ciphers: 'HIGH' });
  const policyOf = (
    level: DestinationLevel,
    dane: DaneVerdict | null = null,
    { host = 'mx.example', sts = null, message = null }: Partial<Pick<PolicyInput, 'host' | 'sts' | 'message'>> = {},
  ) =>
    tlsPolicy({
      controls: { level, names: ['host'] },
      demand: null,
      message,
      secureHost: false,
      domain: 'example',
      nextHops: ['example'],
      host,
      dane,
      sts,
      versions,
    });
  const session = Buffer.from('a session');
  const usable = (fill: number): DaneVerdict => {
    const records = [{ usage: 3, selector: 1, matchingType: 1, data: Buffer.alloc(32, fill) }];
    return { kind: 'usable', base: 'mx.example', records, found: records };
  };
  const enforced = (mx: string): StsVerdict => ({
    kind: 'policy',
    domain: 'example',
    policy: { mode: 'enforce', mx: [mx], maxAge: 86_400 },
    failure: null,
  });
  const forever = Number.POSITIVE_INFINITY;
  const encrypted: Proof = { verdict: { ok: true, got: 'encrypted', detail: '', problem: null }, until: forever };
  const proven = (got: 'verified' | 'dane', until = forever): Proof => ({
    verdict: { ok: true, got, detail: 'it is in order', problem: null },
    until,
  });
  /** What a connection that proved this leaves behind. */
  const leave = (to: Resumption | null, proof: Proof, { bytes = session, protocol = 'TLSv1.2' } = {}) => {
    to?.prove(proof);
    to?.keep(bytes, protocol);
  };

  test('where a certificate counts a session is kept with the verdict, as long as that stands', () => {
    const sessions = new TlsSessions(10);
    const tls = client();
    const at = (policy: TlsPolicy) => sessions.of(target, policy, tls, false, true);
    assert.equal(
      at(policyOf('required-verify', null, { message: 'requiretls' })),
      null,
      'REQUIRETLS is proven each time',
    );
    const dane = policyOf('dane', usable(1));
    assert.equal(dane.check, 'dane');
    const early = at(dane);
    early?.keep(session, 'TLSv1.2');
    assert.equal(at(dane)?.session, null, 'nothing is proven yet');
    early?.prove(proven('dane'));
    assert.equal(at(dane)?.session, session, 'with 1.2 it comes before the certificate is compared');
    assert.equal(at(dane)?.proof?.verdict.got, 'dane');
    assert.equal(at(dane)?.proof?.until === forever, false, 'an hour at most, however often it goes on');
    assert.equal(at(policyOf('dane', usable(2)))?.session, null, 'other records');
    assert.equal(at(policyOf('preferred'))?.session, null, 'another level');
    const sts = policyOf('preferred', null, { sts: enforced('mx.example') });
    assert.equal(sts.wanted, 'mta-sts');
    leave(at(sts), proven('verified'));
    assert.equal(at(sts)?.session, session);
    assert.equal(at(policyOf('preferred', null, { sts: enforced('*.example') }))?.session, null, 'another policy');
    assert.equal(at(policyOf('required-verify'))?.session, null, 'none');
    leave(at(sts), encrypted);
    assert.equal(at(sts)?.session, null, 'a certificate that is not in order: what was known is forgotten');
    leave(at(dane), proven('dane', performance.now()));
    assert.equal(at(dane)?.session, null, 'the records have ended');
    for (const wrong of [
      encrypted,
      {
        ...encrypted,
        verdict: { ...encrypted.verdict, got: 'verified', problem: { type: 'certificate-host-mismatch', reason: '' } },
      } as const,
    ]) {
      leave(at(policyOf('preferred-verify')), wrong);
      assert.equal(at(policyOf('preferred-verify'))?.session, null, 'it was only put up with');
    }
  });

  test('each part of the key counts', () => {
    const sessions = new TlsSessions(10);
    const tls = client();
    const policy = policyOf('preferred');
    const offered = (...args: Parameters<TlsSessions['of']>) => sessions.of(...args)?.session;
    leave(sessions.of(target, policy, tls, false, true), encrypted);
    assert.equal(offered(target, policy, tls, false, true), session);
    // The same policy made anew is the same.
    assert.equal(offered(target, policyOf('preferred'), tls, false, true), session);
    assert.equal(offered({ ...target, address: '192.0.2.2' }, policy, tls, false, true), null, 'address');
    assert.equal(offered({ ...target, port: 26 }, policy, tls, false, true), null, 'port');
    assert.equal(offered(target, policyOf('preferred', null, { host: 'mx2.example' }), tls, false, true), null, 'SNI');
    assert.equal(offered(target, policyOf('required'), tls, false, true), null, 'level');
    assert.equal(offered(target, policy, client(), false, true), null, 'authorities, certificate, ciphers');
    assert.equal(offered(target, policy, tls, true, true), null, 'the context for old versions');
    assert.equal(offered(target, policy, tls, false, false), null, 'asked not to');
  });

  test('a ticket of 1.3 is used once; a commit forgets; the table is bounded', () => {
    const sessions = new TlsSessions(2);
    const tls = client();
    const policy = policyOf('preferred');
    const at = (address: string) => sessions.of({ ...target, address }, policy, tls, false, true);
    const before = at('192.0.2.1');
    for (let n = 0; n < 9; n++) leave(before, encrypted, { bytes: Buffer.from(`${n}`), protocol: 'TLSv1.3' });
    const taken = Array.from({ length: 5 }, () => at('192.0.2.1')?.session?.toString());
    assert.deepEqual(taken, ['8', '7', '6', '5', undefined], 'the newest four');
    before?.keep(Buffer.alloc(9000), 'TLSv1.2');
    assert.equal(at('192.0.2.1')?.session, null, 'too long');
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) leave(at(address), encrypted);
    assert.deepEqual([at('192.0.2.1')?.session, at('192.0.2.3')?.session], [null, session]);
    sessions.reset(2);
    before?.keep(session, 'TLSv1.2');
    assert.deepEqual([at('192.0.2.1')?.session, at('192.0.2.3')?.session], [null, null]);
    const after = at('192.0.2.1');
    leave(after, encrypted);
    after?.forget();
    // Node tells of a session behind the handshake that was given up.
    after?.keep(session, 'TLSv1.2');
    assert.equal(at('192.0.2.1')?.session, null);
  });
});
