// The one schema of gateway.yaml: validation, defaults, documentation, merging. Durations and sizes are compiled to milliseconds
// and bytes in `snapshot.ts`.
import Type, { type Static } from 'typebox';
import { destination, dkim, exception, mtaSts, requireTls, sender, tlsReports } from './schema-outgoing.ts';
import { count, deadline, duration, file, name, object, port, size, text, tlsVersionSchema } from './schema-parts.ts';

/** The built-in cipher string for TLS 1.0-1.2 (OpenSSL syntax); `!aNULL:!eNULL` ends any string, always (`checkCiphers`). */
export const defaultCiphers =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:ECDHE+AES:AES128:AES256:!aNULL:!eNULL';

const service = (what: string) =>
  object(
    {
      versions: Type.Array(tlsVersionSchema, {
        minItems: 1,
        maxItems: 4,
        default: ['TLSv1.2', 'TLSv1.3'],
        description: 'One unbroken, non-empty run of versions.',
      }),
      ciphers: Type.String({
        minLength: 1,
        maxLength: 4096,
        default: defaultCiphers,
        description: 'OpenSSL cipher string; rules TLS 1.0-1.2 only.',
      }),
    },
    what,
  );

const gui = object(
  {
    address: text('Address of the web UI and API.', { default: '127.0.0.1' }),
    ports: Type.Array(port('A port.'), {
      maxItems: 16,
      default: [8443, 4431],
      description: 'Ports of the web UI and API; each serves both. None: no web service.',
    }),
    certificate: text('Name of a certificate.', { default: 'demo', maxLength: 63 }),
    hsts: Type.Boolean({
      default: false,
      description:
        'Tell browsers for 7 days to come by HTTPS only and never to pass over a warning (RFC 6797). Needs a publicly valid certificate.',
    }),
  },
  'Web UI and REST API.',
);

const listener = object(
  {
    name: name('Its name in the configuration.'),
    address: text('IPv4 or IPv6 address to listen on; `0.0.0.0` or `::` for all.', { default: '127.0.0.1' }),
    port: port('Port to listen on.'),
    tls: Type.Union([Type.Literal('off'), Type.Literal('preferred'), Type.Literal('required')], {
      default: 'preferred',
      description: 'Whether STARTTLS is offered, and whether mail is taken without it.',
    }),
    certificate: text('Name of a certificate; all pairs of that name are offered.', { default: 'demo', maxLength: 63 }),
    interface: text('Its name in the mail log.', { default: 'Management', maxLength: 63 }),
  },
  'One address that takes mail in.',
);

const certificate = object(
  {
    name: name('`demo` is built in. An ECDSA and an RSA pair may share one name: both are offered.'),
    cert: file('PEM file: the certificate, then its chain. A relative path is below the data directory.'),
    key: file('PEM file: its private key.'),
  },
  'A certificate and key from files; changed files are read again without a restart.',
);

const recipients = object(
  {
    file: Type.Optional(file('File of addresses, one a line; `@domain` allows a whole domain, `#` begins a comment.')),
    patterns: Type.Optional(
      Type.Array(text('A pattern.', { maxLength: 320 }), {
        elements: 'set',
        maxItems: 100_000,
        description: 'Addresses with `*` for any run of characters.',
      }),
    ),
    callAhead: Type.Boolean({ default: false, description: 'Ask the route with RCPT TO before answering.' }),
    cache: duration('2h', 'How long a call-ahead answer is kept (a negative one a quarter of that).', {
      least: '1s',
      most: '7d',
    }),
  },
  'Which addresses exist. Neither file nor patterns nor call-ahead: all of the accepted domains do.',
);

const senderGroup = object(
  {
    name: name('Its name in the mail log. `RELAYLIST` and `ALL` replace the built-in groups.'),
    match: Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1, maxItems: 100_000 })], {
      description:
        '`relay` (the relay list), `ALL`, an address, a CIDR range, a host name, or `.example.com` for all names below it; or a list. Names count if they are verified (the name leads back to the address).',
    }),
    action: Type.Union(
      [Type.Literal('ACCEPT'), Type.Literal('RELAY'), Type.Literal('REJECT'), Type.Literal('TCPREFUSE')],
      { description: 'Take mail for accepted domains, for any domain, answer 554, or close at once.' },
    ),
  },
  'First match wins at connect. Built in at the end: RELAYLIST (`relay`, RELAY), ALL (`ALL`, ACCEPT).',
);

const route = object(
  {
    domain: text('A domain, `.domain` for its sub-domains, or `*` for everything.'),
    to: Type.Array(text('A host.', { maxLength: 262 }), {
      minItems: 1,
      maxItems: 32,
      description:
        '`host:port`, `[address]:port`, `address:port`; tried in this order; without a port: 25. `USEDNS` alone: by MX.',
    }),
  },
  'Where a domain goes, before MX.',
);

const syslog = object(
  {
    name: name('Its name.'),
    host: text('Name or address of the collector.'),
    port: port('Port of the collector: usually 514, for TLS 6514.'),
    protocol: Type.Union([Type.Literal('udp'), Type.Literal('tcp'), Type.Literal('tls')], {
      description: 'How lines are sent (RFC 5426, RFC 6587, RFC 5425).',
    }),
    facility: Type.Integer({ default: 20, minimum: 0, maximum: 23, description: 'RFC 5424 facility; 20 = local4.' }),
    hostname: Type.Boolean({ default: false, description: 'Put the host name before the tag.' }),
    verify: Type.Boolean({ default: true, description: 'TLS: check the certificate of the collector.' }),
    ca: Type.Optional(file('TLS: PEM file of the authority; not set: the built-in list.')),
    buffer: size('64MiB', 'Disk buffer while the collector is away; the oldest lines go first.', {
      least: '64KiB',
      most: '1TiB',
    }),
  },
  'A collector of the mail log.',
);

export const limitsSchema = object(
  {
    messageSize: size('32MiB', 'Largest message (RFC 5321 4.5.3.1.7 asks for at least 64 KiB).', {
      least: '64KiB',
      most: '2GiB',
    }),
    recipients: count(1000, 'Recipients a message (RFC 5321 4.5.3.1.8 asks for at least 100).', 1, 100_000),
    connections: count(10_000, 'Connections at a time, all listeners.'),
    connectionsPerClient: count(100, 'Connections at a time from one address (IPv6: from one /64).'),
    messagesPerConnection: count(1000, 'Messages on one incoming connection, then 421.'),
    errors: count(20, 'Refused commands on one connection before 421.'),
    hops: count(100, 'Received lines before a message is refused as a loop (RFC 5321 6.3).'),
    headerSize: size('256KiB', 'Largest header of a message.', { least: '16KiB', most: '64MiB' }),
    lineLength: count(998, 'Octets in a line of a message, its CRLF not counted (RFC 5321 4.5.3.1.6).', 998),
    dataRate: size('100B', 'Smallest rate a second at which a message must arrive, after the first 30 s; 0B: any.', {
      most: '1MiB',
    }),
    destinationConnections: count(20, 'Outgoing connections at a time to one destination.', 1, 10_000),
    destinationMessages: count(1000, 'Messages on one outgoing connection.'),
    outgoingConnections: count(2000, 'Outgoing connections at a time, all destinations.'),
    tlsSessions: count(
      1000,
      'TLS sessions of outgoing connections: hosts for which they are kept, each mail worker for itself; 0: none.',
      0,
      100_000,
    ),
    verifications: count(
      4,
      'tlsverify and daneverify in the UI and the API: so many of them at a time, one for each user.',
      1,
      20,
    ),
    verificationConnections: count(
      20,
      'tlsverify and daneverify: domains at a time, each with one connection at most.',
      1,
      100,
    ),
    rehearsalConnections: count(8, 'Rehearsal: connections at a time, one to a host at most.', 1, 100),
    rehearsalRate: count(20, 'Rehearsal: new connections a second.', 1, 1000),
    rehearsalDestinations: count(500, 'Rehearsal: destinations, most mail first.', 1, 10_000),
    guiConnections: count(500, 'Web UI and API: connections at a time.', 10, 100_000),
    guiConnectionsPerClient: count(100, 'Web UI and API: connections at a time from one address (IPv6: from one /64).'),
    mtaStsConnections: count(500, 'MTA-STS policies that are served: connections at a time.', 1, 100_000),
    mtaStsConnectionsPerClient: count(
      20,
      'MTA-STS policies that are served: connections at a time from one address (IPv6: from one /64).',
    ),
    guiBody: size('1MiB', 'Web UI and API: largest body of a request; imports and uploads may have eight times that.', {
      least: '64KiB',
      most: '64MiB',
    }),
    history: size(
      '1GiB',
      'Size of `ledger.db` (message tracking, reports, observations), some 350 bytes a message; the oldest goes first.',
      { least: '16MiB', most: '1TiB' },
    ),
    tlsReport: size('2MiB', 'Largest TLS report that is taken, as it comes (RFC 8460 5.2: compressed).', {
      least: '16KiB',
      most: '32MiB',
    }),
    tlsReportContent: size('4MiB', 'The same, decompressed: reading stops there.', { least: '64KiB', most: '128MiB' }),
    tlsReportRate: count(60, 'TLS reports a minute that are taken by HTTPS; one client may send a quarter of them.', 4),
    deliveryMemory: size('64MiB', 'Bodies that one mail worker keeps in memory for the first attempt.', {
      least: '1MiB',
      most: '64GiB',
    }),
  },
  'Bounds.',
);

export const timeoutsSchema = object(
  {
    command: deadline('5m', 'Incoming: wait for a command (RFC 5321 4.5.3.2.7).'),
    data: deadline('3m', 'Incoming: wait for a block of data.'),
    session: deadline('1h', 'Incoming: one connection in all, unless a message is arriving at a good rate.'),
    handshake: deadline('30s', 'TLS handshake, either side.'),
    hello: deadline('10s', 'Incoming: first flight of TLS after STARTTLS.'),
    connect: deadline('30s', 'Outgoing: TCP connection (each address).'),
    greeting: deadline('5m', 'Outgoing: the 220 greeting (RFC 5321 4.5.3.2.1).'),
    mail: deadline('5m', 'Outgoing: reply to EHLO, MAIL, RCPT (RFC 5321 4.5.3.2.2, 3).'),
    dataInitiation: deadline('2m', 'Outgoing: reply to DATA (RFC 5321 4.5.3.2.4).'),
    dataBlock: deadline('3m', 'Outgoing: progress of the body (RFC 5321 4.5.3.2.5).'),
    dataTermination: deadline('10m', 'Outgoing: reply to the final dot (RFC 5321 4.5.3.2.6).'),
    quit: deadline('5s', 'Outgoing: reply to QUIT.'),
    idle: deadline('5s', 'Outgoing: a connection kept open for the next message.'),
    mtaSts: deadline('20s', 'Fetching the MTA-STS policy of a domain, in all.'),
    tlsReport: deadline('30s', 'Handing a TLS report over by HTTPS, in all.'),
    dns: deadline('5s', 'One DNS question, retries included.'),
    reverseLookup: deadline('2s', 'Incoming: reverse name of the client.'),
    callAhead: deadline('30s', 'Recipient call-ahead in all.'),
    commitWatch: deadline('1h', 'How long TLS failures are watched after a commit that changes TLS.'),
    guiRequest: deadline('30s', 'Web UI and API: a request, from its first byte to its last.'),
    guiIdle: deadline('2m', 'Web UI and API: a connection without a request.'),
    guiLogonIdle: deadline('30m', 'Web UI: a logon without a request ends.'),
    guiLogon: deadline('12h', 'Web UI: a logon ends.'),
    shutdown: deadline('10s', 'SIGTERM to the end of the program.'),
  },
  'Deadlines.',
);

const wait = { least: '100ms', most: '7d' };
const lifetime = { least: '1s', most: '365d' };

export const retrySchema = object(
  {
    first: duration('5m', 'Wait after the first failed attempt.', wait),
    maximum: duration('4h', 'Longest wait; the wait doubles up to this.', wait),
    jitter: Type.Number({ default: 0.1, minimum: 0, maximum: 0.5, description: 'Share by which a wait varies.' }),
    lifetime: duration('5d', 'A message that is older bounces.', lifetime),
    bounceLifetime: duration('1d', 'A bounce that is older is given up.', lifetime),
    delayNotice: duration('4h', 'The sender is told of a delay after this; 0s: never.', { most: '365d' }),
    probe: duration(
      '1m',
      'A destination that is down is tried by one connection after this; doubles up to `retry.maximum`.',
      wait,
    ),
  },
  'Retries of outgoing mail.',
);

const spool = object(
  {
    bigBody: size('256KiB', 'Bodies from this size live in files, smaller ones in the database.', {
      least: '4KiB',
      most: '16MiB',
    }),
    reserve: size('64MiB', 'Written in advance so that deliveries can be recorded on a full disk.', {
      least: '1MiB',
      most: '64GiB',
    }),
    lowWater: size(
      '512MiB',
      'Free disk space below which new mail gets 452; the larger of this and `spool.lowWaterShare`.',
    ),
    lowWaterShare: Type.Number({ default: 0.02, minimum: 0, maximum: 0.5, description: 'Share of the file system.' }),
  },
  'The queue on disk.',
);

const logs = object(
  {
    rotateSize: size('100MiB', 'A log file is closed and renamed from this size on, and every day.', {
      least: '64KiB',
      most: '1TiB',
    }),
    keep: count(30, 'Closed log files kept.', 1, 10_000),
    json: Type.Boolean({ default: true, description: 'mail.json beside mail.current.' }),
  },
  'Log files.',
);

const dns = object(
  {
    servers: Type.Array(text('A resolver.'), {
      maxItems: 16,
      default: [],
      description: '`address`, `address:port` or `[address]:port` of resolvers; empty: those of /etc/resolv.conf.',
    }),
    trustAd: Type.Boolean({
      default: false,
      description:
        'Believe what `servers` that are not on this machine say about DNSSEC (AD bit): they validate, and nobody can change answers on the way.',
    }),
    validationCheck: duration(
      '5m',
      'How often the resolver is asked whether it (still) validates DNSSEC, for `status` and the system log; while it does not, every minute at least.',
      { least: '1s', most: '24h' },
    ),
    reverse: Type.Boolean({ default: true, description: 'Look up the reverse name of clients.' }),
  },
  'Name resolution.',
);

/** `gateway.yaml`, schema 2. */
export const configSchema = object(
  {
    schema: Type.Literal(2, { default: 2, description: 'Version of this format.' }),
    hostname: text('Name of the gateway in greetings, EHLO and Received lines.', { default: 'localhost' }),
    gui,
    listeners: Type.Array(listener, {
      identity: 'name',
      maxItems: 256,
      default: [],
      description: 'Addresses that take mail in.',
    }),
    certificates: Type.Array(certificate, {
      identity: 'name',
      maxItems: 1000,
      default: [],
      description: 'Certificates beside the built-in `demo`.',
    }),
    accept: Type.Array(text('A domain.'), {
      elements: 'set',
      maxItems: 100_000,
      default: [],
      description: 'Recipient domains taken from anybody; `.example.com` stands for the sub-domains of example.com.',
    }),
    recipients,
    relay: Type.Array(text('An address or range.'), {
      elements: 'set',
      maxItems: 100_000,
      default: [],
      description: 'Clients that may send to any domain: addresses and CIDR ranges.',
    }),
    senderGroups: Type.Array(senderGroup, {
      identity: 'name',
      ordered: true,
      maxItems: 1000,
      default: [],
      description: 'What a client may do, decided at connect.',
    }),
    routes: Type.Array(route, {
      identity: 'domain',
      maxItems: 100_000,
      default: [],
      description: 'Where a domain goes, before MX.',
    }),
    tls: object(
      {
        gui: service('GUI HTTPS.'),
        inbound: service('Inbound SMTP.'),
        outbound: service('Outbound SMTP.'),
        otherClients: object(
          {
            allowTLSv1_1: Type.Boolean({ default: false, description: 'TLS 1.1 beside 1.2 and 1.3.' }),
            allowTLSv1_0: Type.Boolean({ default: false, description: 'TLS 1.0 too; needs `allowTLSv1_1`.' }),
          },
          'The clients the gateway itself is: 1.2 and 1.3 always, older ones by box.',
        ),
      },
      'TLS versions and ciphers.',
    ),
    destinations: Type.Array(destination, {
      identity: 'domain',
      maxItems: 100_000,
      default: [],
      description: 'Exceptions for single destinations.',
    }),
    senders: Type.Array(sender, {
      identity: 'sender',
      maxItems: 10_000,
      default: [],
      description: 'Senders whose mail demands more TLS than its destinations do.',
    }),
    exceptions: Type.Array(exception, {
      identity: 'peer',
      maxItems: 1000,
      default: [],
      description: 'Old TLS for single peers, until a day. Nobody else gets anything else.',
    }),
    mtaSts,
    dkim,
    requireTls,
    tlsReports,
    alerts: object(
      {
        to: Type.Array(text('An address.', { maxLength: 320 }), {
          elements: 'set',
          maxItems: 20,
          default: [],
          description:
            'Who is told by mail when a TLS connection that must be secure fails; at most once a domain and hour.',
        }),
      },
      'Alerts.',
    ),
    limits: limitsSchema,
    timeouts: timeoutsSchema,
    retry: retrySchema,
    spool,
    logs,
    syslog: Type.Array(syslog, {
      identity: 'name',
      maxItems: 64,
      default: [],
      description: 'Collectors of the mail log.',
    }),
    dns,
    privacy: object(
      {
        logSubjects: Type.Boolean({ default: true, description: 'Subjects in the log.' }),
        logAddresses: Type.Boolean({ default: true, description: 'Sender and recipient addresses in the log.' }),
        keepTracking: duration('30d', 'How long messages are kept for tracking.', { least: '1h', most: '3650d' }),
        keepObservations: duration('90d', 'How long observed handshakes are kept.', { least: '1h', most: '3650d' }),
      },
      'Rules the log, tracking and observations alike.',
    ),
  },
  'The configuration of the gateway.',
);

/** A complete configuration document: every key present, defaults filled in. */
export type GatewayConfig = Static<typeof configSchema>;
export type TlsVersionName = Static<typeof tlsVersionSchema>;
