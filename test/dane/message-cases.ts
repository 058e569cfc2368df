// What a message says of itself (RFC 8689): REQUIRETLS, a bounce of such a message, `TLS-Required: No`. What is right is taken from
// the RFC; Postfix knows none of it.
import { type PolicyAnswer, policy } from '../mta-sts/policy-host.ts';
import type { Case, Rule, Setting } from './case.ts';
import { tlsaText } from './certificates.ts';

type Short = Pick<Case, 'id' | 'what' | 'got'> & Rule & Partial<Omit<Case, 'rule' | 'message'>>;

export function messageCases({ root, leaf, stranger, address }: Setting): readonly Case[] {
  const wrong = tlsaText(stranger, 3, 1, 1);
  const as =
    (message: NonNullable<Case['message']>, wanted?: string) =>
    ({ status, alert, report, passedOn = false, ...short }: Short): Case => ({
      level: 'preferred',
      server: 'req',
      entry: { ca: 'root.pem' },
      finger: null,
      ...(wanted === undefined ? {} : { wanted }),
      ...short,
      message,
      rule: { ...(status === undefined ? {} : { status }), alert, report, passedOn },
    });
  const demanded = as({ tls: 'required' }, 'requiretls');
  const bounce = as({ tls: 'required', sender: '' });
  const optional = as({ tls: 'optional' }, 'optional');
  const published = (mode: string, mx: string): PolicyAnswer => ({ body: policy(mode, [mx]) });
  /** In an unsigned zone, to a host that would do. */
  const unsigned = (id: string): Pick<Case, 'domain' | 'plain' | 'signed'> => ({
    domain: `${id}.plain.test`,
    signed: [`${id}.req IN A ${address('req')}`],
    plain: [`${id} IN MX 10 ${id}.req.dane.test.`],
  });
  const back = { got: 'returned', status: '5.7.10' } as const;
  return [
    // --- RFC 8689 4.2.1: all of it holds ---
    demanded({
      id: 'qpkix',
      what: 'REQUIRETLS, a signed MX, a certificate for its host',
      got: 'verified',
      alert: false,
      report: ['no-policy-found success'],
      passedOn: true,
    }),
    demanded({
      id: 'qnone',
      what: 'REQUIRETLS at level none: the message demands more',
      level: 'none',
      got: 'verified',
      alert: false,
      report: ['no-policy-found success'],
      passedOn: true,
    }),
    demanded({
      id: 'qdane',
      what: 'REQUIRETLS, and TLSA records of the certificate (step 4: RFC 7672)',
      tlsa: [tlsaText(leaf, 3, 1, 1)],
      entry: {},
      got: 'dane',
      alert: false,
      report: ['tlsa success'],
      passedOn: true,
    }),
    demanded({
      id: 'qunusable',
      what: 'REQUIRETLS, TLSA records of no use: a certificate for the host is as good',
      tlsa: [tlsaText(root, 0, 0, 1)],
      got: 'verified',
      alert: false,
      report: ['tlsa tlsa-invalid'],
      passedOn: true,
    }),
    demanded({
      id: 'qsts',
      what: 'REQUIRETLS, an unsigned MX that MTA-STS names (step 2)',
      ...unsigned('qsts'),
      policy: published('enforce', 'qsts.req.dane.test'),
      got: 'verified',
      alert: false,
      report: ['sts success'],
      passedOn: true,
    }),
    demanded({
      id: 'qnext',
      what: 'REQUIRETLS, the first host does not offer it, the second does',
      signed: [
        'qnext IN MX 10 qnext.ta',
        'qnext IN MX 20 qnext.req',
        `qnext.ta IN A ${address('ta')}`,
        `qnext.req IN A ${address('req')}`,
      ],
      got: 'verified',
      alert: false,
      report: ['no-policy-found success', 'no-policy-found success'],
      passedOn: true,
    }),
    // --- one step fails at every host: it comes back ---
    demanded({
      id: 'qlacks',
      what: 'REQUIRETLS, which no host offers (step 5); its TLS is in order',
      server: 'ta',
      got: 'returned',
      status: '5.7.30',
      alert: false,
      report: ['no-policy-found success'],
    }),
    demanded({
      id: 'qunsigned',
      what: 'REQUIRETLS, an unsigned MX and no MTA-STS (step 2): there is nothing that the domain could be told about',
      ...unsigned('qunsigned'),
      ...back,
      alert: false,
      report: [],
    }),
    demanded({
      id: 'qtesting',
      what: 'REQUIRETLS, an unsigned MX, MTA-STS in mode testing, which asserts nothing',
      ...unsigned('qtesting'),
      policy: published('testing', 'qtesting.req.dane.test'),
      ...back,
      alert: false,
      report: [],
    }),
    demanded({
      id: 'qstrip',
      what: 'REQUIRETLS, STARTTLS stripped (step 4)',
      server: 'strip',
      ...back,
      alert: true,
      report: ['no-policy-found starttls-not-supported'],
    }),
    demanded({
      id: 'qself',
      what: 'REQUIRETLS, a self-signed certificate',
      server: 'ee',
      ...back,
      alert: true,
      report: ['no-policy-found certificate-not-trusted'],
    }),
    demanded({
      id: 'qname',
      what: 'REQUIRETLS, a certificate for another host',
      signed: ['qname IN MX 10 qname', `qname IN A ${address('req')}`],
      ...back,
      alert: true,
      report: ['no-policy-found certificate-host-mismatch'],
    }),
    demanded({
      id: 'qold',
      what: 'REQUIRETLS, a server with TLS 1.1 alone',
      server: 'old',
      ...back,
      alert: true,
      report: ['no-policy-found validation-failure'],
    }),
    demanded({
      id: 'qwrong',
      what: 'REQUIRETLS, TLSA records of another key, though an authority vouches for the certificate',
      tlsa: [wrong],
      ...back,
      alert: true,
      report: ['tlsa tlsa-invalid'],
    }),
    // --- for now: it waits, and comes back when it is too old ---
    demanded({
      id: 'qbogus',
      what: 'REQUIRETLS, whether there are TLSA records cannot be told',
      signed: [
        'qbogus IN MX 10 qbogus.req',
        `qbogus.req IN A ${address('req')}`,
        '_25._tcp.qbogus.req IN CNAME tlsa.broken.test.',
      ],
      got: 'failed',
      status: '4.7.5',
      alert: true,
      report: ['tlsa dnssec-invalid'],
    }),
    demanded({
      id: 'qrefuse',
      what: 'REQUIRETLS, STARTTLS is refused for now (454, RFC 3207 4)',
      server: 'refuse',
      got: 'failed',
      status: '4.7.4',
      alert: true,
      report: ['no-policy-found starttls-not-supported'],
    }),
    demanded({
      id: 'qunnamed',
      what: 'REQUIRETLS, MTA-STS does not name the host (RFC 8461 5: a passing failure)',
      policy: published('enforce', 'mx.example.com'),
      got: 'failed',
      status: '4.7.0',
      alert: true,
      report: ['sts validation-failure'],
    }),
    demanded({
      id: 'qonly',
      what: 'REQUIRETLS, and the administrator demands DANE, which the domain has not (RFC 8460 4.3.2.1: dane-required)',
      level: 'dane-only',
      got: 'failed',
      status: '4.7.5',
      alert: true,
      report: ['tlsa dane-required'],
    }),
    demanded({
      id: 'qdown',
      what: 'REQUIRETLS, the host is away',
      server: 'nobody',
      got: 'down',
      alert: false,
      report: [],
    }),
    // --- RFC 8689 5: a bounce of it goes the same way where it can, and out where it cannot ---
    bounce({
      id: 'bpkix',
      what: 'a bounce of REQUIRETLS',
      got: 'verified',
      alert: false,
      report: ['no-policy-found success'],
      passedOn: true,
    }),
    bounce({
      id: 'blacks',
      what: 'a bounce of REQUIRETLS, which the host does not offer',
      server: 'ta',
      got: 'verified',
      alert: false,
      report: ['no-policy-found success'],
    }),
    bounce({
      id: 'bself',
      what: 'a bounce of REQUIRETLS, a self-signed certificate',
      server: 'ee',
      got: 'encrypted',
      alert: false,
      report: ['no-policy-found success'],
    }),
    bounce({
      id: 'bstrip',
      what: 'a bounce of REQUIRETLS, STARTTLS stripped',
      server: 'strip',
      got: 'none',
      alert: false,
      report: ['no-policy-found starttls-not-supported'],
    }),
    // --- TLS-Required: No (3, 4.2.2): what the domain publishes is put aside, what the administrator demands is not ---
    optional({
      id: 'nwrong',
      what: 'TLS-Required: No, TLSA records of another key',
      level: 'dane',
      tlsa: [wrong],
      got: 'encrypted',
      alert: false,
      report: [],
    }),
    optional({
      id: 'nbogus',
      what: 'TLS-Required: No, whether there are TLSA records cannot be told',
      level: 'dane',
      signed: [
        'nbogus IN MX 10 nbogus.ee',
        `nbogus.ee IN A ${address('ee')}`,
        '_25._tcp.nbogus.ee IN CNAME tlsa.broken.test.',
      ],
      got: 'encrypted',
      alert: false,
      report: [],
    }),
    optional({
      id: 'nstrip',
      what: 'TLS-Required: No, MTA-STS enforced, STARTTLS stripped',
      server: 'strip',
      policy: published('enforce', 'nstrip.strip.dane.test'),
      got: 'none',
      alert: false,
      report: [],
    }),
    optional({
      id: 'nself',
      what: 'TLS-Required: No, MTA-STS enforced for another host, a self-signed certificate',
      server: 'ee',
      policy: published('enforce', 'mx.example.com'),
      got: 'encrypted',
      alert: false,
      report: [],
    }),
    optional({
      id: 'nold',
      what: 'TLS-Required: No, no common version of TLS, and the server takes nothing without (4.2.2: a notice)',
      server: 'old',
      got: 'bounced',
      status: '5.7.0',
      alert: false,
      report: [],
    }),
    optional({
      id: 'nmust',
      what: 'TLS-Required: No, but required here, STARTTLS stripped',
      server: 'strip',
      level: 'required',
      wanted: 'required',
      got: 'failed',
      status: '4.7.4',
      alert: true,
      report: [],
    }),
    optional({
      id: 'nonly',
      what: 'TLS-Required: No, but DANE is demanded here, and the records are of another key',
      level: 'dane-only',
      wanted: 'dane-only',
      tlsa: [wrong],
      got: 'failed',
      status: '4.7.5',
      alert: true,
      report: [],
    }),
  ];
}
