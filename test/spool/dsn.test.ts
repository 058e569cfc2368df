import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  composeNotice,
  decodeXtext,
  headerLimit,
  headerOf,
  type Notice,
  returnsFull,
  wants,
} from '../../src/spool/dsn.ts';

const original = Buffer.from(
  'Received: from a by b\r\nFrom: Alice <alice@example.org>\r\nSubject: hello\r\n\r\nbody line\r\n',
);

function notice(more: Partial<Notice> = {}): Notice {
  return {
    kind: 'failed',
    hostname: 'gw.example.net',
    about: 511,
    envelope: { sender: 'alice@example.org', recipients: [{ address: 'bob@example.com' }], envid: 'QQ+2B314' },
    recipients: [
      {
        recipient: { address: 'bob@example.com', orcpt: 'rfc822;bob+2Bx@example.com' },
        status: '5.1.1',
        reply: '550 5.1.1 no such user here',
        host: 'mx.example.com',
      },
    ],
    received: Date.UTC(2026, 0, 2, 3, 4, 5),
    now: Date.UTC(2026, 0, 2, 4, 4, 5),
    content: original,
    full: false,
    unique: '0123456789abcdef',
    ...more,
  };
}

const textOf = (made: { body: Uint8Array }) => Buffer.from(made.body).toString();

/** Sits between boundaries; the parts as header and body. */
function partsOf(text: string): { head: string; body: string }[] {
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1];
  assert.ok(boundary !== undefined);
  const pieces = text.split(`\r\n--${boundary}`);
  assert.equal(pieces.at(-1), '--\r\n');
  return pieces.slice(1, -1).map((piece) => {
    const end = piece.indexOf('\r\n\r\n');
    return { head: piece.slice(2, end), body: piece.slice(end + 4) };
  });
}

test('of a message with REQUIRETLS: the header, and for hosts without it a form with nothing of the message', () => {
  const required = { sender: 'alice@example.org', recipients: [], tls: 'required', ret: 'FULL' } as const;
  const { envelope, body, redacted } = composeNotice(notice({ envelope: required }));
  assert.equal(envelope.tls, 'required');
  assert.ok(redacted !== null);
  const [whole, less] = [partsOf(textOf({ body })), partsOf(textOf({ body: redacted }))];
  assert.equal(whole.length, 3);
  const header = whole[2]?.body.trim() ?? '';
  assert.match(header, /^Subject: /m);
  assert.equal(less.length, 2, 'RFC 6522 3: the third part is optional');
  assert.equal(less[1]?.body, whole[1]?.body, 'the report is the same');
  assert.match(less[0]?.body ?? '', /^The header of your message is left out here: /m);
  for (const line of header.split('\r\n')) assert.ok(!textOf({ body: redacted }).includes(line), line);
  assert.equal(composeNotice(notice()).redacted, null);
});

test('a bounce, word for word', () => {
  const { envelope, body } = composeNotice(notice());
  assert.deepEqual(envelope, { sender: '', recipients: [{ address: 'alice@example.org' }] });
  assert.equal(
    Buffer.from(body).toString(),
    [
      'Date: Fri, 02 Jan 2026 04:04:05 +0000',
      'From: Mail Delivery System <MAILER-DAEMON@gw.example.net>',
      'To: <alice@example.org>',
      'Subject: Undelivered mail returned to sender',
      'Message-ID: <0123456789abcdef.511@gw.example.net>',
      'Auto-Submitted: auto-replied',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report; report-type=delivery-status;',
      ' boundary="=_0123456789abcdef.511"',
      'Content-Transfer-Encoding: 7bit',
      '',
      'This is a MIME-encapsulated message.',
      '',
      '--=_0123456789abcdef.511',
      'Content-Description: Notification',
      'Content-Type: text/plain; charset=us-ascii',
      'Content-Transfer-Encoding: 7bit',
      '',
      'This is the mail system at gw.example.net.',
      '',
      'Your message could not be delivered to the recipients below. It is not tried again. If you need help,',
      'ask the postmaster and attach this report.',
      '',
      '<bob@example.com>',
      '    mx.example.com said: 550 5.1.1 no such user here',
      '',
      '',
      '--=_0123456789abcdef.511',
      'Content-Description: Delivery report',
      'Content-Type: message/delivery-status',
      'Content-Transfer-Encoding: 7bit',
      '',
      'Original-Envelope-Id: QQ+314',
      'Reporting-MTA: dns; gw.example.net',
      'Arrival-Date: Fri, 02 Jan 2026 03:04:05 +0000',
      '',
      'Original-Recipient: rfc822; bob+x@example.com',
      'Final-Recipient: rfc822; bob@example.com',
      'Action: failed',
      'Status: 5.1.1',
      'Remote-MTA: dns; mx.example.com',
      'Diagnostic-Code: smtp; 550 5.1.1 no such user here',
      'Last-Attempt-Date: Fri, 02 Jan 2026 04:04:05 +0000',
      '',
      '--=_0123456789abcdef.511',
      'Content-Description: Message header',
      'Content-Type: text/rfc822-headers',
      'Content-Transfer-Encoding: 7bit',
      '',
      'Received: from a by b',
      'From: Alice <alice@example.org>',
      'Subject: hello',
      '',
      '--=_0123456789abcdef.511--',
      '',
    ].join('\r\n'),
  );
});

test('our own words are no SMTP reply; a delay says until when', () => {
  const recipients = [{ recipient: { address: 'b@x.example' }, status: '4.4.1', reply: 'no answer', host: '' }];
  const text = textOf(
    composeNotice(notice({ kind: 'delayed', recipients, retryUntil: Date.UTC(2026, 0, 7, 3, 4, 5) })),
  );
  assert.match(text, /\r\nDiagnostic-Code: X-Postern; no answer\r\n/);
  assert.match(text, /\r\nAction: delayed\r\nStatus: 4\.4\.1\r\n/);
  assert.match(text, /\r\nWill-Retry-Until: Wed, 07 Jan 2026 03:04:05 \+0000\r\n/);
  assert.ok(!text.includes('Remote-MTA'));
});

test('what we say about a host is not put into its mouth; an address stands in brackets', () => {
  const told = (host: string, reply: string) =>
    textOf(
      composeNotice(
        notice({
          kind: 'failed',
          recipients: [{ recipient: { address: 'b@x.example' }, status: '5.6.7', reply, host }],
        }),
      ),
    );
  const ours = told('mx.example.com', 'message needs SMTPUTF8, which the server does not offer');
  assert.match(ours, /\r\n {4}message needs SMTPUTF8, which the server does not offer\r\n/);
  assert.match(ours, /\r\nRemote-MTA: dns; mx\.example\.com\r\nDiagnostic-Code: X-Postern; message needs SMTPUTF8/);
  assert.match(
    told('192.0.2.5', '554 no'),
    /\r\nRemote-MTA: dns; \[192\.0\.2\.5\]\r\nDiagnostic-Code: smtp; 554 no\r\n/,
  );
  assert.match(told('2001:db8::1', '554 no'), /\r\nRemote-MTA: dns; \[IPv6:2001:db8::1\]\r\n/);
});

test('8-bit headers make the notice 8BITMIME; SMTPUTF8 makes it global (RFC 6533)', () => {
  const content = Buffer.from('Subject: gr\u00fc\u00df\r\n\r\nx\r\n');
  const eight = composeNotice(notice({ content }));
  assert.equal(eight.envelope.body, '8BITMIME');
  assert.match(textOf(eight), /Content-Type: text\/rfc822-headers\r\nContent-Transfer-Encoding: 8bit/);
  const envelope = { sender: 'j\u00f6rg@example.org', recipients: [], smtputf8: true };
  const recipient = { address: 'j\u00fcrgen@x.example', orcpt: 'utf-8;j\\x{FC}rgen@x.example' };
  const recipients = [{ recipient, status: '5.1.1', reply: '550 \u00fcnbekannt', host: 'mx' }];
  const global = composeNotice(notice({ envelope, content, recipients }));
  assert.deepEqual(global.envelope, {
    sender: '',
    recipients: [{ address: 'j\u00f6rg@example.org' }],
    body: '8BITMIME',
    smtputf8: true,
  });
  const text = textOf(global);
  assert.match(text, /Content-Type: message\/global-delivery-status\r\nContent-Transfer-Encoding: 8bit/);
  assert.match(text, /Content-Type: message\/global-headers/);
  assert.match(text, /\r\nOriginal-Recipient: utf-8; j\u00fcrgen@x\.example\r\n/);
  assert.match(text, /\r\nFinal-Recipient: utf-8; j\u00fcrgen@x\.example\r\n/);
  assert.match(text, /\r\nTo: <j\u00f6rg@example\.org>\r\n/);
});

test('the boundary never stands in what is returned', () => {
  const content = Buffer.from('Subject: x\r\n\r\n--=_0123456789abcdef.511\r\n--=_0123456789abcdef.511--\r\n');
  const parts = partsOf(textOf(composeNotice(notice({ content, full: true }))));
  assert.equal(parts.length, 3);
  assert.equal(parts[2]?.body, content.toString());
});

test('who is told of what', () => {
  const address = 'x@y.example';
  assert.deepEqual(
    (['failed', 'delayed', 'relayed'] as const).map((kind) => wants({ address }, kind)),
    [true, true, false],
  );
  assert.deepEqual(
    (['failed', 'delayed', 'relayed'] as const).map((kind) => wants({ address, notify: ['SUCCESS', 'DELAY'] }, kind)),
    [false, true, true],
  );
  assert.equal(wants({ address, notify: ['NEVER'] }, 'failed'), false);
});

test('RET=FULL returns a failed message of bounded size, else its header', () => {
  const envelope = { sender: 'a@b.example', recipients: [], ret: 'FULL' as const };
  assert.equal(returnsFull('failed', envelope, 1000), true);
  assert.equal(returnsFull('failed', envelope, 100_000_000), false);
  assert.equal(returnsFull('delayed', envelope, 1000), false);
  assert.equal(returnsFull('failed', { ...envelope, ret: 'HDRS' }, 1000), false);
  assert.equal(returnsFull('failed', { sender: 'a@b.example', recipients: [] }, 1000), false);
  // RFC 8689 5.
  assert.equal(returnsFull('failed', { ...envelope, tls: 'required' }, 1000), false);
});

test('headers: none, endless, with nothing behind', () => {
  assert.equal(headerOf(Buffer.from('\r\nbody')).length, 0);
  assert.equal(headerOf(Buffer.from('A: b\r\n\r\nbody')).toString(), 'A: b\r\n');
  assert.equal(headerOf(Buffer.from('A: b\r\n')).toString(), 'A: b\r\n');
  const endless = headerOf(Buffer.from(`A: b\r\n${'X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n'.repeat(10_000)}`));
  assert.ok(endless.length <= headerLimit && Buffer.from(endless).toString().endsWith('yyy\r\n'));
});

test('xtext is undone', () => {
  assert.equal(decodeXtext('a+2Bb+3Dc'), 'a+b=c');
  assert.equal(decodeXtext('+zz+2'), '+zz+2');
});

/** Anything a stranger may have made us keep: replies, addresses, names, message bytes. */
const anyText = fc.string({ unit: 'binary', maxLength: 600 });
const anyLine = fc.string({ unit: 'grapheme-ascii', maxLength: 100 });
const anyNotice = fc
  .record({
    kind: fc.constantFrom('failed', 'delayed', 'relayed', 'delivered'),
    smtputf8: fc.boolean(),
    full: fc.boolean(),
    envid: fc.option(anyText, { nil: undefined }),
    header: fc.array(anyLine, { maxLength: 10 }),
    body: fc.uint8Array({ maxLength: 300 }),
    recipients: fc.array(
      fc.record({
        local: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 64 }),
        orcpt: fc.option(anyText, { nil: undefined }),
        status: fc.constantFrom('5.1.1', '4.2.2', '2.0.0', 'nonsense', '5.4.7'),
        reply: anyText,
        host: fc.constantFrom('', 'mx.example.com', '[192.0.2.1]'),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  })
  .map(({ kind, smtputf8, full, envid, header, body, recipients }): Notice => {
    const head = header.map((line, i) => `X-${i}: ${line}\r\n`).join('');
    const content = Buffer.concat([
      Buffer.from(`Received: x\r\n${head}\r\n`),
      Buffer.from(body.map((b) => (b === 13 || b === 10 ? 32 : b))),
    ]);
    return notice({
      kind: kind as Notice['kind'],
      full,
      content,
      envelope: {
        sender: 'alice@example.org',
        recipients: [],
        ...(smtputf8 ? { smtputf8 } : {}),
        ...(envid === undefined ? {} : { envid }),
      },
      recipients: recipients.map(({ local, orcpt, status, reply, host }) => ({
        recipient: { address: `${local}@example.com`, ...(orcpt === undefined ? {} : { orcpt }) },
        status,
        reply,
        host,
      })),
    });
  });

test('whatever strangers said: lines end in CRLF and are short, no field is smuggled in, the parts come out again', () => {
  fc.assert(
    fc.property(anyNotice, (made) => {
      const { envelope, body } = composeNotice(made);
      const bytes = Buffer.from(body);
      const returned = made.full ? Buffer.from(made.content) : headerOf(made.content);
      const text = bytes.toString('latin1');
      assert.ok(!/[^\r]\n|\r[^\n]/.test(text), 'bare CR or LF');
      for (const line of text.split('\r\n')) assert.ok(line.length <= 998);
      if (envelope.body === undefined) assert.ok(bytes.every((byte) => byte < 0x80));
      const parts = partsOf(text);
      assert.equal(parts.length, 3);
      assert.equal(parts[2]?.body, Buffer.from(returned).toString('latin1'));
      const groups = (parts[1]?.body ?? '').split('\r\n\r\n');
      assert.equal(groups.length, 1 + made.recipients.length);
      const known =
        /^(Original-Envelope-Id|Reporting-MTA|Arrival-Date|Original-Recipient|Final-Recipient|Action|Status|Remote-MTA|Diagnostic-Code|Last-Attempt-Date|Will-Retry-Until|\s)/;
      for (const line of groups.join('\r\n').split('\r\n')) assert.ok(line === '' || known.test(line), line);
      for (const group of groups.slice(1)) assert.equal(group.match(/^Action: /gm)?.length, 1);
    }),
  );
});

const python = `
import sys, json, base64
from email import message_from_bytes, policy
out = []
for item in json.load(sys.stdin):
    m = message_from_bytes(base64.b64decode(item), policy=policy.default)
    parts = list(m.iter_parts())
    report = parts[1].get_payload()
    out.append({
        "type": m.get_content_type(), "report": m.get_param("report-type"), "to": str(m["To"]),
        "defects": [repr(d) for p in m.walk() for d in p.defects],
        "types": [p.get_content_type() for p in parts],
        "groups": [[k for k in g.keys()] for g in report] if isinstance(report, list) else None,
        "final": [g["Final-Recipient"] for g in report[1:]] if isinstance(report, list) else None,
    })
json.dump(out, sys.stdout)
`;

test("Python's email package reads them back without a defect", (t) => {
  const addresses = fc.array(fc.stringMatching(/^[a-z0-9._-]{1,40}$/), { minLength: 1, maxLength: 5 });
  const cases = fc.sample(fc.tuple(addresses, anyText, fc.boolean()), 100);
  const items = cases.map(([locals, reply, full]) => {
    const recipients = locals.map((local) => {
      return { recipient: { address: `${local}@example.com` }, status: '5.1.1', reply, host: 'mx.example.com' };
    });
    return Buffer.from(composeNotice(notice({ recipients, full })).body).toString('base64');
  });
  const run = spawnSync('python3', ['-c', python], { input: JSON.stringify(items), encoding: 'utf8', timeout: 60_000 });
  if (run.error !== undefined) {
    t.skip(
      `SKIPPED: python3 cannot be run (${run.error.message}); install python3 to check DSNs with its email package`,
    );
    return;
  }
  assert.equal(run.status, 0, run.stderr);
  const answers = JSON.parse(run.stdout) as Record<string, unknown>[];
  assert.equal(answers.length, cases.length);
  for (const [i, answer] of answers.entries()) {
    const [locals, , full] = cases[i] ?? [[], '', false];
    assert.deepEqual(answer['defects'], []);
    assert.equal(answer['type'], 'multipart/report');
    assert.equal(answer['report'], 'delivery-status');
    assert.equal(answer['to'], 'alice@example.org');
    assert.deepEqual(answer['types'], [
      'text/plain',
      'message/delivery-status',
      full ? 'message/rfc822' : 'text/rfc822-headers',
    ]);
    assert.deepEqual(
      answer['final'],
      locals.map((local) => `rfc822; ${local}@example.com`),
    );
  }
});
