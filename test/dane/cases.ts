// What DNS says, what the server does, and what must come of it.
import { type Issued, tlsaText } from './certificates.ts';

/** Servers of the test, by their last label before `dane.test`: each has an address and a certificate. */
export type ServerName = 'ee' | 'expired' | 'ta' | 'noroot' | 'old' | 'strip' | 'refuse' | 'postfix';

export const addressOf: Readonly<Record<ServerName, string>> = {
  ee: '127.9.1.1',
  expired: '127.9.1.2',
  ta: '127.9.1.3',
  noroot: '127.9.1.4',
  old: '127.9.1.5',
  strip: '127.9.1.6',
  refuse: '127.9.1.7',
  postfix: '127.9.1.8',
};

export interface Certificates {
  readonly ee: Issued;
  readonly expired: Issued;
  readonly root: Issued;
  readonly middle: Issued;
  readonly stranger: Issued;
}

export interface DaneCase {
  readonly id: string;
  readonly what: string;
  readonly server?: ServerName;
  /** Default: `dane`. */
  readonly level?: string;
  /** In the log; default: the level. */
  readonly wanted?: string;
  /** Further keys of the entry. */
  readonly entry?: Readonly<Record<string, unknown>>;
  /** TLSA records of the host `<id>.<server>.dane.test`. */
  readonly tlsa?: readonly string[];
  /** Instead of MX, A and TLSA of the host. */
  readonly signed?: readonly string[];
  readonly plain?: readonly string[];
  readonly forged?: readonly (readonly [string, string])[];
  /** Default: `<id>.dane.test`. */
  readonly domain?: string;
  /** `none`, `encrypted`, `verified`, `dane`: delivered like that. `failed`: not delivered, TLS is why. `dns`: not delivered, DNS is why. */
  readonly got: 'none' | 'encrypted' | 'verified' | 'dane' | 'failed' | 'dns';
  /** In the line of the log, or in the reason for the delay. */
  readonly why?: RegExp;
  /** Nothing was dialled. */
  readonly undialled?: true;
  /** What posttls-finger says where it differs, and why that is in order; null: the level is not Postfix's. */
  readonly finger?: { readonly verdict: 'verified' | 'encrypted' | 'clear' | 'refused'; readonly why: string } | null;
}

export function daneCases({ ee, expired, root, middle, stranger }: Certificates): readonly DaneCase[] {
  const wrong = tlsaText(stranger, 3, 1, 1);
  const right = tlsaText(ee, 3, 1, 1);
  const hosted = (id: string, server: ServerName) => [
    `${id} IN MX 10 ${id}.${server}`,
    `${id}.${server} IN A ${addressOf[server]}`,
  ];
  return [
    // --- DANE-EE ---
    { id: 'e311', what: '3 1 1', tlsa: [right], got: 'dane', why: /TLSA 3 1 1 .* at e311\.ee\.dane\.test/ },
    { id: 'e301', what: '3 0 1', tlsa: [tlsaText(ee, 3, 0, 1)], got: 'dane' },
    { id: 'e312', what: '3 1 2', tlsa: [tlsaText(ee, 3, 1, 2)], got: 'dane' },
    { id: 'e310', what: '3 1 0: the key itself', tlsa: [tlsaText(ee, 3, 1, 0)], got: 'dane' },
    { id: 'eroll', what: 'roll-over: old and new key', tlsa: [wrong, right], got: 'dane' },
    { id: 'ewrong', what: 'another key', tlsa: [wrong], got: 'failed', why: /matches no TLSA record/ },
    {
      id: 'eexp',
      what: 'expired, and for another name, under DANE-EE',
      server: 'expired',
      tlsa: [tlsaText(expired, 3, 1, 1)],
      got: 'dane',
    },
    {
      id: 'eagile',
      what: 'digest agility: the SHA-512 is of another key, the SHA-256 would match',
      tlsa: [tlsaText(stranger, 3, 1, 2), right],
      got: 'failed',
    },
    { id: 'emixed', what: 'usage 1 beside usage 3', tlsa: [tlsaText(stranger, 1, 0, 1), right], got: 'dane' },
    { id: 'eold', what: 'a server with TLS 1.1 alone', server: 'old', tlsa: [right], got: 'failed' },
    { id: 'epost', what: 'Postfix', server: 'postfix', tlsa: [right], got: 'dane' },
    { id: 'epostwrong', what: 'Postfix with another key', server: 'postfix', tlsa: [wrong], got: 'failed' },
    // --- DANE-TA ---
    { id: 't211', what: '2 1 1 of the root', server: 'ta', tlsa: [tlsaText(root, 2, 1, 1)], got: 'dane' },
    { id: 't202', what: '2 0 2 of the root', server: 'ta', tlsa: [tlsaText(root, 2, 0, 2)], got: 'dane' },
    { id: 'tmid', what: '2 1 1 of an authority between', server: 'ta', tlsa: [tlsaText(middle, 2, 1, 1)], got: 'dane' },
    {
      id: 't200',
      what: '2 0 0: the record has the root that the server does not send',
      server: 'noroot',
      tlsa: [tlsaText(root, 2, 0, 0)],
      got: 'dane',
    },
    {
      id: 't210',
      what: '2 1 0: the record has the key of the root that the server does not send',
      server: 'noroot',
      tlsa: [tlsaText(root, 2, 1, 0)],
      got: 'dane',
    },
    {
      id: 'tnoroot',
      what: '2 0 1 of a root that the server does not send',
      server: 'noroot',
      tlsa: [tlsaText(root, 2, 0, 1)],
      got: 'failed',
      why: /no path of signatures/,
    },
    {
      id: 'tname',
      what: 'another name under DANE-TA',
      signed: [
        'tname IN MX 10 mx.tname',
        `mx.tname IN A ${addressOf.ta}`,
        `_25._tcp.mx.tname IN TLSA ${tlsaText(root, 2, 1, 1)}`,
      ],
      got: 'failed',
      why: /other names than mx\.tname\.dane\.test, tname\.dane\.test/,
    },
    {
      id: 'thop',
      what: 'the name of the recipient domain under DANE-TA',
      domain: 'thop.ta.dane.test',
      signed: [
        'thop.ta IN MX 10 mx.thop',
        `mx.thop IN A ${addressOf.ta}`,
        `_25._tcp.mx.thop IN TLSA ${tlsaText(root, 2, 1, 1)}`,
      ],
      got: 'dane',
    },
    {
      id: 'texp',
      what: 'the name at the end of the aliases of the recipient domain under DANE-TA',
      signed: [
        'texp IN CNAME texp.ta',
        'texp.ta IN MX 10 mx.texp2',
        `mx.texp2 IN A ${addressOf.ta}`,
        `_25._tcp.mx.texp2 IN TLSA ${tlsaText(root, 2, 1, 1)}`,
      ],
      got: 'dane',
    },
    {
      id: 'tself',
      what: 'a self-signed certificate under DANE-TA of an authority',
      tlsa: [tlsaText(root, 2, 1, 1)],
      got: 'failed',
    },
    // --- Unusable records ---
    {
      id: 'u0',
      what: 'usages 0 and 1 alone',
      tlsa: [tlsaText(root, 0, 0, 1), tlsaText(ee, 1, 1, 1)],
      got: 'encrypted',
    },
    { id: 'usel', what: 'unknown selector', tlsa: [`3 7 1 ${'00'.repeat(32)}`], got: 'encrypted' },
    { id: 'umatch', what: 'unknown matching type', tlsa: [`3 1 9 ${'00'.repeat(32)}`], got: 'encrypted' },
    { id: 'ushort', what: 'a digest that is too short', tlsa: [`3 1 1 ${'00'.repeat(20)}`], got: 'encrypted' },
    {
      id: 'ustrip',
      what: 'unusable records, and no STARTTLS',
      server: 'strip',
      tlsa: [tlsaText(root, 0, 0, 1)],
      got: 'failed',
      why: /STARTTLS is not offered/,
    },
    // --- No STARTTLS ---
    { id: 'strip', what: 'STARTTLS is stripped', server: 'strip', tlsa: [right], got: 'failed', why: /not offered/ },
    { id: 'refused', what: 'STARTTLS is refused', server: 'refuse', tlsa: [right], got: 'failed', why: /refused/ },
    { id: 'nostrip', what: 'no TLSA, no STARTTLS', server: 'strip', tlsa: [], got: 'none' },
    { id: 'norefuse', what: 'no TLSA, STARTTLS refused', server: 'refuse', tlsa: [], got: 'none' },
    // --- No records ---
    { id: 'absent', what: 'signed, without TLSA', tlsa: [], got: 'encrypted' },
    {
      id: 'port',
      what: 'TLSA for another port alone',
      signed: [...hosted('port', 'ee'), `_465._tcp.port.ee IN TLSA ${wrong}`, '_25._tcp.port.ee IN TXT "none here"'],
      got: 'encrypted',
    },
    // --- Answers that cannot be had ---
    {
      id: 'bogus',
      what: 'TLSA changed behind its signature',
      signed: [...hosted('bogus', 'ee'), `_25._tcp.bogus.ee IN TLSA 3 1 1 ${'ab'.repeat(32)}`],
      forged: [['ab'.repeat(32), right.slice(6)]],
      got: 'failed',
      why: /SERVFAIL/,
      undialled: true,
    },
    {
      id: 'servfail',
      what: 'TLSA SERVFAIL',
      signed: [...hosted('servfail', 'ee'), '_25._tcp.servfail.ee IN CNAME tlsa.broken.test.'],
      got: 'failed',
      why: /SERVFAIL/,
      undialled: true,
    },
    {
      id: 'bogusa',
      what: 'the address changed behind its signature',
      signed: ['bogusa IN MX 10 bogusa.ee', 'bogusa.ee IN A 192.0.2.123', `_25._tcp.bogusa.ee IN TLSA ${right}`],
      forged: [['192.0.2.123', addressOf.ee]],
      got: 'dns',
      undialled: true,
    },
    {
      id: 'bogusmx',
      what: 'MX changed behind its signature',
      signed: ['bogusmx IN MX 4711 e311.ee'],
      forged: [['MX\t4711', 'MX\t10']],
      got: 'dns',
      undialled: true,
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
      plain: [`insecurehost IN A ${addressOf.ee}`, `_25._tcp.insecurehost IN TLSA ${wrong}`],
      got: 'encrypted',
    },
    {
      id: 'blind',
      what: 'an unsigned host whose servers choke on TLSA: not asked',
      signed: ['blind IN MX 10 blind.plain.test.'],
      plain: [`blind IN A ${addressOf.ee}`, '_25._tcp.blind IN CNAME tlsa.broken.test.'],
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
      signed: [`nomx.ee IN A ${addressOf.ee}`, `_25._tcp.nomx.ee IN TLSA ${right}`],
      got: 'dane',
      why: /at nomx\.ee\.dane\.test/,
    },
    {
      id: 'nomxwrong',
      what: 'no MX: the domain is the host, with another key',
      domain: 'nomxwrong.ee.dane.test',
      signed: [`nomxwrong.ee IN A ${addressOf.ee}`, `_25._tcp.nomxwrong.ee IN TLSA ${wrong}`],
      got: 'failed',
    },
    // --- Aliases ---
    {
      id: 'cend',
      what: 'the host is an alias: TLSA at its end',
      signed: [
        'cend IN MX 10 alias.cend',
        'alias.cend IN CNAME cend.ee',
        `cend.ee IN A ${addressOf.ee}`,
        `_25._tcp.cend.ee IN TLSA ${right}`,
        `_25._tcp.alias.cend IN TLSA ${wrong}`,
      ],
      got: 'dane',
      why: /at cend\.ee\.dane\.test/,
    },
    {
      id: 'cbegin',
      what: 'the host is an alias: TLSA at its beginning alone',
      signed: [
        'cbegin IN MX 10 alias.cbegin',
        'alias.cbegin IN CNAME cbegin.ee',
        `cbegin.ee IN A ${addressOf.ee}`,
        `_25._tcp.alias.cbegin IN TLSA ${right}`,
      ],
      got: 'dane',
      why: /at alias\.cbegin\.dane\.test/,
    },
    {
      id: 'cplain',
      what: 'the host is a signed alias into an unsigned zone: TLSA at its beginning',
      signed: [
        'cplain IN MX 10 alias.cplain',
        'alias.cplain IN CNAME cplain.plain.test.',
        `_25._tcp.alias.cplain IN TLSA ${right}`,
      ],
      plain: [`cplain IN A ${addressOf.ee}`],
      got: 'dane',
      why: /at alias\.cplain\.dane\.test/,
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
      why: /at ctlsa\.ee\.dane\.test/,
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
      why: /at e311\.ee\.dane\.test/,
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
    // --- dane-only ---
    { id: 'oyes', what: 'dane-only with records', level: 'dane-only', tlsa: [right], got: 'dane' },
    {
      id: 'ono',
      what: 'dane-only without records',
      level: 'dane-only',
      tlsa: [],
      got: 'failed',
      why: /dane-only, but there is no TLSA record/,
      undialled: true,
    },
    {
      id: 'ounusable',
      what: 'dane-only with unusable records',
      level: 'dane-only',
      tlsa: [tlsaText(root, 0, 0, 1)],
      got: 'failed',
      why: /dane-only, but no TLSA record is usable/,
      undialled: true,
    },
    {
      id: 'oplain',
      what: 'dane-only without DNSSEC',
      level: 'dane-only',
      domain: 'oplain.plain.test',
      signed: [],
      plain: [`oplain IN A ${addressOf.ee}`],
      got: 'failed',
      why: /dane-only, but the answer about MX is not signed/,
      undialled: true,
    },
    // --- Levels without DANE ---
    {
      id: 'pverify',
      what: 'preferred-verify, self-signed',
      level: 'preferred-verify',
      tlsa: [],
      got: 'encrypted',
      finger: null,
    },
    {
      id: 'pverified',
      what: 'preferred-verify, an authority of our own',
      level: 'preferred-verify',
      server: 'ta',
      entry: { ca: 'root.pem' },
      tlsa: [],
      got: 'verified',
      finger: null,
    },
    {
      id: 'rstrip',
      what: 'required, STARTTLS stripped',
      level: 'required',
      server: 'strip',
      tlsa: [],
      got: 'failed',
      finger: null,
    },
    { id: 'rself', what: 'required, self-signed', level: 'required', tlsa: [wrong], got: 'encrypted', finger: null },
    {
      id: 'vself',
      what: 'required-verify, self-signed',
      level: 'required-verify',
      tlsa: [],
      got: 'failed',
      why: /self-signed/,
      finger: null,
    },
    {
      id: 'vstrip',
      what: 'required-verify, STARTTLS stripped',
      level: 'required-verify',
      server: 'strip',
      tlsa: [],
      got: 'failed',
      finger: null,
    },
    {
      id: 'vca',
      what: 'required-verify, an authority of our own, the name of the host',
      level: 'required-verify',
      server: 'ta',
      entry: { ca: 'root.pem' },
      tlsa: [],
      got: 'verified',
      why: /certificate for vca\.ta\.dane\.test/,
      finger: null,
    },
    {
      id: 'vsystem',
      what: 'required-verify, an authority that the system does not know',
      level: 'required-verify',
      server: 'ta',
      tlsa: [],
      got: 'failed',
      why: /authority is not among those trusted/,
      finger: null,
    },
    {
      id: 'vboth',
      what: 'required-verify, our own authority beside the system’s',
      level: 'required-verify',
      server: 'ta',
      entry: { ca: 'root.pem', systemCa: true },
      tlsa: [],
      got: 'verified',
      finger: null,
    },
    {
      id: 'vname',
      what: 'required-verify, the domain, which the certificate is not for',
      level: 'required-verify',
      server: 'ta',
      entry: { ca: 'root.pem', names: ['domain'] },
      tlsa: [],
      got: 'failed',
      why: /not for vname\.dane\.test/,
      finger: null,
    },
    {
      id: 'vlist',
      what: 'required-verify, a list of names',
      level: 'required-verify',
      server: 'ta',
      entry: { ca: 'root.pem', names: ['domain', 'other.example', '.ta.dane.test'] },
      tlsa: [],
      got: 'verified',
      finger: null,
    },
  ];
}
