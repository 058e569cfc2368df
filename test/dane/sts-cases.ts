// MTA-STS, alone and with DANE: what the policy says, what the server does, and what must come of it.
import { type PolicyAnswer, policy } from '../mta-sts/policy-host.ts';
import type { Case, ServerName, Setting } from './case.ts';
import { tlsaText } from './certificates.ts';

type Short = Pick<Case, 'id' | 'what' | 'got'> & Partial<Case>;

export function stsCases(setting: Setting): readonly Case[] {
  const { ee, root, stranger, policyExpired, policyOther, address, policyAddress } = setting;
  const ca = { ca: 'root.pem' };
  const one = (short: Short): Case => ({ level: 'preferred', server: 'ta', entry: ca, finger: null, ...short });
  const enforced = (short: Short): Case => one({ wanted: 'mta-sts', ...short });
  const enforce = (mx: string, more: Partial<PolicyAnswer> = {}): PolicyAnswer => ({
    body: policy('enforce', [mx]),
    ...more,
  });
  const testing = (mx: string): PolicyAnswer => ({ body: policy('testing', [mx]) });
  const all = '*.ta.dane.test';
  const own = (id: string, server: ServerName = 'ee') => `${id}.${server}.dane.test`;
  const right = tlsaText(ee, 3, 1, 1);
  const wrong = tlsaText(stranger, 3, 1, 1);
  return [
    // --- enforce ---
    enforced({ id: 'sname', what: 'enforce, name', policy: enforce(own('sname', 'ta')), got: 'verified' }),
    enforced({
      id: 'swild',
      what: 'enforce, wildcard',
      policy: enforce(all),
      got: 'verified',
    }),
    enforced({
      id: 'sdeep',
      what: 'enforce, a wildcard is one label',
      policy: enforce(all),
      signed: ['sdeep IN MX 10 a.sdeep.ta', `a.sdeep.ta IN A ${address('ta')}`],
      got: 'failed',
    }),
    enforced({
      id: 'smx',
      what: 'enforce, another MX: an answer about MX was changed',
      policy: enforce('mx.example.com'),
      got: 'failed',
    }),
    enforced({
      id: 'sself',
      what: 'enforce, self-signed certificate: somebody in the middle',
      server: 'ee',
      policy: enforce(own('sself')),
      got: 'failed',
    }),
    enforced({
      id: 'scert',
      what: 'enforce, certificate for another host',
      policy: enforce('scert.dane.test'),
      signed: ['scert IN MX 10 scert', `scert IN A ${address('ta')}`],
      got: 'failed',
    }),
    enforced({
      id: 'sstrip',
      what: 'enforce, STARTTLS is stripped: somebody in the middle',
      server: 'strip',
      policy: enforce(own('sstrip', 'strip')),
      got: 'failed',
    }),
    enforced({
      id: 'srefuse',
      what: 'enforce, STARTTLS is refused',
      server: 'refuse',
      policy: enforce(own('srefuse', 'refuse')),
      got: 'failed',
    }),
    enforced({
      id: 'sold',
      what: 'enforce, a server with TLS 1.1 alone',
      server: 'old',
      policy: enforce(own('sold', 'old')),
      got: 'failed',
    }),
    enforced({
      id: 'stwo',
      what: 'enforce, the first of two hosts is not named',
      policy: enforce('stwo2.ta.dane.test'),
      signed: [
        'stwo IN MX 10 stwo1.ta',
        'stwo IN MX 20 stwo2.ta',
        `stwo1.ta IN A ${address('ta')}`,
        `stwo2.ta IN A ${address('ta')}`,
      ],
      got: 'verified',
    }),
    enforced({
      id: 'simpl',
      what: 'enforce, no MX: the domain itself',
      domain: 'simpl.ta.dane.test',
      policy: enforce('simpl.ta.dane.test'),
      signed: [`simpl.ta IN A ${address('ta')}`],
      got: 'verified',
    }),
    enforced({
      id: 'sreq',
      what: 'enforce, level required',
      level: 'required',
      server: 'ee',
      policy: enforce(own('sreq')),
      got: 'failed',
    }),
    one({
      id: 'sver',
      what: 'enforce, level required-verify: the policy limits the hosts',
      level: 'required-verify',
      policy: enforce('mx.example.com'),
      got: 'failed',
    }),
    // --- not in force ---
    one({ id: 'snone', what: 'mode none', server: 'ee', policy: { body: policy('none', []) }, got: 'encrypted' }),
    one({
      id: 'soff',
      what: 'enforce, but mtaSts is off for the destination',
      server: 'ee',
      entry: { mtaSts: false },
      policy: enforce('mx.example.com'),
      got: 'encrypted',
    }),
    one({
      id: 'sclear',
      what: 'enforce, but level none',
      server: 'strip',
      level: 'none',
      policy: enforce('mx.example.com'),
      got: 'none',
    }),
    one({
      id: 'salias',
      what: 'the domain is an alias: the policy of its target is not its own',
      server: 'ee',
      signed: [
        'salias IN CNAME saliast',
        'saliast IN MX 10 salias.ee',
        `salias.ee IN A ${address('ee')}`,
        '_mta-sts.saliast IN TXT "v=STSv1; id=1"',
        `mta-sts.saliast IN A ${policyAddress}`,
      ],
      got: 'encrypted',
    }),
    // --- testing ---
    one({ id: 'stgood', what: 'testing, in order', policy: testing(all), got: 'verified' }),
    one({
      id: 'stself',
      what: 'testing, self-signed',
      server: 'ee',
      policy: testing(own('stself')),
      got: 'encrypted',
    }),
    one({
      id: 'stmx',
      what: 'testing, another MX',
      policy: testing('mx.example.com'),
      got: 'verified',
    }),
    one({
      id: 'ststrip',
      what: 'testing, no STARTTLS',
      server: 'strip',
      policy: testing(own('ststrip', 'strip')),
      got: 'none',
    }),
    // --- policies that cannot be had: as if there were none ---
    one({
      id: 'spself',
      what: 'policy host self-signed',
      server: 'ee',
      policy: enforce('mx.example.com', { pair: stranger }),
      got: 'encrypted',
    }),
    one({
      id: 'spexp',
      what: 'policy host expired',
      server: 'ee',
      policy: enforce('mx.example.com', { pair: policyExpired }),
      got: 'encrypted',
    }),
    one({
      id: 'spname',
      what: 'policy host with a certificate for another name',
      server: 'ee',
      policy: enforce('mx.example.com', { pair: policyOther }),
      got: 'encrypted',
    }),
    one({
      id: 'spredir',
      what: 'redirect',
      server: 'ee',
      policy: { ...enforce('mx.example.com'), status: 302, headers: { Location: 'https://mta-sts.swild.dane.test/' } },
      got: 'encrypted',
    }),
    one({
      id: 'sphuge',
      what: 'huge policy',
      server: 'ee',
      policy: { body: policy('enforce', ['mx.example.com'], `x: ${'y'.repeat(70_000)}\r\n`) },
      got: 'encrypted',
    }),
    one({
      id: 'sphtml',
      what: 'text/html',
      server: 'ee',
      policy: { ...enforce('mx.example.com'), type: 'text/html' },
      got: 'encrypted',
    }),
    one({
      id: 'spslow',
      what: 'slow server',
      server: 'ee',
      policy: { ...enforce('mx.example.com'), slow: true },
      got: 'encrypted',
    }),
    one({
      id: 'sptwo',
      what: 'two records',
      server: 'ee',
      policy: enforce('mx.example.com'),
      records: ['v=STSv1; id=1', 'v=STSv1; id=2'],
      got: 'encrypted',
    }),
    one({ id: 'spbad', what: 'no policy at all', server: 'ee', policy: { body: 'mode: enforce' }, got: 'encrypted' }),
    // --- with DANE ---
    one({
      id: 'sdane',
      what: 'DANE verifies, the policy names the host',
      level: 'dane',
      server: 'ee',
      tlsa: [right],
      policy: enforce(own('sdane')),
      got: 'dane',
    }),
    one({
      id: 'sdanemx',
      what: 'DANE would verify, the policy does not name the host',
      level: 'dane',
      server: 'ee',
      tlsa: [right],
      policy: enforce('mx.example.com'),
      got: 'failed',
    }),
    one({
      id: 'sdanebad',
      what: 'DANE fails, MTA-STS would do',
      level: 'dane',
      tlsa: [wrong],
      policy: enforce(all),
      got: 'failed',
    }),
    enforced({
      id: 'sdaneno',
      what: 'no TLSA: MTA-STS verifies',
      level: 'dane',
      policy: enforce(all),
      got: 'verified',
    }),
    enforced({
      id: 'sdaneun',
      what: 'unusable TLSA: MTA-STS verifies',
      level: 'dane',
      tlsa: [tlsaText(root, 0, 0, 1)],
      policy: enforce(all),
      got: 'verified',
    }),
    one({
      id: 'sdanetest',
      what: 'DANE, and testing with another MX',
      level: 'dane',
      server: 'ee',
      tlsa: [right],
      policy: testing('mx.example.com'),
      got: 'dane',
    }),
    // --- certificates of the host, and what is kept ---
    enforced({
      id: 'scommon',
      what: 'enforce, the name is the common name alone',
      server: 'common',
      policy: enforce('*.common.dane.test'),
      got: 'failed',
    }),
    enforced({
      id: 'sstale',
      what: 'enforce, expired',
      server: 'stale',
      policy: enforce('*.stale.dane.test'),
      got: 'failed',
    }),
    enforced({
      id: 'skept',
      what: 'a kept policy, and the new one cannot be had',
      server: 'ee',
      policy: { ...enforce(own('skept')), status: 500 },
      kept: { policy: { mode: 'enforce', mx: [own('skept')], maxAge: 86_400 }, age: 3600 },
      got: 'failed',
    }),
    one({
      id: 'sended',
      what: 'a kept policy that has ended, and the new one cannot be had',
      server: 'ee',
      policy: { ...enforce(own('sended')), status: 500 },
      kept: { policy: { mode: 'enforce', mx: [own('sended')], maxAge: 86_400 }, age: 90_000 },
      got: 'encrypted',
    }),
  ];
}
