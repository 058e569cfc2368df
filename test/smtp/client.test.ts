import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TlsLevel } from '../../src/smtp/client-owner.ts';
import { message, RecordingClient, type TestMessage } from './client-fixture.ts';

const greeting = '220 mx ESMTP\r\n';
const ehlo = '250-mx\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES\r\n';
const plainEhlo = '250-mx\r\n250 ENHANCEDSTATUSCODES\r\n';

/** What happened behind the first `ready`. */
function after(client: RecordingClient): string[] {
  return client.record.slice(client.record.indexOf('ready') + 1);
}

function dialogue(client: RecordingClient, ...replies: string[]): string[] {
  for (const reply of replies) client.feed(reply);
  return after(client);
}

test('greeting, EHLO, ready', () => {
  const client = new RecordingClient();
  client.feed(greeting);
  client.feed(ehlo);
  assert.deepEqual(client.record, ['> EHLO gw.example.com', 'ready']);
  assert.equal(client.client.extensions.pipelining, true);
});

test('HELO where EHLO is unknown', () => {
  const client = new RecordingClient([message(['b@example.com'])]);
  const record = dialogue(
    client,
    greeting,
    '502 unknown\r\n',
    '250 mx\r\n',
    '250 ok\r\n',
    '250 ok\r\n',
    '354 go\r\n',
    '250 done\r\n',
  );
  assert.deepEqual(client.record.slice(0, 2), ['> EHLO gw.example.com', '> HELO gw.example.com']);
  assert.deepEqual(
    record.filter((line) => line.startsWith('>')),
    ['> MAIL FROM:<a@example.org>', '> RCPT TO:<b@example.com>', '> DATA', '> BODY'],
  );
});

test('a greeting that is none', () => {
  for (const [text, end] of [
    ['554 no\r\n', 'ended greeting bounced 5.3.0 554 no'],
    ['421 4.3.2 busy\r\n', 'ended greeting deferred 4.3.2 421 4.3.2 busy'],
    ['521 no mail here\r\n', 'ended greeting bounced 5.3.2 521 no mail here'],
    ['HTTP/1.0 400 Bad\r\n', 'ended protocol deferred 4.5.0 0 protocol error: unexpected reply "HTTP/1.0 400 Bad"'],
  ] as const) {
    const client = new RecordingClient();
    client.feed(text);
    assert.deepEqual(client.record, [end]);
  }
});

test('one flight with PIPELINING, the body at once, the next message behind it', () => {
  const client = new RecordingClient([message(['b@example.com', 'c@example.com']), message(['d@example.com'])]);
  const record = dialogue(
    client,
    greeting,
    ehlo,
    '250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.1.5 ok\r\n354 go\r\n',
    '250 2.0.0 done\r\n',
  );
  assert.deepEqual(record, [
    'started 0,1',
    '> MAIL FROM:<a@example.org>',
    '> RCPT TO:<b@example.com>',
    '> RCPT TO:<c@example.com>',
    '> DATA',
    '> BODY',
    'delivered 0,1 2.0.0 done',
    'settled',
    'ready',
    'started 0',
    '> MAIL FROM:<a@example.org>',
    '> RCPT TO:<d@example.com>',
    '> DATA',
  ]);
});

test('step by step without PIPELINING', () => {
  const client = new RecordingClient([message(['b@example.com', 'c@example.com'])]);
  client.feed(greeting);
  client.feed(plainEhlo);
  const steps: [string, string[]][] = [
    ['250 ok\r\n', ['> RCPT TO:<b@example.com>']],
    ['550 5.1.1 who\r\n', ['> RCPT TO:<c@example.com>']],
    ['250 ok\r\n', ['> DATA']],
    ['354 go\r\n', ['> BODY']],
    ['250 2.0.0 done\r\n', ['delivered 1 2.0.0 done', 'settled', '0 bounced 5.1.1 550 5.1.1 who', 'ready']],
  ];
  assert.deepEqual(after(client), ['started 0,1', '> MAIL FROM:<a@example.org>']);
  for (const [reply, expected] of steps) {
    const before = client.record.length;
    client.feed(reply);
    assert.deepEqual(client.record.slice(before), expected);
  }
});

test('all recipients refused: an unwanted 354 is answered with an empty message (RFC 2920 3.1)', () => {
  const client = new RecordingClient([message(['b@example.com'])]);
  const record = dialogue(
    client,
    greeting,
    ehlo,
    '250 ok\r\n550 5.1.1 no\r\n354 go\r\n',
    '554 5.5.1 no valid recipients\r\n',
  );
  assert.deepEqual(record.slice(4), ['> .', 'settled', '0 bounced 5.1.1 550 5.1.1 no', 'ready']);
});

test('all recipients refused and DATA too: RSET goes before the next MAIL', () => {
  const client = new RecordingClient([message(['b@example.com']), message(['c@example.com'])]);
  const record = dialogue(
    client,
    greeting,
    ehlo,
    '250 ok\r\n450 4.2.0 greylisted\r\n554 5.5.1 no valid recipients\r\n',
    '250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n',
    '250 done\r\n',
  );
  assert.deepEqual(record.slice(4), [
    'settled',
    '0 deferred 4.2.0 450 4.2.0 greylisted',
    'ready',
    'started 0',
    '> RSET',
    '> MAIL FROM:<a@example.org>',
    '> RCPT TO:<c@example.com>',
    '> DATA',
    '> BODY',
    'delivered 0 done',
    'settled',
    'ready',
  ]);
});

test('MAIL refused: its reply holds for everybody', () => {
  for (const data of ['503 5.5.1 need MAIL\r\n', '354 go\r\n']) {
    const client = new RecordingClient([message(['b@example.com', 'c@example.com'])]);
    const record = dialogue(
      client,
      greeting,
      ehlo,
      `552 5.3.4 too big\r\n503 no\r\n503 no\r\n${data}`,
      data.startsWith('354') ? '550 empty\r\n' : '',
    );
    assert.deepEqual(record.slice(-4), [
      'settled',
      '0 bounced 5.3.4 552 5.3.4 too big',
      '1 bounced 5.3.4 552 5.3.4 too big',
      'ready',
    ]);
  }
  const client = new RecordingClient([message(['b@example.com']), message(['c@example.com'])]);
  const record = dialogue(client, greeting, plainEhlo, '451 4.7.1 greylisted\r\n');
  assert.deepEqual(record.slice(2), [
    'settled',
    '0 deferred 4.7.1 451 4.7.1 greylisted',
    'ready',
    'started 0',
    '> MAIL FROM:<a@example.org>',
  ]);
});

test('DATA and the final dot refused', () => {
  const refused = (rest: string[]) =>
    dialogue(new RecordingClient([message(['b@example.com', 'c@example.com'])]), greeting, ehlo, ...rest).slice(5);
  assert.deepEqual(refused(['250 ok\r\n250 ok\r\n250 ok\r\n451 4.3.0 later\r\n']), [
    'settled',
    '0 deferred 4.3.0 451 4.3.0 later',
    '1 deferred 4.3.0 451 4.3.0 later',
    'ready',
  ]);
  assert.deepEqual(refused(['250 ok\r\n550 5.1.1 no\r\n250 ok\r\n354 go\r\n', '554 5.7.1 spam\r\n']), [
    '> BODY',
    'settled',
    '0 bounced 5.1.1 550 5.1.1 no',
    '1 bounced 5.7.1 554 5.7.1 spam',
    'ready',
  ]);
});

test('452 too many recipients: the rest in further transactions', () => {
  const to = ['b', 'c', 'd', 'e'].map((name) => `${name}@example.com`);
  const client = new RecordingClient([message(to)]);
  const record = dialogue(
    client,
    greeting,
    ehlo,
    '250 ok\r\n250 ok\r\n452 4.5.3 too many\r\n550 5.1.1 no\r\n452 too many\r\n354 go\r\n',
    '250 2.0.0 first\r\n',
    '250 ok\r\n250 ok\r\n552 too many\r\n354 go\r\n',
    '250 2.0.0 second\r\n',
    '250 ok\r\n452 4.3.1 disk full\r\n503 no\r\n',
  );
  assert.deepEqual(
    record.filter((line) => !line.startsWith('>')),
    [
      'started 0,1,2,3',
      'delivered 0 2.0.0 first',
      'started 1,3',
      'delivered 1 2.0.0 second',
      'started 3',
      'settled',
      '2 bounced 5.1.1 550 5.1.1 no',
      '3 deferred 4.3.1 452 4.3.1 disk full',
      'ready',
    ],
  );
});

test('452 with another meaning is a reply about that recipient', () => {
  const client = new RecordingClient([message(['b@example.com', 'c@example.com'])]);
  const record = dialogue(
    client,
    greeting,
    ehlo,
    '250 ok\r\n250 ok\r\n452 4.2.2 mailbox full\r\n354 go\r\n',
    '250 done\r\n',
  );
  assert.deepEqual(record.slice(-4), [
    'delivered 0 done',
    'settled',
    '1 deferred 4.2.2 452 4.2.2 mailbox full',
    'ready',
  ]);
});

test('RFC 9422: no more recipients a transaction than the server takes', () => {
  const client = new RecordingClient([message(['b@example.com', 'c@example.com', 'd@example.com'])]);
  const record = dialogue(
    client,
    greeting,
    '250-mx\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2\r\n',
    '250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n',
    '250 1\r\n',
    '250 ok\r\n250 ok\r\n354 go\r\n',
    '250 2\r\n',
  );
  assert.deepEqual(
    record.filter((line) => /^(started|delivered|settled)/.test(line)),
    ['started 0,1', 'delivered 0,1 1', 'started 2', 'delivered 2 2', 'settled'],
  );
});

test('421 at any point ends the connection and defers what is open', () => {
  const flight = '250 ok\r\n550 5.1.1 no\r\n';
  const run = (...replies: string[]) =>
    dialogue(new RecordingClient([message(['b@example.com', 'c@example.com'])]), greeting, ehlo, ...replies).slice(5);
  const bye = '421 4.3.2 closing';
  const end = 'ended closing deferred 4.3.2 421 4.3.2 closing';
  assert.deepEqual(run(`${bye}\r\n`), ['unsent deferred 4.3.2 421 4.3.2 closing', end]);
  assert.deepEqual(run(`${flight}${bye}\r\n`), [
    'settled',
    '0 bounced 5.1.1 550 5.1.1 no',
    '1 deferred 4.3.2 421 4.3.2 closing',
    end,
  ]);
  assert.deepEqual(run(`${flight}250 ok\r\n${bye}\r\n`), [
    'settled',
    '0 bounced 5.1.1 550 5.1.1 no',
    '1 deferred 4.3.2 421 4.3.2 closing',
    end,
  ]);
  assert.deepEqual(run(`${flight}250 ok\r\n354 go\r\n`, `${bye}\r\n`), [
    '> BODY',
    'settled',
    '0 bounced 5.1.1 550 5.1.1 no',
    '1 deferred 4.3.2 421 4.3.2 closing',
    end,
  ]);
  const idle = new RecordingClient();
  assert.deepEqual(dialogue(idle, greeting, ehlo, `${bye}\r\n`), [end]);
});

test('a refused sender stays refused when the server leaves at once', () => {
  const client = new RecordingClient([message(['b@example.com'])]);
  dialogue(client, greeting, ehlo, '550 5.7.1 you are blocked\r\n');
  client.client.lost('connection lost');
  assert.deepEqual(client.record.slice(-3), [
    'settled',
    '0 bounced 5.7.1 550 5.7.1 you are blocked',
    'ended closing deferred 4.4.2 0 connection lost while waiting for the reply to MAIL or RCPT',
  ]);
});

test('connection lost: before the first reply, in the envelope, behind the final dot', () => {
  const lost = (...replies: string[]) => {
    const client = new RecordingClient([message(['b@example.com', 'c@example.com'])]);
    dialogue(client, greeting, ehlo, ...replies);
    const before = client.record.length;
    client.client.lost('[Errno 104] Connection reset by peer');
    client.client.lost('again');
    client.feed('250 too late\r\n');
    return client.record.slice(before);
  };
  const text = '[Errno 104] Connection reset by peer while waiting for the reply to MAIL or RCPT';
  assert.deepEqual(lost(), [`unsent deferred 4.4.2 0 ${text}`, `ended closing deferred 4.4.2 0 ${text}`]);
  assert.deepEqual(lost('250 ok\r\n550 5.1.1 no\r\n'), [
    'settled',
    '0 bounced 5.1.1 550 5.1.1 no',
    `1 deferred 4.4.2 0 ${text}`,
    `ended closing deferred 4.4.2 0 ${text}`,
  ]);
  const dot =
    '[Errno 104] Connection reset by peer while waiting for the reply to the final dot (the message may have arrived)';
  assert.deepEqual(lost('250 ok\r\n550 5.1.1 no\r\n250 ok\r\n354 go\r\n'), [
    'settled',
    '0 bounced 5.1.1 550 5.1.1 no',
    `1 deferred 4.4.2 0 ${dot}`,
    `ended closing deferred 4.4.2 0 ${dot}`,
  ]);
});

test('lost after a first transaction: what was delivered stays so', () => {
  const client = new RecordingClient([message(['b@example.com', 'c@example.com'])]);
  dialogue(client, greeting, ehlo, '250 ok\r\n250 ok\r\n452 too many\r\n354 go\r\n', '250 2.0.0 first\r\n');
  client.client.lost('connection lost');
  assert.deepEqual(client.record.slice(-3, -1), [
    'settled',
    '1 deferred 4.4.2 0 connection lost while waiting for the reply to MAIL or RCPT',
  ]);
});

test('a reply while the body is on its way: refusals count, a success does not', () => {
  for (const [reply, outcome] of [
    ['552 5.3.4 too big\r\n', '0 bounced 5.3.4 552 5.3.4 too big'],
    ['250 2.0.0 thanks\r\n', '0 deferred 4.5.0 250 unexpected reply: 2.0.0 thanks'],
  ] as const) {
    const client = new RecordingClient([message(['b@example.com'])]);
    client.wholeBodies = false;
    const record = dialogue(client, greeting, ehlo, '250 ok\r\n250 ok\r\n354 go\r\n', reply);
    assert.equal(record[5], 'settled');
    assert.equal(record[6], outcome);
    assert.match(record[7] ?? '', /^ended closing/);
  }
});

test('STARTTLS: everything said before is forgotten', () => {
  const client = new RecordingClient([message(['b@example.com'])]);
  client.feed(greeting);
  client.feed('250-mx\r\n250-PIPELINING\r\n250-SIZE 10\r\n250 STARTTLS\r\n');
  client.feed('220 go\r\n');
  assert.deepEqual(client.record, ['> EHLO gw.example.com', '> STARTTLS', 'starttls']);
  client.client.secured();
  client.feed('250-mx\r\n250 STARTTLS\r\n');
  assert.deepEqual(client.record.slice(3), [
    '> EHLO gw.example.com',
    'ready',
    'started 0',
    '> MAIL FROM:<a@example.org>',
  ]);
});

test('STARTTLS: bytes behind the 220 are an attack, whole replies or a part of one', () => {
  for (const behind of ['250 injected\r\n', '2', '\n']) {
    const client = new RecordingClient();
    client.feed(greeting);
    client.feed('250-mx\r\n250 STARTTLS\r\n');
    client.feed(`220 go\r\n${behind}`);
    assert.deepEqual(client.record.slice(2), [
      'ended starttls-injection deferred 4.7.0 0 data behind the 220 to STARTTLS',
    ]);
  }
});

test('levels: none, preferred, required where STARTTLS is not offered, or refused', () => {
  const offers = '250-mx\r\n250 STARTTLS\r\n';
  const run = (level: 'none' | 'preferred' | 'required', ...replies: string[]) => {
    const client = new RecordingClient([], level);
    for (const reply of [greeting, ...replies]) client.feed(reply);
    return client.record.slice(1);
  };
  assert.deepEqual(run('none', offers), ['ready']);
  assert.deepEqual(run('preferred', plainEhlo), ['ready']);
  assert.deepEqual(run('preferred', offers, '454 4.7.0 not now\r\n'), ['> STARTTLS', 'tls refused 454', 'ready']);
  assert.deepEqual(run('preferred', offers, '502 5.5.1 no\r\n'), ['> STARTTLS', 'tls refused 502', 'ready']);
  assert.deepEqual(run('required', plainEhlo), [
    'ended tls-required deferred 4.7.4 0 TLS is required, but STARTTLS is not offered',
  ]);
  assert.deepEqual(run('required', '500 what\r\n', '250 mx\r\n'), [
    '> HELO gw.example.com',
    'ended tls-required deferred 4.7.4 0 TLS is required, but STARTTLS is not offered',
  ]);
  assert.deepEqual(run('required', offers, '454 4.7.0 not now\r\n'), [
    '> STARTTLS',
    'tls refused 454',
    'ended tls-later deferred 4.7.4 0 TLS is required, but STARTTLS was refused: 454 4.7.0 not now',
  ]);
  assert.deepEqual(run('required', offers, '502 5.5.1 no\r\n'), [
    '> STARTTLS',
    'tls refused 502',
    'ended tls-required deferred 4.7.4 0 TLS is required, but STARTTLS was refused: 502 5.5.1 no',
  ]);
});

test('REQUIRETLS: behind STARTTLS, from a server that has proven itself, or not at all (RFC 8689)', () => {
  const offers = '250-mx\r\n250-REQUIRETLS\r\n250 STARTTLS\r\n';
  const required = message(['b@example.com'], { tls: 'required' });
  const run = (level: TlsLevel, mail: TestMessage, proven: boolean, inside: string) => {
    const client = new RecordingClient([mail], level);
    for (const reply of [greeting, offers, '220 go\r\n']) client.feed(reply);
    client.client.secured(proven);
    client.feed(inside);
    return client.record.slice(4);
  };
  const mail = '> MAIL FROM:<a@example.org>';
  assert.deepEqual(run('requiretls', required, true, '250-mx\r\n250 REQUIRETLS\r\n'), [
    'ready',
    'started 0',
    `${mail} REQUIRETLS`,
  ]);
  const refused = ['ended no-requiretls bounced 5.7.30 0 REQUIRETLS is not offered'];
  assert.deepEqual(run('requiretls', required, true, plainEhlo), refused, 'what was said before TLS does not count');
  assert.deepEqual(run('requiretls', required, false, offers), refused);
  const clear = new RecordingClient([required], 'requiretls');
  for (const reply of [greeting, '250-mx\r\n250 REQUIRETLS\r\n']) clear.feed(reply);
  assert.deepEqual(clear.record.slice(1), [
    'ended tls-required deferred 4.7.4 0 TLS is required, but STARTTLS is not offered',
  ]);
  // A bounce says it where it can, and goes out where it cannot (5).
  const bounce = message(['b@example.com'], { sender: '', tls: 'required' });
  assert.deepEqual(run('preferred', bounce, true, offers).at(-1), '> MAIL FROM:<> REQUIRETLS');
  assert.deepEqual(run('preferred', bounce, false, offers).at(-1), '> MAIL FROM:<>');
  assert.deepEqual(run('preferred', bounce, true, plainEhlo).at(-1), '> MAIL FROM:<>');
  // Others never do, and such a message gets nowhere on a connection that was not made for it.
  assert.deepEqual(run('preferred', message(['b@example.com']), true, offers).at(-1), mail);
  assert.deepEqual(run('preferred', required, true, plainEhlo), [
    'ready',
    'settled',
    '0 bounced 5.7.30 0 REQUIRETLS is not offered',
    'ready',
  ]);
});

test('parameters: only what the server offers', () => {
  const full = message([], {
    body: '8BITMIME',
    smtputf8: true,
    ret: 'HDRS',
    envid: 'QQ314',
    size: 2000,
    recipients: [
      { address: 'b@example.com', notify: ['SUCCESS', 'DELAY'], orcpt: 'rfc822;b@example.com' },
      { address: 'c@example.com' },
    ],
  });
  const commands = (offer: string) =>
    dialogue(new RecordingClient([full]), greeting, `250-mx\r\n${offer}250 PIPELINING\r\n`).filter((line) =>
      line.startsWith('>'),
    );
  assert.deepEqual(commands('250-SIZE 0\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n'), [
    '> MAIL FROM:<a@example.org> SIZE=2000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314',
    '> RCPT TO:<b@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.com',
    '> RCPT TO:<c@example.com>',
    '> DATA',
  ]);
  assert.deepEqual(commands(''), [
    '> MAIL FROM:<a@example.org>',
    '> RCPT TO:<b@example.com>',
    '> RCPT TO:<c@example.com>',
    '> DATA',
  ]);
});

test('a message that the server says it will not take is not tried', () => {
  const record = dialogue(
    new RecordingClient([message(['b@example.com'], { size: 1001 })]),
    greeting,
    '250-mx\r\n250 SIZE 1000\r\n',
  );
  assert.deepEqual(record, [
    'settled',
    '0 bounced 5.3.4 0 message of 1001 bytes exceeds the limit of 1000 of the server',
    'ready',
  ]);
});

test('SMTPUTF8: what needs it bounces, what does not goes out', () => {
  const run = (to: string[], more: Parameters<typeof message>[1], offer = '') =>
    dialogue(new RecordingClient([message(to, more)]), greeting, `250-mx\r\n${offer}250 PIPELINING\r\n`);
  const needs = '0 bounced 5.6.7 0 message needs SMTPUTF8, which the server does not offer';
  assert.ok(run(['b@example.com'], { smtputf8: true, utf8: true }).includes(needs));
  assert.ok(run(['b@example.com'], { smtputf8: true, sender: 'ä@example.org' }).includes(needs));
  assert.deepEqual(run(['b@example.com'], { smtputf8: true }).slice(1), [
    '> MAIL FROM:<a@example.org>',
    '> RCPT TO:<b@example.com>',
    '> DATA',
  ]);
  assert.deepEqual(run(['ä@example.com', 'b@bücher.example'], { smtputf8: true, sender: 'a@bücher.example' }), [
    'started 1',
    '> MAIL FROM:<a@xn--bcher-kva.example>',
    '> RCPT TO:<b@xn--bcher-kva.example>',
    '> DATA',
  ]);
  assert.deepEqual(run(['ä@example.com'], { smtputf8: true, utf8: true }, '250-SMTPUTF8\r\n').slice(1), [
    '> MAIL FROM:<a@example.org> SMTPUTF8',
    '> RCPT TO:<ä@example.com>',
    '> DATA',
  ]);
});

test('no address smuggles a command', () => {
  const record = dialogue(
    new RecordingClient([message(['b@example.com', 'x>\r\nDATA\r\n@example.com'])]),
    greeting,
    ehlo,
  );
  assert.deepEqual(record, ['started 0', '> MAIL FROM:<a@example.org>', '> RCPT TO:<b@example.com>', '> DATA']);
  const sender = dialogue(new RecordingClient([message(['b@example.com'], { sender: 'a>\r\nRSET' })]), greeting, ehlo);
  assert.deepEqual(sender, ['settled', '0 bounced 5.1.7 0 sender address has a control character', 'ready']);
});

test('a question about a recipient has no DATA, and what is said about its sender is no answer', () => {
  const run = (...replies: string[]) => {
    const client = new RecordingClient([message(['b@example.com'], { sender: '', probe: true })]);
    const record = dialogue(client, greeting, ...replies);
    assert.ok(!record.includes('> DATA'));
    return record.slice(3);
  };
  assert.deepEqual(run(ehlo, '250 ok\r\n250 2.1.5 ok\r\n'), ['delivered 0 2.1.5 ok', 'settled', 'ready']);
  assert.deepEqual(run(ehlo, '250 ok\r\n550 5.1.1 no\r\n'), ['settled', '0 bounced 5.1.1 550 5.1.1 no', 'ready']);
  assert.deepEqual(run(ehlo, '550 5.7.1 blocked\r\n503 no\r\n'), [
    'settled',
    '0 deferred 4.7.1 550 5.7.1 blocked',
    'ready',
  ]);
  assert.deepEqual(run(plainEhlo, '250 ok\r\n', '250 2.1.5 ok\r\n').slice(-3), [
    'delivered 0 2.1.5 ok',
    'settled',
    'ready',
  ]);
});

test('the commands of the next message behind the final dot (RFC 2920 3.1)', () => {
  const client = new RecordingClient([
    message(['b@example.com']),
    message(['c@example.com']),
    message(['d@example.com']),
  ]);
  client.follow = true;
  const record = dialogue(
    client,
    greeting,
    ehlo,
    '250 ok\r\n250 ok\r\n354 go\r\n',
    '550 5.7.1 spam\r\n250 ok\r\n550 5.1.1 no\r\n554 5.5.1 no recipients\r\n',
  );
  const envelope = (to: string) => ['> MAIL FROM:<a@example.org>', `> RCPT TO:<${to}@example.com>`, '> DATA'];
  assert.deepEqual(record, [
    'started 0',
    ...envelope('b'),
    '> BODY',
    ...envelope('c'),
    'settled',
    '0 bounced 5.7.1 550 5.7.1 spam',
    'started 0',
    'settled',
    '0 bounced 5.1.1 550 5.1.1 no',
    'ready',
    'started 0',
    '> RSET',
    ...envelope('d'),
  ]);
});

test('nothing follows where the server cannot pipeline, or the message needs more than commands', () => {
  const run = (next: ReturnType<typeof message>, offer: string, ...replies: string[]) => {
    const client = new RecordingClient([message(['b@example.com', 'x@example.com']), next]);
    client.follow = true;
    const record = dialogue(client, greeting, offer, ...replies);
    return record.slice(record.indexOf('> BODY') + 1);
  };
  const flight = '250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n';
  assert.deepEqual(
    run(message(['c@example.com']), plainEhlo, '250 ok\r\n', '250 ok\r\n', '250 ok\r\n', '354 go\r\n'),
    [],
  );
  assert.deepEqual(run(message(['ä@example.com']), ehlo, flight), []);
  assert.deepEqual(run(message(['c@example.com']), ehlo, '250 ok\r\n250 ok\r\n452 many\r\n354 go\r\n'), []);
  const limited = '250-mx\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2\r\n';
  assert.deepEqual(run(message(['c@example.com', 'd@example.com', 'e@example.com']), limited, flight), []);
});

test('with several messages: each is settled or unsent once', () => {
  const reply = fc.constantFrom(
    ...[
      '250 ok\r\n',
      '250 ok\r\n250 ok\r\n354 go\r\n',
      '354 go\r\n',
      '450 4.2.0 x\r\n',
      '550 5.1.1 x\r\n',
      '452 many\r\n',
      '421 bye\r\n',
    ],
  );
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 30 }), fc.boolean(), (replies, follow) => {
      const names = ['b', 'c', 'd', 'e'];
      const client = new RecordingClient(names.map((name) => message([`${name}@example.com`, `${name}2@example.com`])));
      client.follow = follow;
      client.feed(greeting);
      client.feed(ehlo);
      for (const text of replies) client.feed(text);
      client.client.lost('connection lost');
      const begun = new Set(client.record.flatMap((line) => /^> RCPT TO:<(\w)@/.exec(line)?.[1] ?? []));
      const over = client.record.filter((line) => line === 'settled' || line.startsWith('unsent'));
      assert.equal(over.length, begun.size);
      const outcomes = client.record.filter((line) => /^\d (bounced|deferred)/.test(line)).length;
      const delivered = client.record.flatMap((line) => /^delivered ([\d,]+)/.exec(line)?.[1]?.split(',') ?? []).length;
      const unsent = client.record.filter((line) => line.startsWith('unsent')).length;
      assert.equal(outcomes + delivered + unsent * 2, begun.size * 2);
    }),
    { numRuns: 500 },
  );
});

// The server's side of whole conversations: what it says to each flight.
const conversations: string[][] = [
  [greeting, ehlo, '250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n', '250 2.0.0 done\r\n'],
  [
    greeting,
    '500 what\r\n',
    '250 mx\r\n',
    '250 ok\r\n',
    '550 5.1.1 no\r\n',
    '250 ok\r\n',
    '354 go\r\n',
    '451-4.3.0 a\r\n451 4.3.0 b\r\n',
  ],
  [
    greeting,
    ehlo,
    '250 ok\r\n250 ok\r\n452 many\r\n354 go\r\n',
    '250 1\r\n',
    '250 ok\r\n250 ok\r\n354 go\r\n',
    '250 2\r\n',
  ],
  [greeting, ehlo, '250 ok\r\n421 4.3.2 bye\r\n'],
  [greeting, ehlo, '550 no\r\n503 a\r\n503 b\r\n354 go\r\n', '550 x\r\n'],
  [greeting, ehlo, '250 ok\r\n250 ok\r\ngarbage\r\n'],
];

test('any split of what the server says gives the same outcome', () => {
  const run = (conversation: readonly string[], sizes: readonly number[]) => {
    const client = new RecordingClient([message(['b@example.com', 'c@example.com'])]);
    let piece = 0;
    for (const reply of conversation) {
      for (let at = 0; at < reply.length; ) {
        const size = sizes.length === 0 ? reply.length : (sizes[piece++ % sizes.length] ?? 1);
        client.feed(reply.slice(at, at + size));
        at += size;
      }
    }
    return client.record;
  };
  fc.assert(
    fc.property(
      fc.constantFrom(...conversations),
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
      (conversation, sizes) => {
        assert.deepEqual(run(conversation, sizes), run(conversation, []));
      },
    ),
  );
});

test('whatever the server says, each message is settled once, and nobody is forgotten', () => {
  const reply = fc.constantFrom(
    '250 ok\r\n',
    '354 go\r\n',
    '450 4.2.0 x\r\n',
    '550 5.1.1 x\r\n',
    '452 many\r\n',
    '421 bye\r\n',
    '250-a\r\n250 b\r\n',
    'junk\r\n',
    '220 x\r\n',
  );
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 20 }), fc.boolean(), fc.boolean(), (replies, pipelining, whole) => {
      const client = new RecordingClient([message(['b@example.com', 'c@example.com', 'd@example.com'])]);
      client.wholeBodies = whole;
      client.feed(greeting);
      client.feed(pipelining ? ehlo : plainEhlo);
      for (const text of replies) client.feed(text);
      client.client.lost('connection lost');
      const record = client.record;
      assert.equal(record.filter((line) => line === 'settled' || line.startsWith('unsent')).length, 1);
      assert.equal(record.filter((line) => line.startsWith('ended')).length, 1);
      assert.ok(record.at(-1)?.startsWith('ended'));
      if (record.some((line) => line.startsWith('unsent'))) return;
      const delivered = record.flatMap((line) =>
        (/^delivered ([\d,]+)/.exec(line)?.[1] ?? '').split(',').filter((rid) => rid !== ''),
      );
      const failed = record.flatMap((line) =>
        (/^(\d) (bounced|deferred)/.exec(line)?.[1] ?? '').split('').filter((rid) => rid !== ''),
      );
      assert.deepEqual([...delivered, ...failed].sort(), ['0', '1', '2']);
    }),
    { numRuns: 500 },
  );
});
