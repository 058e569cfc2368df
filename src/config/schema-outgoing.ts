// The part of gateway.yaml's schema that says how mail leaves: destinations, senders, MTA-STS, exceptions, DKIM keys.
import Type from 'typebox';
import { duration, file, object, text, tlsVersionSchema } from './schema-parts.ts';

export const destination = object(
  {
    domain: text('A domain, `.domain` for its sub-domains, `*` for all others, or the address of one recipient.', {
      maxLength: 320,
    }),
    tls: Type.Optional(
      Type.Union(
        [
          Type.Literal('none'),
          Type.Literal('preferred'),
          Type.Literal('preferred-verify'),
          Type.Literal('required'),
          Type.Literal('required-verify'),
          Type.Literal('dane'),
          Type.Literal('dane-only'),
        ],
        { description: 'TLS towards it; not set: that of the wider entry, at last `preferred`.' },
      ),
    ),
    names: Type.Optional(
      Type.Array(text('A name.'), {
        elements: 'set',
        minItems: 1,
        maxItems: 100,
        description:
          'What a certificate that is verified must be for: `host` (the mail host), `domain` (the domain and everything below it), a name, or `.name` for all below it; one is enough. Not set: `host`.',
      }),
    ),
    ca: Type.Optional(
      file("PEM file of the authorities that verified certificates may come from; not set: the system's."),
    ),
    systemCa: Type.Optional(Type.Boolean({ description: 'The authorities of the system beside those of `ca`.' })),
    certificate: Type.Optional(text('Name of a certificate that we show there as a client.', { maxLength: 63 })),
    mtaSts: Type.Optional(
      Type.Boolean({ description: 'Keep the MTA-STS policy of the domain; not set: `mtaSts.check`.' }),
    ),
    connections: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Connections at a time; not set: `limits.destinationConnections`.',
      }),
    ),
    messagesPerConnection: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        description: 'Messages on one connection; not set: `limits.destinationMessages`.',
      }),
    ),
  },
  'Exceptions for one destination.',
);

export const sender = object(
  {
    sender: text('An address, or `@domain` for all of a domain.', { maxLength: 320 }),
    tls: Type.Union([Type.Literal('required'), Type.Literal('required-verify'), Type.Literal('dane-only')], {
      description: 'The least that its mail goes out with, whatever the level of the destination.',
    }),
  },
  'What mail of a sender demands.',
);

const hostedPolicy = object(
  {
    domain: text('The recipient domain; its policy is served as `mta-sts.` and its name.'),
    mode: Type.Union([Type.Literal('enforce'), Type.Literal('testing'), Type.Literal('none')], {
      default: 'testing',
      description: 'What senders do about a host that breaks the policy: leave it, report it, nothing.',
    }),
    mx: Type.Array(text('A host.'), {
      elements: 'set',
      maxItems: 100,
      default: [],
      description: 'Names of the mail hosts; `*.example.com` for one label before it.',
    }),
    maxAge: duration('7d', 'How long senders keep the policy.', { least: '1d', most: '365d' }),
    certificate: text('Name of a certificate that is for `mta-sts.` and the domain.', {
      default: 'demo',
      maxLength: 63,
    }),
  },
  'A policy that we serve for a domain of ours.',
);

export const mtaSts = object(
  {
    check: Type.Boolean({
      default: true,
      description: 'Keep the policies of recipient domains whose hosts come from MX, at every level but `none`.',
    }),
    ca: Type.Optional(
      file(
        "PEM file of authorities that certificates of policy hosts, and of hosts that take TLS reports, may come from, beside the system's.",
      ),
    ),
    address: text('Address that our own policies are served at (HTTPS); `0.0.0.0` or `::` for all.', {
      default: '127.0.0.1',
    }),
    port: Type.Integer({
      default: 443,
      minimum: 1,
      maximum: 65_535,
      description: 'Port that they are served at; senders come to 443.',
    }),
    domains: Type.Array(hostedPolicy, {
      identity: 'domain',
      maxItems: 1000,
      default: [],
      description: 'Policies that we serve for our own domains. None: nothing listens.',
    }),
  },
  'MTA-STS (RFC 8461).',
);

const day = { least: '1d', most: '3650d' };

export const tlsReports = object(
  {
    send: Type.Boolean({
      default: false,
      description: 'Tell domains that ask for it (`_smtp._tls` in DNS) each day how sessions with their hosts went.',
    }),
    organization: Type.Optional(text('Who reports: `organization-name`. Needed for `send`.', { maxLength: 120 })),
    contact: Type.Optional(
      text(
        'Address of those who can answer questions: `contact-info`, and the sender of the mail. Its domain is who reports; a DKIM key of it must sign. Needed for `send`.',
        { maxLength: 254 },
      ),
    ),
    spread: duration('4h', 'Reports about a day go out within this after its end (UTC) and ten minutes.', {
      most: '12h',
    }),
    retryFor: duration(
      '24h',
      'A report that nobody takes is given up this long after the first attempt. So long a received one waits for the key of its signature (DKIM) while DNS does not answer.',
      {
        least: '1m',
        most: '7d',
      },
    ),
    receive: Type.Array(text('A whole address.', { maxLength: 254 }), {
      elements: 'set',
      maxItems: 100,
      default: [],
      description:
        'Addresses that reports of others come to: what is sent there is read by the gateway and goes nowhere else.',
    }),
    https: Type.Boolean({
      default: false,
      description: 'Take reports at `/tlsrpt` of the web service, from anybody.',
    }),
    signed: Type.Boolean({
      default: true,
      description: 'Count only reports by mail that carry a valid DKIM signature of their sender (RFC 8460 3).',
    }),
    keep: duration('180d', 'How long reports of others are kept.', day),
  },
  'TLS reports (RFC 8460).',
);

export const requireTls = object(
  {
    offer: Type.Boolean({
      default: true,
      description: 'Offer REQUIRETLS to clients inside TLS, and keep it: such mail goes on by REQUIRETLS or bounces.',
    }),
    tlsRequiredNo: Type.Boolean({
      default: true,
      description:
        "Heed `TLS-Required: No` in a header: DANE and MTA-STS of the recipient's domain do not hold such mail back. Levels that you demand do.",
    }),
  },
  'What messages themselves say about TLS (RFC 8689).',
);

export const exception = object(
  {
    peer: text('Inbound: an address or range of clients. Outbound: a domain, or `.domain` for its sub-domains.', {
      maxLength: 255,
    }),
    service: Type.Union([Type.Literal('inbound'), Type.Literal('outbound')], {
      description: 'Whose settings it adds to.',
    }),
    versions: Type.Optional(
      Type.Array(tlsVersionSchema, {
        minItems: 1,
        maxItems: 4,
        description: 'Versions beside those of the service; together one unbroken run.',
      }),
    ),
    ciphers: Type.Optional(
      Type.String({ minLength: 1, maxLength: 4096, description: 'In place of the ciphers of the service.' }),
    ),
    owner: text('Who answers for it.', { maxLength: 200 }),
    reason: text('Why it is needed.', { maxLength: 500 }),
    expires: text('The last day that it counts (UTC): 2026-12-31.', { maxLength: 10 }),
  },
  'More TLS than the service allows, for one peer and for a time.',
);

const dkimKey = object(
  {
    domain: text('The domain that signs: for mail from it, and from domains below it that have no key.'),
    selector: text('Its name in DNS: the record stands at `SELECTOR._domainkey.DOMAIN`.', { maxLength: 63 }),
    key: file(
      'PEM file of the private key, RSA (2048 bits or more) or Ed25519. A relative path is below the data directory.',
    ),
    state: Type.Union([Type.Literal('next'), Type.Literal('active'), Type.Literal('retired')], {
      default: 'next',
      description: 'Its record is to be published; it signs; it signs no more, but its record must stay for a while.',
    }),
    retired: Type.Optional(text('The day it was retired (UTC): 2026-12-31.', { maxLength: 10 })),
  },
  'A key that signs mail of a domain.',
);

export const dkim = object(
  {
    keepRecords: duration(
      '14d',
      'How long the record of a retired key stays in DNS: mail that it signed may still be on its way.',
      {
        least: '1d',
        most: '365d',
      },
    ),
    keys: Type.Array(dkimKey, {
      identity: 'selector',
      maxItems: 10_000,
      default: [],
      description: 'Keys. Of those of a domain one RSA and one Ed25519 key may be active; both sign then.',
    }),
  },
  'DKIM signatures (RFC 6376) for mail of clients that may relay, and for our own.',
);
