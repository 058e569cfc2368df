// The one vocabulary of things that happen: mail log, JSON log, syslog and the history are made from it.
// A thread records an event as a code and plain values; the ledger thread makes the text. Forms: the reference's mail_logs.

export type Level = 'Critical' | 'Warning' | 'Info' | 'Debug' | 'Trace';
export type Value = string | number | boolean | null;

export interface EventDefinition<V extends readonly Value[] = readonly Value[]> {
  /** Index in `eventTable`. */
  readonly code: number;
  /** Stable name in the JSON log. */
  readonly name: string;
  /** `none`: no line; the history alone takes it. */
  readonly log: 'mail' | 'system' | 'none';
  readonly level: Level;
  /** Names of the values in the JSON log. `sender`, `recipient` and `subject` obey `privacy`. */
  readonly fields: readonly string[];
  readonly text: (...values: V) => string;
}

/** Where a thread says what happened. Never waits and never throws. */
export interface EventSink {
  record<V extends readonly Value[]>(event: EventDefinition<V>, ...values: V): void;
}

const table: EventDefinition[] = [];
/** All events, by code. */
export const eventTable: readonly EventDefinition[] = table;

function define<V extends readonly Value[]>(
  log: EventDefinition['log'],
  level: Level,
  name: string,
  fields: { readonly [K in keyof V]: string },
  text: (...values: V) => string,
): EventDefinition<V> {
  const definition = { code: table.length, name, log, level, fields, text };
  table.push(definition as unknown as EventDefinition);
  return definition;
}

type Icid = [icid: number];
type Dcid = [dcid: number];

// --- Receiving ---
/** `listener`: its name in the configuration; `tls`: what it asks for (off, preferred, required). */
export const incomingConnection = define<
  [
    icid: number,
    iface: string,
    local: string,
    remote: string,
    reverse: string | null,
    verified: boolean,
    listener: string,
    tls: string,
  ]
>(
  'mail',
  'Info',
  'smtp.in.connection',
  ['icid', 'interface', 'localAddress', 'address', 'reverseName', 'verified', 'listener', 'tls'],
  (icid, iface, local, remote, reverse, verified, _listener, _tls) =>
    `New SMTP ICID ${icid} interface ${iface} (${local}) address ${remote} reverse dns host ${reverse ?? 'unknown'} verified ${verified ? 'yes' : 'no'}`,
);
/** `action`: ACCEPT, RELAY, REJECT or TCPREFUSE. */
export const senderGroup = define<[icid: number, action: string, group: string, match: string]>(
  'mail',
  'Info',
  'smtp.in.senderGroup',
  ['icid', 'action', 'group', 'match'],
  (icid, action, group, match) => `ICID ${icid} ${action} SG ${group} match ${match} SBRS None`,
);
/** The name that the client gave in EHLO or HELO; recorded once, when it first matters. */
export const incomingHelo = define<[icid: number, helo: string]>(
  'none',
  'Info',
  'smtp.in.helo',
  ['icid', 'helo'],
  (icid, helo) => `ICID ${icid} EHLO ${helo}`,
);
/** First flight of TLS (`flightText`), before what came of it; `resumed`: an earlier session went on. */
export const incomingHello = define<[icid: number, flight: string, resumed: boolean]>(
  'none',
  'Info',
  'smtp.in.hello',
  ['icid', 'flight', 'resumed'],
  (icid, _flight, resumed) => `ICID ${icid} ClientHello${resumed ? ', resumed' : ''}`,
);
export const incomingTls = define<[icid: number, protocol: string, cipher: string]>(
  'mail',
  'Info',
  'smtp.in.tls',
  ['icid', 'protocol', 'cipher'],
  (icid, protocol, cipher) => `ICID ${icid} TLS success protocol ${protocol} cipher ${cipher}`,
);
/** Written by the ledger, a moment later: `group` was derived by replay (docs/observations.md). */
export const incomingTlsGroup = define<[icid: number, group: string]>(
  'mail',
  'Info',
  'smtp.in.tlsGroup',
  ['icid', 'derivedGroup'],
  (icid, group) => `ICID ${icid} TLS group ${group} (derived)`,
);
/** `detail`: `(<decimal>, 'error:...')` or `[Errno 104] Connection reset by peer`. */
export const incomingTlsFailed = define<[icid: number, detail: string]>(
  'mail',
  'Info',
  'smtp.in.tlsFailed',
  ['icid', 'detail'],
  (icid, detail) => `ICID ${icid} TLS failed: ${detail}`,
);
/** Plain words: what the peer offered, what we allow, what to do. */
export const incomingTlsExplained = define<[icid: number, explanation: string]>(
  'mail',
  'Info',
  'smtp.in.tlsExplained',
  ['icid', 'explanation'],
  (icid, explanation) => `ICID ${icid} TLS explanation: ${explanation}`,
);
export const incomingTlsRequired = define<Icid>(
  'mail',
  'Info',
  'smtp.in.tlsRequired',
  ['icid'],
  (icid) => `ICID ${icid} TLS was required but remote host did not initiate it`,
);
export const messageStart = define<[mid: number, icid: number]>(
  'mail',
  'Info',
  'message.start',
  ['mid', 'icid'],
  (mid, icid) => `Start MID ${mid} ICID ${icid}`,
);
export const messageFrom = define<[mid: number, icid: number, sender: string]>(
  'mail',
  'Info',
  'message.from',
  ['mid', 'icid', 'sender'],
  (mid, icid, sender) => `MID ${mid} ICID ${icid} From: <${sender}>`,
);
export const messageTo = define<[mid: number, icid: number, rid: number, recipient: string]>(
  'mail',
  'Info',
  'message.to',
  ['mid', 'icid', 'rid', 'recipient'],
  (mid, icid, rid, recipient) => `MID ${mid} ICID ${icid} RID ${rid} To: <${recipient}>`,
);
export const rejectedByRat = define<[mid: number, icid: number, recipient: string]>(
  'mail',
  'Info',
  'message.rejectedByRat',
  ['mid', 'icid', 'recipient'],
  (mid, icid, recipient) => `MID ${mid} ICID ${icid} To: <${recipient}> Rejected by RAT`,
);
/** An address of an accepted domain that does not exist (`recipients`). */
export const rejectedUnknown = define<[mid: number, icid: number, recipient: string]>(
  'mail',
  'Info',
  'message.rejectedUnknownRecipient',
  ['mid', 'icid', 'recipient'],
  (mid, icid, recipient) => `MID ${mid} ICID ${icid} To: <${recipient}> Rejected: unknown recipient`,
);
/** `id`: the content of the Message-ID field with its angle brackets. */
export const messageId = define<[mid: number, id: string]>(
  'mail',
  'Info',
  'message.messageId',
  ['mid', 'messageId'],
  (mid, id) => `MID ${mid} Message-ID '${id}'`,
);
export const subject = define<[mid: number, subject: string]>(
  'mail',
  'Info',
  'message.subject',
  ['mid', 'subject'],
  (mid, text) => `MID ${mid} Subject "${text}"`,
);
/** What a message itself says about TLS (RFC 8689): `required` by REQUIRETLS, `optional` by `TLS-Required: No`. */
export const messageTls = define<[mid: number, tls: string]>(
  'mail',
  'Info',
  'message.tls',
  ['mid', 'tls'],
  (mid, tls) => `MID ${mid} ${tls === 'required' ? 'REQUIRETLS' : 'TLS-Required: No'}`,
);
export const messageReady = define<[mid: number, bytes: number, sender: string]>(
  'mail',
  'Info',
  'message.ready',
  ['mid', 'bytes', 'sender'],
  (mid, bytes, sender) => `MID ${mid} ready ${bytes} bytes from <${sender}>`,
);
export const messageMatched = define<[mid: number, policy: string]>(
  'mail',
  'Info',
  'message.matched',
  ['mid', 'policy'],
  (mid, policy) => `MID ${mid} matched all recipients for per-recipient policy ${policy} in the inbound table`,
);
export const messageSigned = define<[mid: number, domain: string, selectors: string]>(
  'mail',
  'Info',
  'message.signed',
  ['mid', 'domain', 'selectors'],
  (mid, domain, selectors) => `MID ${mid} DKIM: signing with ${selectors} for ${domain}`,
);
export const messageUnsigned = define<[mid: number, reason: string]>(
  'mail',
  'Warning',
  'message.unsigned',
  ['mid', 'reason'],
  (mid, reason) => `MID ${mid} DKIM: not signed: ${reason}`,
);
export const messageQueued = define<[mid: number]>(
  'mail',
  'Info',
  'message.queued',
  ['mid'],
  (mid) => `MID ${mid} queued for delivery`,
);
export const receivingFailed = define<[icid: number, reason: string]>(
  'mail',
  'Info',
  'smtp.in.receivingFailed',
  ['icid', 'reason'],
  (icid, reason) => `ICID ${icid} Receiving Failed: ${reason}`,
);
export const messageAborted = define<[mid: number, reason: string]>(
  'mail',
  'Info',
  'message.aborted',
  ['mid', 'reason'],
  (mid, reason) => `Message aborted MID ${mid} ${reason}`,
);
export const incomingLost = define<Icid>('mail', 'Info', 'smtp.in.lost', ['icid'], (icid) => `ICID ${icid} lost`);
export const incomingClose = define<Icid>('mail', 'Info', 'smtp.in.close', ['icid'], (icid) => `ICID ${icid} close`);

// --- Delivery ---
/** `host`: its name in the route; `domain`: the recipients'; `tls`: what is asked of it (none, preferred, required). */
export const outgoingConnection = define<
  [dcid: number, iface: string, address: string, port: number, host: string, domain: string, tls: string]
>(
  'mail',
  'Info',
  'smtp.out.connection',
  ['dcid', 'interface', 'address', 'port', 'host', 'domain', 'tls'],
  (dcid, iface, address, port, _host, _domain, _tls) =>
    `New SMTP DCID ${dcid} interface ${iface} address ${address} port ${port}`,
);
/** `offered`: a bit a version, 1 for TLS 1.0 to 8 for 1.3. */
export const outgoingOffer = define<[dcid: number, offered: number, resumed: boolean]>(
  'none',
  'Info',
  'smtp.out.offer',
  ['dcid', 'offered', 'resumed'],
  (dcid, offered, resumed) => `DCID ${dcid} offered ${offered}${resumed ? ', resumed' : ''}`,
);
export const outgoingTls = define<[dcid: number, protocol: string, cipher: string]>(
  'mail',
  'Info',
  'smtp.out.tls',
  ['dcid', 'protocol', 'cipher'],
  (dcid, protocol, cipher) => `DCID ${dcid} TLS success protocol ${protocol} cipher ${cipher}`,
);
/** What the destination's certificate is and where it is weak; not a condition at level `preferred`. */
export const outgoingCertificate = define<[dcid: number, certificate: string]>(
  'mail',
  'Info',
  'smtp.out.certificate',
  ['dcid', 'certificate'],
  (dcid, certificate) => `DCID ${dcid} TLS certificate ${certificate}`,
);
/** `mismatch`: the versions were the cause; adds the reference's remark. */
export const outgoingTlsDeferring = define<[dcid: number, detail: string, mismatch: boolean]>(
  'mail',
  'Info',
  'smtp.out.tlsDeferring',
  ['dcid', 'detail', 'versionMismatch'],
  (dcid, detail, mismatch) =>
    `DCID ${dcid} TLS deferring: ${detail}${mismatch ? ' TLS version mismatch could be the failure reason' : ''}`,
);
export const outgoingTlsFailed = define<[dcid: number, detail: string]>(
  'mail',
  'Info',
  'smtp.out.tlsFailed',
  ['dcid', 'detail'],
  (dcid, detail) => `DCID ${dcid} TLS failed: ${detail}`,
);
export const outgoingTlsExplained = define<[dcid: number, explanation: string]>(
  'mail',
  'Info',
  'smtp.out.tlsExplained',
  ['dcid', 'explanation'],
  (dcid, explanation) => `DCID ${dcid} TLS explanation: ${explanation}`,
);
export const outgoingTlsRequired = define<[dcid: number, address: string]>(
  'mail',
  'Info',
  'smtp.out.tlsRequired',
  ['dcid', 'address'],
  (dcid, address) => `DCID ${dcid} IP ${address} TLS was required but could not be successfully negotiated`,
);
/**
 * What TLS a connection was to have and what it has. `wanted`: level of the destination; `got`: `none`, `encrypted`,
 * `verified`, `dane`, `failed`; `detail`: the name or record that matched, or why there was none.
 */
export const outgoingSecurity = define<[dcid: number, domain: string, wanted: string, got: string, detail: string]>(
  'mail',
  'Info',
  'smtp.out.security',
  ['dcid', 'domain', 'wanted', 'got', 'detail'],
  (dcid, domain, wanted, got, detail) =>
    `DCID ${dcid} domain ${domain} tls=${wanted}:${got}${detail === '' ? '' : ` (${detail})`}`,
);
/** A host that must not even be dialled now. */
export const outgoingHostRefused = define<[domain: string, host: string, wanted: string, reason: string]>(
  'mail',
  'Info',
  'smtp.out.hostRefused',
  ['domain', 'host', 'wanted', 'reason'],
  (domain, host, wanted, reason) => `Host ${host} of ${domain} is not used now: tls=${wanted}:failed (${reason})`,
);
/**
 * What a session counts as in the report to the domain (RFC 8460). `policyDomain`: what the policy is about; `policyString`: lines;
 * `result`: empty for success; `local`, `address`: ours and the host's, where it was not dialled those that it would have been with.
 */
export const outgoingTlsResult = define<
  [
    domain: string,
    policy: string,
    policyDomain: string,
    policyString: string,
    result: string,
    reason: string,
    host: string,
    local: string,
    helo: string,
    address: string,
  ]
>(
  'none',
  'Info',
  'smtp.out.tlsResult',
  ['domain', 'policy', 'policyDomain', 'policyString', 'result', 'reason', 'host', 'local', 'helo', 'address'],
  (domain, policy, _policyDomain, _policyString, result, _reason, _host, _local, _helo, _address) =>
    `TLS report to ${domain}: ${policy} ${result === '' ? 'success' : result}`,
);
/** `rids`: `0` or `0, 1, 2`. */
export const deliveryStart = define<[dcid: number, mid: number, rids: string]>(
  'mail',
  'Info',
  'delivery.start',
  ['dcid', 'mid', 'rids'],
  (dcid, mid, rids) => `Delivery start DCID ${dcid} MID ${mid} to RID [${rids}]`,
);
export const deliveryDone = define<[dcid: number, mid: number, rids: string]>(
  'mail',
  'Info',
  'delivery.done',
  ['dcid', 'mid', 'rids'],
  (dcid, mid, rids) => `Message done DCID ${dcid} MID ${mid} to RID [${rids}]`,
);
export const deliveryResponse = define<[mid: number, rids: string, response: string]>(
  'mail',
  'Info',
  'delivery.response',
  ['mid', 'rids', 'response'],
  (mid, rids, response) => `MID ${mid} RID [${rids}] Response '${response}'`,
);
/** Every recipient of the message is settled. */
export const messageFinished = define<[mid: number]>(
  'mail',
  'Info',
  'message.finished',
  ['mid'],
  (mid) => `Message finished MID ${mid} done`,
);
export const outgoingClose = define<Dcid>('mail', 'Info', 'smtp.out.close', ['dcid'], (dcid) => `DCID ${dcid} close`);
/** `details`: `[Errno 111] Connection refused`; `reason`: `network error`. */
export const connectionError = define<
  [dcid: number, domain: string, address: string, port: number, details: string, iface: string, reason: string]
>(
  'mail',
  'Info',
  'smtp.out.connectionError',
  ['dcid', 'domain', 'address', 'port', 'details', 'interface', 'reason'],
  (dcid, domain, address, port, details, iface, reason) =>
    `Connection Error: DCID ${dcid} domain: ${domain} IP: ${address} port: ${port} details: ${details} interface: ${iface} reason: ${reason}`,
);
/** `status` x.y.z, `text` our words, `code` and `reply` what the other side said. */
export const delayed = define<
  [
    dcid: number,
    mid: number,
    sender: string,
    recipient: string,
    rid: number,
    status: string,
    text: string,
    code: string,
    reply: string,
  ]
>(
  'mail',
  'Info',
  'delivery.delayed',
  ['dcid', 'mid', 'sender', 'recipient', 'rid', 'status', 'text', 'code', 'reply'],
  (dcid, mid, sender, recipient, rid, status, text, code, reply) =>
    `Delayed: DCID ${dcid} MID ${mid} From: <${sender}> To: <${recipient}> RID ${rid} - ${status} - ${text} ('${code}', ['${reply}'])`,
);
export const bounced = define<
  [
    dcid: number,
    mid: number,
    sender: string,
    recipient: string,
    rid: number,
    status: string,
    text: string,
    code: string,
    reply: string,
  ]
>(
  'mail',
  'Info',
  'delivery.bounced',
  ['dcid', 'mid', 'sender', 'recipient', 'rid', 'status', 'text', 'code', 'reply'],
  (dcid, mid, sender, recipient, rid, status, text, code, reply) =>
    `Bounced: DCID ${dcid} MID ${mid} From: <${sender}> To: <${recipient}> RID ${rid} - ${status} - ${text} ('${code}', ['${reply}'])`,
);
export const doubleBounce = define<[mid: number, rid: number, status: string, text: string, reply: string]>(
  'mail',
  'Info',
  'delivery.doubleBounce',
  ['mid', 'rid', 'status', 'text', 'reply'],
  (mid, rid, status, text, reply) => `Double bounce: MID ${mid} to ${rid} - ${status} - ${text} ${reply}`,
);
export const generatedForBounce = define<[mid: number, of: number]>(
  'mail',
  'Info',
  'message.generatedForBounce',
  ['mid', 'of'],
  (mid, of) => `MID ${mid} was generated for bounce of MID ${of}`,
);
/** Anything the administrator did to one message: deleted, held, released. */
export const messageAdministered = define<[mid: number, action: string, user: string]>(
  'mail',
  'Info',
  'message.administered',
  ['mid', 'action', 'user'],
  (mid, action, user) => `MID ${mid} ${action} by ${user}`,
);
/** A connection that had to be secure and was not; once a domain and hour. */
export const tlsAlert = define<[domain: string, host: string, wanted: string, reason: string]>(
  'mail',
  'Warning',
  'alert.tls',
  ['domain', 'host', 'wanted', 'reason'],
  (domain, host, wanted, reason) => `Alert: TLS to ${domain} failed: host ${host}, tls=${wanted}: ${reason}`,
);
/** Something about the mail path as a whole: the spool refuses, the disk has room again, an event of the protocol. */
export const mailNotice = define<[text: string]>('mail', 'Info', 'mail.notice', ['text'], (text) => text);
export const mailWarning = define<[text: string]>('mail', 'Warning', 'mail.warning', ['text'], (text) => text);

// --- System ---
export const commitChanges = define<[pid: number, user: string, comment: string]>(
  'system',
  'Info',
  'system.commit',
  ['pid', 'user', 'comment'],
  (pid, user, comment) => `PID ${pid}: User ${user} commit changes: ${comment}`,
);
/** The web server: `client` is `address:port`, `detail` as in `incomingTlsFailed`. */
export const guiTlsError = define<[client: string, detail: string]>(
  'system',
  'Warning',
  'gui.tlsError',
  ['client', 'detail'],
  (client, detail) => `SSL error with client ${client} - ${detail}`,
);
/** Plain words: what the client offered, what we allow, what to do. */
export const guiTlsExplained = define<[client: string, explanation: string]>(
  'system',
  'Info',
  'gui.tlsExplained',
  ['client', 'explanation'],
  (client, explanation) => `SSL explanation for client ${client}: ${explanation}`,
);
/** A handshake of the web service; `failure`: what `guiTlsError` says, null: it was completed. */
export const guiHandshake = define<
  [
    address: string,
    flight: string,
    protocol: string | null,
    cipher: string | null,
    resumed: boolean,
    failure: string | null,
  ]
>(
  'none',
  'Info',
  'gui.handshake',
  ['address', 'flight', 'protocol', 'cipher', 'resumed', 'failure'],
  (address, _flight, protocol, cipher, _resumed, failure) =>
    `TLS with ${address}: ${failure ?? `${protocol} ${cipher}`}`,
);
/** `connection`: an HTTPS connection, a CLI connection. */
export const logon = define<[user: string, address: string, privilege: string, connection: string]>(
  'system',
  'Info',
  'system.logon',
  ['user', 'address', 'privilege', 'connection'],
  (user, address, privilege, connection) =>
    `The user ${user} successfully logged on from ${address} with privilege ${privilege} using ${connection}.`,
);
export const logonFailed = define<[user: string, address: string, connection: string]>(
  'system',
  'Info',
  'system.logonFailed',
  ['user', 'address', 'connection'],
  (user, address, connection) =>
    `An authentication attempt by the user ${user} from ${address} failed using ${connection}.`,
);
/**
 * Every change that somebody makes, and every logon, is recorded with one of the two below, which fill the audit trail. `audit`
 * has a log line of its own; `auditOnly` stands beside an event that has one already (`logon`, `logonFailed`, `commitChanges`,
 * `messageAdministered`). `role` and `address` may be empty; `face`: shell, API, UI; `action`: one word, such as `logon`, `logonFailed`,
 * `commit`, `edit`, `user`, `token`; `detail`: what exactly, in words, without secrets.
 */
type Audit = [user: string, role: string, address: string, face: string, action: string, detail: string];
const auditFields = ['user', 'role', 'address', 'face', 'action', 'detail'] as const;
const auditText: (...values: Audit) => string = (user, role, address, face, action, detail) =>
  `User ${user}${role === '' ? '' : ` (${role})`}${address === '' ? '' : ` from ${address}`} by ${face}: ${action}: ${detail}`;
export const audit = define<Audit>('system', 'Info', 'system.audit', auditFields, auditText);
export const auditOnly = define<Audit>('none', 'Info', 'system.auditOnly', auditFields, auditText);
export const systemNotice = define<[text: string]>('system', 'Info', 'system.notice', ['text'], (text) => text);
export const systemWarning = define<[text: string]>('system', 'Warning', 'system.warning', ['text'], (text) => text);
export const systemCritical = define<[text: string]>('system', 'Critical', 'system.critical', ['text'], (text) => text);
