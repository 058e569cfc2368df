// Names, aliases, several hosts, and answers that cannot be had: where TLSA records are looked for, and when not.
import type { Case, ServerName, Setting } from './case.ts';
import { tlsaText } from './certificates.ts';

export function nameCases({ ee, stranger, address }: Setting): readonly Case[] {
  const wrong = tlsaText(stranger, 3, 1, 1);
  const right = tlsaText(ee, 3, 1, 1);
  const hosted = (id: string, server: ServerName) => [
    `${id} IN MX 10 ${id}.${server}`,
    `${id}.${server} IN A ${address(server)}`,
  ];
  return [
    // --- Answers that cannot be had ---
    {
      id: 'bogus',
      what: 'TLSA changed behind its signature',
      signed: [...hosted('bogus', 'ee'), `_25._tcp.bogus.ee IN TLSA 3 1 1 ${'ab'.repeat(32)}`],
      forged: [['ab'.repeat(32), right.slice(6)]],
      got: 'failed',
    },
    {
      id: 'servfail',
      what: 'TLSA SERVFAIL',
      signed: [...hosted('servfail', 'ee'), '_25._tcp.servfail.ee IN CNAME tlsa.broken.test.'],
      got: 'failed',
    },
    {
      id: 'bogusa',
      what: 'the address changed behind its signature',
      signed: ['bogusa IN MX 10 bogusa.ee', 'bogusa.ee IN A 192.0.2.123', `_25._tcp.bogusa.ee IN TLSA ${right}`],
      forged: [['192.0.2.123', address('ee')]],
      got: 'dns',
    },
    {
      id: 'bogusmx',
      what: 'MX changed behind its signature',
      signed: ['bogusmx IN MX 4711 e311.ee'],
      forged: [['MX\t4711', 'MX\t10']],
      got: 'dns',
    },
    // --- Security of names ---
    {
      id: 'insecuremx',
      what: 'an unsigned MX to a signed host whose TLSA does not match',
      domain: 'insecuremx.plain.test',
      plain: ['insecuremx IN MX 10 ewrong.ee.dane.test.'],
      signed: [],
      got: 'encrypted',
      finger: {
        verdict: 'refused',
        why: 'RFC 7672 2.2.1 leaves it to the client; Postfix uses the records of a host that an unsigned MX names (smtp_tls_insecure_mx_policy)',
      },
    },
    {
      id: 'insecurehost',
      what: 'a signed MX to an unsigned host with TLSA that does not match',
      signed: ['insecurehost IN MX 10 insecurehost.plain.test.'],
      plain: [`insecurehost IN A ${address('ee')}`, `_25._tcp.insecurehost IN TLSA ${wrong}`],
      got: 'encrypted',
    },
    {
      id: 'blind',
      what: 'an unsigned host whose servers choke on TLSA: not asked',
      signed: ['blind IN MX 10 blind.plain.test.'],
      plain: [`blind IN A ${address('ee')}`, '_25._tcp.blind IN CNAME tlsa.broken.test.'],
      got: 'encrypted',
    },
    {
      id: 'unsignedtlsa',
      what: 'a signed host, its TLSA behind an alias into an unsigned zone',
      signed: [...hosted('unsignedtlsa', 'ee'), '_25._tcp.unsignedtlsa.ee IN CNAME unsignedtlsa.plain.test.'],
      plain: [`unsignedtlsa IN TLSA ${wrong}`],
      got: 'encrypted',
    },
    {
      id: 'nomx',
      what: 'no MX: the domain is the host',
      domain: 'nomx.ee.dane.test',
      signed: [`nomx.ee IN A ${address('ee')}`, `_25._tcp.nomx.ee IN TLSA ${right}`],
      got: 'dane',
    },
    {
      id: 'nomxwrong',
      what: 'no MX: the domain is the host, with another key',
      domain: 'nomxwrong.ee.dane.test',
      signed: [`nomxwrong.ee IN A ${address('ee')}`, `_25._tcp.nomxwrong.ee IN TLSA ${wrong}`],
      got: 'failed',
    },
    // --- Aliases ---
    {
      id: 'cend',
      what: 'the host is an alias: TLSA at its end',
      signed: [
        'cend IN MX 10 alias.cend',
        'alias.cend IN CNAME cend.ee',
        `cend.ee IN A ${address('ee')}`,
        `_25._tcp.cend.ee IN TLSA ${right}`,
        `_25._tcp.alias.cend IN TLSA ${wrong}`,
      ],
      got: 'dane',
    },
    {
      id: 'cbegin',
      what: 'the host is an alias: TLSA at its beginning alone',
      signed: [
        'cbegin IN MX 10 alias.cbegin',
        'alias.cbegin IN CNAME cbegin.ee',
        `cbegin.ee IN A ${address('ee')}`,
        `_25._tcp.alias.cbegin IN TLSA ${right}`,
      ],
      got: 'dane',
    },
    {
      id: 'cplain',
      what: 'the host is a signed alias into an unsigned zone: TLSA at its beginning',
      signed: [
        'cplain IN MX 10 alias.cplain',
        'alias.cplain IN CNAME cplain.plain.test.',
        `_25._tcp.alias.cplain IN TLSA ${right}`,
      ],
      plain: [`cplain IN A ${address('ee')}`],
      got: 'dane',
    },
    {
      id: 'cplainwrong',
      what: 'the host is a signed alias into an unsigned zone: another key',
      signed: [
        'cplainwrong IN MX 10 alias.cplainwrong',
        'alias.cplainwrong IN CNAME cplain.plain.test.',
        `_25._tcp.alias.cplainwrong IN TLSA ${wrong}`,
      ],
      got: 'failed',
    },
    {
      id: 'ctlsa',
      what: 'TLSA is an alias (one set of records for many hosts)',
      signed: [...hosted('ctlsa', 'ee'), '_25._tcp.ctlsa.ee IN CNAME _dane.ee', `_dane.ee IN TLSA ${right}`],
      got: 'dane',
    },
    {
      id: 'wild',
      what: 'a wildcard for all ports',
      signed: [...hosted('wild', 'ee'), `*._tcp.wild.ee IN TLSA ${right}`],
      got: 'dane',
    },
    {
      id: 'wildmx',
      what: 'a wildcard for all domains',
      domain: 'anything.wildmx.dane.test',
      signed: ['*.wildmx IN MX 10 e311.ee'],
      got: 'dane',
    },
    // --- Several hosts ---
    {
      id: 'two',
      what: 'the better host fails, the other one has what it promises',
      signed: ['two IN MX 10 ewrong.ee', 'two IN MX 20 e311.ee'],
      got: 'dane',
      finger: null,
    },
    {
      id: 'twobogus',
      what: 'the better host has bogus records, the other one none',
      signed: ['twobogus IN MX 10 bogus.ee', 'twobogus IN MX 20 absent.ee'],
      got: 'encrypted',
      finger: null,
    },
    {
      id: 'twostrip',
      what: 'both hosts fail',
      signed: ['twostrip IN MX 10 strip.strip', 'twostrip IN MX 20 ewrong.ee'],
      got: 'failed',
      finger: null,
    },
    // --- Nowhere to go ---
    { id: 'nxdomain', what: 'the domain does not exist', signed: [], got: 'bounced' },
    { id: 'nullmx', what: 'null MX', signed: ['nullmx IN MX 0 .'], got: 'bounced' },
    { id: 'nohost', what: 'the host of MX does not exist', signed: ['nohost IN MX 10 nohost-gone'], got: 'bounced' },
    {
      id: 'silent',
      what: 'TLSA: no answer',
      signed: [...hosted('silent', 'ee'), '_25._tcp.silent.ee IN CNAME x.silent.test.'],
      got: 'failed',
    },
    {
      id: 'cbogus',
      what: 'TLSA at the end of the alias SERVFAIL, at its beginning in order',
      signed: [
        'cbogus IN MX 10 alias.cbogus',
        'alias.cbogus IN CNAME cbogus.ee',
        `cbogus.ee IN A ${address('ee')}`,
        '_25._tcp.cbogus.ee IN CNAME tlsa.broken.test.',
        `_25._tcp.alias.cbogus IN TLSA ${right}`,
      ],
      got: 'failed',
    },
  ];
}
