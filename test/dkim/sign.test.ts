import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SigningKeys } from '../../src/dkim/keys.ts';
import { MessageSigner, signMessage } from '../../src/dkim/sign.ts';
import { ed25519, recordsOf, rsa } from './keys.ts';
import { dkimpy, mailauth, opendkim } from './verifiers.ts';

const both = [
  { domain: 'example.com', selector: 'r2026', key: rsa },
  { domain: 'example.com', selector: 'e2026', key: ed25519 },
];
const keys = new SigningKeys(both);
const records = recordsOf(both);
const now = Date.parse('2026-11-30T12:00:00Z');

const head = 'From: Ann <ann@example.com>\r\nTo: bob@example.net\r\nSubject: Hello\r\n';
const messages: Readonly<Record<string, string>> = {
  plain: `${head}Date: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nHello Bob\r\n`,
  'without a body': `${head}\r\n`,
  'without an empty line': head,
  'empty lines only': `${head}\r\n\r\n\r\n\r\n`,
  'white space only': `${head}\r\n \t \r\n\t\r\n`,
  'empty lines at the end': `${head}\r\nHello\r\n\r\n \r\n\r\n`,
  'white space everywhere': `${head}\r\n  two  blanks \t and\ttabs \t\r\n\r\n \r\nlast   \r\n`,
  'no line end at the end': `${head}\r\nHello`,
  'a dot and no line end': `${head}\r\n.\r\n.hello`,
  'folded fields': `From:\r\n Ann\r\n\t<ann@example.com>\r\nsubject:\tone  \r\n\ttwo\t three \r\nTO: bob@example.net\r\n\r\nx\r\n`,
  'fields that stand twice': `${head}References: <1@x>\r\nReceived: a\r\nList-Id: <l.example.com>\r\nList-Id: <m.example.com>\r\n\r\nx\r\n`,
  'raw 8-bit': `${head}X: \u00fc\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\u00fc\u00dfe\u00a0\r\n`,
  'an attachment': `${head}Content-Type: application/octet-stream\r\n\r\n${`${'QUJD'.repeat(19)}\r\n`.repeat(900)}`,
  'a long line': `${head}\r\n${'x'.repeat(40_000)}\r\n${'a  '.repeat(20_000)}\r\n`,
};

/** Nobody may do this to a signed message. */
const changes: Readonly<Record<string, (message: string) => string>> = {
  'another word': (message) => message.replace('Hello Bob', 'Hello Eve'),
  'a line more': (message) => `${message}more\r\n`,
  'another subject': (message) => message.replace('Subject: Hello', 'Subject: Hi'),
  'a second From': (message) => `From: eve@example.org\r\n${message}`,
  'a second Subject': (message) => `Subject: other\r\n${message}`,
  'another way to read the body': (message) => `Content-Type: text/html\r\n${message}`,
  'somebody to answer': (message) => `Reply-To: eve@example.org\r\n${message}`,
};

const octets = (text: string) => Buffer.from(text, 'latin1');

test('mailauth, dkimpy and OpenDKIM accept what we sign, with RSA and Ed25519', async () => {
  const signed = Object.values(messages).map((text) => signMessage(octets(text), keys, now));
  const wanted = signed.map(() => ['pass', 'pass']);
  assert.deepEqual(await Promise.all(signed.map((message) => mailauth(message, records))), wanted);
  assert.deepEqual(dkimpy(signed, records, 2), wanted);
  const alone = new SigningKeys([both[0] ?? assert.fail()]);
  // OpenDKIM's test mode wants a line end at the end.
  const whole = Object.values(messages).filter((text) => text.endsWith('\n'));
  const withRsa = whole.map((text) => signMessage(octets(text), alone, now));
  assert.deepEqual(
    opendkim(withRsa, records),
    withRsa.map(() => 'pass'),
  );
});

test('a letter of UTF-8 that ends in 0xA0 stays whole at the end of a field', () => {
  // mailauth 7.1.0 takes that octet for white space, and so refuses what is right.
  const message = octets('From: ann@example.com\r\nSubject: Novit\u00c3\u00a0\r\n\r\nx\r\n');
  assert.deepEqual(dkimpy([signMessage(message, keys, now)], records, 2), [['pass', 'pass']]);
  const alone = new SigningKeys([both[0] ?? assert.fail()]);
  assert.deepEqual(opendkim([signMessage(message, alone, now)], records), ['pass']);
});

test('white space before a colon, the obsolete form, is read as OpenDKIM and mailauth do', async () => {
  // dkimpy 1.1.4 does not find such a field.
  const message = octets('From: ann@example.com\r\nSubject : x\r\n\r\nx\r\n');
  const signed = signMessage(message, keys, now);
  assert.deepEqual(await mailauth(signed, records), ['pass', 'pass']);
  assert.deepEqual(opendkim([signed], records), ['pass']);
});

test('what is changed afterwards is refused', async () => {
  const signed = Buffer.from(signMessage(octets(messages['plain'] ?? ''), keys, now)).toString('latin1');
  const changed = Object.values(changes).map((change) => octets(change(signed)));
  const wanted = changed.map(() => ['fail', 'fail']);
  assert.deepEqual(await Promise.all(changed.map((message) => mailauth(message, records))), wanted);
  assert.deepEqual(dkimpy(changed, records, 2), wanted);
  // What hosts on the way do.
  const harmless = octets(
    `Received: from x by y\r\nX-Spam: no\r\n${signed.replace('Subject: Hello', 'SUBJECT:   Hello ')}\r\n`,
  );
  assert.deepEqual(await mailauth(harmless, records), ['pass', 'pass']);
});

test('however a message is cut, its signature is the same', async () => {
  const texts = Object.values(messages);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...texts),
      fc.array(fc.nat(200), { minLength: 1, maxLength: 50 }),
      async (text, cuts) => {
        const signer = new MessageSigner(keys);
        const bytes = octets(text);
        let at = 0;
        for (let turn = 0; at < bytes.length; turn++) {
          const next = at + (cuts[turn % cuts.length] ?? 0) * (turn < 1000 ? 1 : 1000) + (turn % 7 === 0 ? 1 : 0);
          signer.push(bytes.subarray(at, next));
          at = Math.min(next, bytes.length);
        }
        const { fields } = await signer.finish(now);
        assert.equal(fields + text, Buffer.from(signMessage(bytes, keys, now)).toString('latin1'));
      },
    ),
    { numRuns: 60 },
  );
});

test('the domain of the author decides who signs', () => {
  const several = new SigningKeys([
    { domain: 'example.com', selector: 'a', key: ed25519 },
    { domain: 'news.example.com', selector: 'b', key: ed25519 },
    { domain: 'xn--bcher-kva.example', selector: 'c', key: ed25519 },
  ]);
  const cases: readonly [from: string, domain: string | null, why?: string][] = [
    ['From: ann@example.com', 'example.com'],
    ['From: Ann <ann@EXAMPLE.com>', 'example.com'],
    ['From: "eve@evil.example" <ann@example.com>', 'example.com'],
    ['From: "a, b \\" <x@evil.example>" <ann@example.com>', 'example.com'],
    ['From: ann(x@evil.example)@example.com (y@evil.example)', 'example.com'],
    ['From: ann@mail.example.com', 'example.com'],
    ['From: ann@news.example.com', 'news.example.com'],
    ['From: ann@a.news.example.com', 'news.example.com'],
    ['From: ann@b\u00fccher.example', 'xn--bcher-kva.example'],
    ['From: "ann b"@example.com', 'example.com'],
    ['From: <ann@example.com>, bob@mail.example.com', 'example.com'],
    ['From: us: ann@example.com;', 'example.com'],
    ['From: ann . lee @ example . com', 'example.com'],
    ['From: ann@example.net', null],
    ['From: ann@notexample.com', null],
    ['From: ann@com', null],
    ['From: ann@example.com.evil.example', null],
    ['From: ann@example.com, bob@example.net', null, 'its authors are of several domains'],
    ['From: ann@example.com\r\nFrom: bob@example.com', null, 'its From field is missing, double or malformed'],
    ['From: <ann@example.com> <eve@evil.example>', null, 'its From field is missing, double or malformed'],
    ['From: <eve@evil.example> ann@example.com', null, 'its From field is missing, double or malformed'],
    ['From: ann@[192.0.2.1]', null, 'its From field is missing, double or malformed'],
    ['From: Ann', null, 'its From field is missing, double or malformed'],
    // Reading it takes no longer than it is long.
    [`From: ${'a.'.repeat(50_000)}a`, null, 'its From field is missing, double or malformed'],
    [`From: ${' '.repeat(50_000)}.${' '.repeat(50_000)}a`, null, 'its From field is missing, double or malformed'],
    ['From: "ann@example.com', null, 'its From field is missing, double or malformed'],
    ['Subject: none', null, 'its From field is missing, double or malformed'],
    ['From: ann@example.com\r\nno field', null, 'its header is malformed'],
    [`From: ann@example.com\r\n${'To: x\r\n'.repeat(21).trimEnd()}`, null, 'it has too many fields of one name'],
    [`From: ann@example.com\r\nX: ${'x'.repeat(300_000)}`, null, 'its header is too large'],
  ];
  for (const [from, domain, why = null] of cases) {
    const signer = new MessageSigner(several);
    signer.push(Buffer.from(`${from}\r\n\r\nx\r\n`));
    const result = signer.finishNow(now);
    assert.deepEqual(
      [result.domain, result.why, result.fields !== ''],
      [domain ?? '', why, domain !== null],
      from.slice(0, 80),
    );
  }
});

test('a message for whose domain there is no key comes back as it is', () => {
  const message = octets(messages['plain']?.replace('ann@example.com', 'ann@example.net') ?? '');
  assert.equal(signMessage(message, keys, now), message);
  assert.equal(signMessage(message, new SigningKeys([]), now), message);
});
