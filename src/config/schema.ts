// The one schema of gateway.yaml: validation, defaults, documentation. Units: durations and sizes are strings
// ("5m", "32MiB"), compiled to milliseconds and bytes in `snapshot.ts`.
import Type, { type Static, type TProperties, type TSchema } from 'typebox';
import { durationPattern, sizePattern } from './units.ts';

const closed = { additionalProperties: false } as const;
const object = <P extends TProperties>(properties: P, description: string) =>
  Type.Object(properties, { ...closed, description });
const withDefault = <S extends TSchema>(schema: S) => schema;
const duration = (value: string, description: string) =>
  Type.String({ pattern: durationPattern, default: value, description });
const size = (value: string, description: string) => Type.String({ pattern: sizePattern, default: value, description });
const count = (value: number, description: string, minimum = 1, maximum = 1_000_000) =>
  Type.Integer({ default: value, minimum, maximum, description });
const name = Type.String({ minLength: 1, maxLength: 63, pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$' });
const host = Type.String({ minLength: 1, maxLength: 255 });
const port = Type.Integer({ minimum: 1, maximum: 65_535 });

export const tlsVersionSchema = Type.Union([
  Type.Literal('TLSv1.0'),
  Type.Literal('TLSv1.1'),
  Type.Literal('TLSv1.2'),
  Type.Literal('TLSv1.3'),
]);

/** The built-in cipher string for TLS 1.0-1.2 (OpenSSL syntax); `!aNULL:!eNULL` is appended to any string, always. */
export const defaultCiphers =
  'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:ECDHE+AES:AES128:AES256';

const service = (what: string) =>
  object(
    {
      versions: Type.Array(tlsVersionSchema, {
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
    address: Type.String({ default: '127.0.0.1', description: 'Address of the web UI and API.' }),
    ports: Type.Array(port, { default: [8443, 4431], description: 'Ports of the web UI and API.' }),
    certificate: Type.String({ default: 'demo', description: 'Name of a certificate.' }),
  },
  'Web UI and REST API.',
);

const listener = object(
  {
    name,
    address: Type.String({ default: '127.0.0.1', description: 'IPv4 or IPv6 address to listen on.' }),
    port,
    tls: Type.Union([Type.Literal('off'), Type.Literal('preferred'), Type.Literal('required')], {
      default: 'preferred',
    }),
    certificate: Type.String({
      default: 'demo',
      description: 'Name of a certificate; several may share one name-list.',
    }),
    interface: Type.String({
      default: 'Management',
      minLength: 1,
      maxLength: 63,
      description: 'Name in the mail log.',
    }),
  },
  'One address that takes mail in.',
);

const certificate = object(
  {
    name,
    cert: Type.String({ minLength: 1, description: 'PEM file: the certificate, then its chain.' }),
    key: Type.String({ minLength: 1, description: 'PEM file: its private key.' }),
  },
  'A certificate and key from files.',
);

const recipients = object(
  {
    file: Type.Optional(
      Type.String({ description: 'File of addresses, one a line; `@domain` allows a whole domain.' }),
    ),
    patterns: Type.Optional(
      Type.Array(Type.String(), { description: 'Addresses with `*` for any run of characters.' }),
    ),
    callAhead: Type.Optional(Type.Boolean({ description: 'Ask the route with RCPT TO before answering.' })),
    cache: Type.Optional(duration('2h', 'How long a call-ahead answer is kept (a negative one a quarter of that).')),
  },
  'Which addresses exist. Nothing set: all of the accepted domains do.',
);

const senderGroup = object(
  {
    name,
    match: Type.Union([Type.String(), Type.Array(Type.String())], {
      description:
        '`relay` (the relay list), `ALL`, an address, a CIDR range, or a host name suffix such as `.example.com`; or a list.',
    }),
    action: Type.Union([
      Type.Literal('ACCEPT'),
      Type.Literal('RELAY'),
      Type.Literal('REJECT'),
      Type.Literal('TCPREFUSE'),
    ]),
  },
  'First match wins at connect.',
);

const route = object(
  {
    domain: Type.String({
      minLength: 1,
      description: 'A domain, `.domain` for its sub-domains, or `*` for everything.',
    }),
    to: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: '`host:port`, `[address]:port`, `address:port`; tried in this order. `USEDNS` = MX.',
    }),
  },
  'Where a domain goes, before MX.',
);

const destination = object(
  {
    domain: Type.String({ minLength: 1 }),
    tls: Type.Optional(
      Type.Union([
        Type.Literal('none'),
        Type.Literal('preferred'),
        Type.Literal('preferred-verify'),
        Type.Literal('required'),
        Type.Literal('required-verify'),
        Type.Literal('dane'),
        Type.Literal('dane-only'),
      ]),
    ),
    connections: Type.Optional(count(20, 'Connections at a time to this destination.', 1, 10_000)),
    messagesPerConnection: Type.Optional(count(1000, 'Messages on one connection.')),
  },
  'Exceptions for one destination.',
);

const syslog = object(
  {
    name,
    host,
    port,
    protocol: Type.Union([Type.Literal('udp'), Type.Literal('tcp'), Type.Literal('tls')]),
    facility: Type.Integer({ default: 20, minimum: 0, maximum: 23, description: 'RFC 5424 facility; 20 = local4.' }),
    hostname: Type.Boolean({ default: false, description: 'Put the host name before the tag.' }),
    verify: Type.Boolean({ default: true, description: 'TLS: check the certificate of the collector.' }),
    ca: Type.Optional(Type.String({ description: 'TLS: PEM file of the authority; default: the built-in list.' })),
    buffer: size('64MiB', 'Disk buffer while the collector is away; the oldest lines go first.'),
  },
  'A collector of the mail log.',
);

export const limitsSchema = object(
  {
    messageSize: size('32MiB', 'Largest message.'),
    recipients: count(1000, 'Recipients a message (RFC 5321 4.5.3.1.8 asks for at least 100).', 1, 100_000),
    connections: count(10_000, 'Connections at a time, all listeners.'),
    connectionsPerClient: count(100, 'Connections at a time from one address (IPv6: from one /64).'),
    messagesPerConnection: count(1000, 'Messages on one incoming connection, then 421.'),
    errors: count(20, 'Refused commands on one connection before 421.'),
    hops: count(100, 'Received lines before a message is refused as a loop (RFC 5321 6.3).'),
    headerSize: size('256KiB', 'Largest header of a message.'),
    dataRate: size('100B', 'Smallest rate a second at which a message must arrive, after the first 30 s.'),
    destinationConnections: count(20, 'Outgoing connections at a time to one destination.', 1, 10_000),
    destinationMessages: count(1000, 'Messages on one outgoing connection.'),
    outgoingConnections: count(2000, 'Outgoing connections at a time, all destinations.'),
    deliveryMemory: size('64MiB', 'Bodies that one mail worker keeps in memory for the first attempt.'),
  },
  'Bounds.',
);

export const timeoutsSchema = object(
  {
    command: duration('5m', 'Incoming: wait for a command (RFC 5321 4.5.3.2.7).'),
    data: duration('3m', 'Incoming: wait for a block of data.'),
    session: duration('1h', 'Incoming: one connection in all, unless a message is arriving at a good rate.'),
    handshake: duration('30s', 'TLS handshake, either side.'),
    hello: duration('10s', 'Incoming: first flight of TLS after STARTTLS.'),
    connect: duration('30s', 'Outgoing: TCP connection (each address).'),
    greeting: duration('5m', 'Outgoing: the 220 greeting (RFC 5321 4.5.3.2.1).'),
    mail: duration('5m', 'Outgoing: reply to EHLO, MAIL, RCPT (RFC 5321 4.5.3.2.2, 3).'),
    dataInitiation: duration('2m', 'Outgoing: reply to DATA (RFC 5321 4.5.3.2.4).'),
    dataBlock: duration('3m', 'Outgoing: progress of the body (RFC 5321 4.5.3.2.5).'),
    dataTermination: duration('10m', 'Outgoing: reply to the final dot (RFC 5321 4.5.3.2.6).'),
    quit: duration('5s', 'Outgoing: reply to QUIT.'),
    idle: duration('5s', 'Outgoing: a connection kept open for the next message.'),
    dns: duration('5s', 'One DNS question, retries included.'),
    reverseLookup: duration('2s', 'Incoming: reverse name of the client.'),
    callAhead: duration('30s', 'Recipient call-ahead in all.'),
    shutdown: duration('10s', 'SIGTERM to the end of the program.'),
  },
  'Deadlines.',
);

export const retrySchema = object(
  {
    first: duration('5m', 'Wait after the first failed attempt.'),
    maximum: duration('4h', 'Longest wait; the wait doubles up to this.'),
    jitter: Type.Number({ default: 0.1, minimum: 0, maximum: 0.5, description: 'Share by which a wait varies.' }),
    lifetime: duration('5d', 'A message that is older bounces.'),
    bounceLifetime: duration('1d', 'A bounce that is older is given up.'),
    delayNotice: duration('4h', 'The sender is told of a delay after this; 0s = never.'),
    probe: duration('1m', 'A destination that is down is tried by one connection after this; doubles up to `maximum`.'),
  },
  'Retries of outgoing mail.',
);

const spool = object(
  {
    bigBody: size('256KiB', 'Bodies from this size live in files, smaller ones in the database.'),
    reserve: size('64MiB', 'Written in advance so that deliveries can be recorded on a full disk.'),
    lowWater: size('512MiB', 'Free disk space below which new mail gets 452; the larger of this and `lowWaterShare`.'),
    lowWaterShare: Type.Number({ default: 0.02, minimum: 0, maximum: 0.5, description: 'Share of the file system.' }),
  },
  'The queue on disk.',
);

const logs = object(
  {
    rotateSize: size('100MiB', 'A log file is closed and renamed from this size on, and every day.'),
    keep: count(30, 'Closed log files kept.', 1, 10_000),
    json: Type.Boolean({ default: true, description: 'mail.json beside mail.current.' }),
  },
  'Log files.',
);

const dns = object(
  {
    servers: Type.Array(Type.String(), {
      default: [],
      description: '`address` or `address:port` of resolvers; empty: those of /etc/resolv.conf.',
    }),
    reverse: Type.Boolean({ default: true, description: 'Look up the reverse name of clients.' }),
  },
  'Name resolution.',
);

/** `gateway.yaml`, schema 2. */
export const configSchema = object(
  {
    schema: Type.Literal(2, { default: 2 }),
    hostname: Type.String({ minLength: 1, maxLength: 255, default: 'localhost' }),
    gui: withDefault(gui),
    listeners: Type.Array(listener, { default: [], description: 'Addresses that take mail in.' }),
    certificates: Type.Array(certificate, { default: [] }),
    accept: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Recipient domains taken from anybody.',
    }),
    recipients,
    relay: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Clients that may send to any domain.',
    }),
    senderGroups: Type.Array(senderGroup, { default: [] }),
    routes: Type.Array(route, { default: [] }),
    tls: object(
      {
        gui: service('GUI HTTPS.'),
        inbound: service('Inbound SMTP.'),
        outbound: service('Outbound SMTP.'),
        otherClients: object(
          {
            allowTLSv1_1: Type.Boolean({ default: false }),
            allowTLSv1_0: Type.Boolean({ default: false }),
          },
          'The clients the gateway itself is: 1.2 and 1.3 always, older ones by box.',
        ),
      },
      'TLS versions and ciphers.',
    ),
    destinations: Type.Array(destination, { default: [] }),
    limits: limitsSchema,
    timeouts: timeoutsSchema,
    retry: retrySchema,
    spool,
    logs,
    syslog: Type.Array(syslog, { default: [] }),
    dns,
    privacy: object(
      {
        logSubjects: Type.Boolean({ default: true }),
        logAddresses: Type.Boolean({ default: true }),
        keepObservations: duration('90d', 'How long observed handshakes are kept.'),
      },
      'Rules the log, tracking and observations alike.',
    ),
  },
  'gateway.yaml',
);

/** A complete configuration document: every key present, defaults filled in. */
export type GatewayConfig = Static<typeof configSchema>;
export type TlsVersionName = Static<typeof tlsVersionSchema>;
