// The forms of the lines: as the reference writes them, and as public parsers of its logs read them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as events from '../../src/ledger/events.ts';
import { type EventDefinition, eventTable, type Value } from '../../src/ledger/events.ts';
import { formatOne } from './fixture.ts';

const version = "(337678594, 'error:14209102:SSL routines:tls_early_post_process_client_hello:unsupported protocol')";
const alert = "(336151598, 'error:1409442E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version')";

/** Event, values, the line after `Level: `. */
const forms: readonly (readonly [unknown, readonly Value[], string])[] = [
  [
    events.incomingConnection,
    [30, 'Management', '192.0.2.1', '198.51.100.7', 'mail.example.org', true, 'inbound', 'preferred'],
    'New SMTP ICID 30 interface Management (192.0.2.1) address 198.51.100.7 reverse dns host mail.example.org verified yes',
  ],
  [
    events.incomingConnection,
    [31, 'Management', '192.0.2.1', '2001:db8::7', null, false, 'inbound', 'preferred'],
    'New SMTP ICID 31 interface Management (192.0.2.1) address 2001:db8::7 reverse dns host unknown verified no',
  ],
  [
    events.senderGroup,
    [30, 'ACCEPT', 'ACCEPTLIST', '198.51.100.0/24'],
    'ICID 30 ACCEPT SG ACCEPTLIST match 198.51.100.0/24 SBRS None',
  ],
  [events.senderGroup, [9, 'REJECT', 'BLOCKED', 'ALL'], 'ICID 9 REJECT SG BLOCKED match ALL SBRS None'],
  [
    events.incomingTls,
    [1020089, 'TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    'ICID 1020089 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384',
  ],
  [events.incomingTlsGroup, [1020089, 'x25519'], 'ICID 1020089 TLS group x25519 (derived)'],
  [events.incomingTlsFailed, [1020004, version], `ICID 1020004 TLS failed: ${version}`],
  [
    events.incomingTlsFailed,
    [4, '[Errno 54] Connection reset by peer'],
    'ICID 4 TLS failed: [Errno 54] Connection reset by peer',
  ],
  [events.incomingTlsRequired, [8], 'ICID 8 TLS was required but remote host did not initiate it'],
  [events.messageStart, [14, 30], 'Start MID 14 ICID 30'],
  [events.messageFrom, [14, 30, 'a@example.org'], 'MID 14 ICID 30 From: <a@example.org>'],
  [events.messageFrom, [14, 30, ''], 'MID 14 ICID 30 From: <>'],
  [events.messageTo, [14, 30, 0, 'b@example.com'], 'MID 14 ICID 30 RID 0 To: <b@example.com>'],
  [events.rejectedByRat, [1, 2, 'x@example.com'], 'MID 1 ICID 2 To: <x@example.com> Rejected by RAT'],
  [events.messageId, [14, '<x@example.org>'], "MID 14 Message-ID '<x@example.org>'"],
  [events.subject, [14, 'hello'], 'MID 14 Subject "hello"'],
  [events.messageReady, [14, 280, 'a@example.org'], 'MID 14 ready 280 bytes from <a@example.org>'],
  [
    events.messageMatched,
    [14, 'DEFAULT'],
    'MID 14 matched all recipients for per-recipient policy DEFAULT in the inbound table',
  ],
  [events.messageSigned, [14, 'example.com', 'r1, e1'], 'MID 14 DKIM: signing with r1, e1 for example.com'],
  [events.messageUnsigned, [14, 'its header is malformed'], 'MID 14 DKIM: not signed: its header is malformed'],
  [events.messageQueued, [14], 'MID 14 queued for delivery'],
  [events.receivingFailed, [7, 'Message size exceeds limit'], 'ICID 7 Receiving Failed: Message size exceeds limit'],
  [events.messageAborted, [10, 'Receiving aborted'], 'Message aborted MID 10 Receiving aborted'],
  [events.incomingLost, [7], 'ICID 7 lost'],
  [events.incomingClose, [30], 'ICID 30 close'],
  [
    events.outgoingConnection,
    [30, '192.0.2.1', '203.0.113.5', 25, 'mx.example.net', 'example.net', 'preferred'],
    'New SMTP DCID 30 interface 192.0.2.1 address 203.0.113.5 port 25',
  ],
  [
    events.outgoingTls,
    [485206, 'TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
    'DCID 485206 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384',
  ],
  [
    events.outgoingTlsDeferring,
    [485171, alert, true],
    `DCID 485171 TLS deferring: ${alert} TLS version mismatch could be the failure reason`,
  ],
  [
    events.outgoingTlsDeferring,
    [1, '[Errno 104] Connection reset by peer', false],
    'DCID 1 TLS deferring: [Errno 104] Connection reset by peer',
  ],
  [events.outgoingTlsFailed, [80, 'STARTTLS unexpected response'], 'DCID 80 TLS failed: STARTTLS unexpected response'],
  [
    events.outgoingTlsRequired,
    [8, '203.0.113.5'],
    'DCID 8 IP 203.0.113.5 TLS was required but could not be successfully negotiated',
  ],
  [
    events.outgoingSecurity,
    [30, 'example.net', 'dane', 'dane', 'TLSA 3 1 1 0011 at mx.example.net'],
    'DCID 30 domain example.net tls=dane:dane (TLSA 3 1 1 0011 at mx.example.net)',
  ],
  [events.messageTls, [14, 'required'], 'MID 14 REQUIRETLS'],
  [events.messageTls, [14, 'optional'], 'MID 14 TLS-Required: No'],
  [
    events.outgoingSecurity,
    [30, 'example.net', 'preferred', 'none', ''],
    'DCID 30 domain example.net tls=preferred:none',
  ],
  [
    events.outgoingHostRefused,
    ['example.net', 'mx.example.net', 'dane', 'SERVFAIL'],
    'Host mx.example.net of example.net is not used now: tls=dane:failed (SERVFAIL)',
  ],
  [
    events.tlsAlert,
    ['example.net', 'mx.example.net', 'required', 'no STARTTLS'],
    'Alert: TLS to example.net failed: host mx.example.net, tls=required: no STARTTLS',
  ],
  [events.deliveryStart, [30, 14, '0'], 'Delivery start DCID 30 MID 14 to RID [0]'],
  [events.deliveryDone, [30, 14, '0, 1'], 'Message done DCID 30 MID 14 to RID [0, 1]'],
  [events.deliveryResponse, [14, '0', '2.0.0 OK'], "MID 14 RID [0] Response '2.0.0 OK'"],
  [events.messageFinished, [14], 'Message finished MID 14 done'],
  [events.outgoingClose, [30], 'DCID 30 close'],
  [
    events.connectionError,
    [63, 'example.net', '203.0.113.9', 25, '[Errno 111] Connection refused', '192.0.2.1', 'network error'],
    'Connection Error: DCID 63 domain: example.net IP: 203.0.113.9 port: 25 details: [Errno 111] Connection refused interface: 192.0.2.1 reason: network error',
  ],
  [
    events.delayed,
    [84, 19, 'a@x', 'b@y', 0, '4.3.2', 'Not accepting messages at this time', '421', '4.3.2 try again later'],
    "Delayed: DCID 84 MID 19 From: <a@x> To: <b@y> RID 0 - 4.3.2 - Not accepting messages at this time ('421', ['4.3.2 try again later'])",
  ],
  [
    events.bounced,
    [
      0,
      20,
      'a@x',
      'b@y',
      0,
      '5.1.2',
      'Bad destination host',
      '000',
      'DNS Hard Error looking up example.com (MX):  NXDomain',
    ],
    "Bounced: DCID 0 MID 20 From: <a@x> To: <b@y> RID 0 - 5.1.2 - Bad destination host ('000', ['DNS Hard Error looking up example.com (MX):  NXDomain'])",
  ],
  [
    events.doubleBounce,
    [22, 0, '5.1.0', 'Unknown address error', "501-'5.5.4 Invalid Address'"],
    "Double bounce: MID 22 to 0 - 5.1.0 - Unknown address error 501-'5.5.4 Invalid Address'",
  ],
  [events.generatedForBounce, [515, 511], 'MID 515 was generated for bounce of MID 511'],
  [events.commitChanges, [1237, 'admin', 'enable TLS 1.3'], 'PID 1237: User admin commit changes: enable TLS 1.3'],
  [events.guiTlsError, ['192.0.2.7:51234', version], `SSL error with client 192.0.2.7:51234 - ${version}`],
  [
    events.logon,
    ['admin', '192.0.2.7', 'admin', 'an HTTPS connection'],
    'The user admin successfully logged on from 192.0.2.7 with privilege admin using an HTTPS connection.',
  ],
  [
    events.logonFailed,
    ['admin', '192.0.2.7', 'an HTTPS connection'],
    'An authentication attempt by the user admin from 192.0.2.7 failed using an HTTPS connection.',
  ],
  [
    events.audit,
    ['admin', 'administrator', '192.0.2.7', 'API', 'token', 'made "monitoring", read only, until 2026-12-31'],
    'User admin (administrator) from 192.0.2.7 by API: token: made "monitoring", read only, until 2026-12-31',
  ],
  [events.audit, ['admin', '', '', 'shell', 'edit', 'tls.inbound'], 'User admin by shell: edit: tls.inbound'],
];

describe('forms of the reference', () => {
  for (const [event, values, expected] of forms) {
    test(expected.slice(0, 90), () => {
      const definition = event as EventDefinition;
      const { whole, text } = formatOne(definition, values);
      assert.ok(whole);
      assert.match(text, /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} 2026 [A-Z][a-z]+: /);
      assert.equal(text.slice(25), `${definition.level}: ${expected}\n`);
    });
  }
});

test('what the history alone takes makes no line anywhere', () => {
  const event = events.auditOnly as unknown as EventDefinition;
  const { whole, text, json, heard } = formatOne(event, ['admin', 'administrator', '', 'shell', 'commit', 'x']);
  assert.deepEqual([whole, text, json, heard], [true, '', '', []]);
});

test('codes are the positions in the table, names are unique, and fields are as many as the text takes', () => {
  assert.deepEqual(
    eventTable.map(({ code }) => code),
    [...eventTable.keys()],
  );
  assert.equal(new Set(eventTable.map(({ name }) => name)).size, eventTable.length);
  for (const { fields, text, name } of eventTable) {
    assert.equal(text.length, fields.length, name);
    assert.equal(new Set(fields).size, fields.length, name);
    // Names that every JSON line has already.
    for (const field of fields) assert.ok(!['time', 'level', 'event'].includes(field), `${name}.${field}`);
  }
});

// Elastic's integration "cisco_secure_email_gateway" (its ingest pipelines `default`, `text_mail_logs` and `system`) reads lines by
// grok. Its forms for what we log, rewritten as regular expressions; NUMBER, IP, WORD, DATA as grok defines them.
const NUMBER = '[+-]?[0-9]+(?:\\.[0-9]+)?';
const IP = '[0-9A-Fa-f:.]+';
const elastic: readonly (readonly [string, RegExp])[] = [
  [
    'incomingConnection',
    new RegExp(
      `^\\w+ \\w+ ICID ${NUMBER} interface Management \\(${IP}\\) address ${IP} reverse dns host .*? verified \\w+$`,
    ),
  ],
  ['messageStart', new RegExp(`^\\w+ MID ${NUMBER} ICID ${NUMBER}$`)],
  ['messageFrom', new RegExp(`^MID ${NUMBER} ICID ${NUMBER} From: <.*?>$`)],
  ['messageTo', new RegExp(`^MID ${NUMBER} ICID ${NUMBER} RID .*? To: <.*?>$`)],
  ['messageReady', new RegExp(`^MID ${NUMBER} ready ${NUMBER} bytes from <.*?>$`)],
  ['incomingClose', new RegExp(`^ICID ${NUMBER} \\w+$`)],
  ['incomingLost', new RegExp(`^ICID ${NUMBER} \\w+$`)],
  ['outgoingClose', new RegExp(`^DCID ${NUMBER} \\w+$`)],
  ['deliveryResponse', new RegExp(`^MID ${NUMBER} RID \\[.*?\\] Response .*$`)],
  ['subject', new RegExp(`^MID ${NUMBER} Subject ".*"$`)],
  ['messageQueued', new RegExp(`^MID ${NUMBER} .* for delivery$`)],
  ['messageFinished', new RegExp(`^Message .* MID ${NUMBER} done$`)],
  ['messageId', new RegExp(`^MID ${NUMBER} Message-ID '<.*>'$`)],
  [
    'messageMatched',
    new RegExp(`^MID ${NUMBER} matched all recipients for per-recipient policy \\w+ in the .*? table$`),
  ],
  ['commitChanges', new RegExp(`^PID ${NUMBER}: User [a-zA-Z0-9._-]+ commit changes:.*$`)],
];
/** The frame of its `default` pipeline for files, and for syslog with and without a host name. */
const fileFrame = /^(?<time>.*?) (?<level>\w+): (?<message>.*)$/;
const times =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?: [1-9]|[12][0-9]|3[01]) [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}$/;

describe("read by the grok forms of Elastic's integration", () => {
  for (const [name, pattern] of elastic) {
    test(name, () => {
      const lines = forms.filter(([event]) => event === (events as Record<string, unknown>)[name]);
      assert.ok(lines.length > 0);
      for (const [event, values] of lines) {
        const frame = fileFrame.exec(formatOne(event as EventDefinition, values).text.trimEnd())?.groups;
        // Its frame takes as little as it can for the time, up to the first `word: `.
        assert.match(frame?.['time'] ?? '', times);
        assert.match(frame?.['message'] ?? '', pattern);
      }
    });
  }
});
