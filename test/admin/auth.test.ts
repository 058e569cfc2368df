// The parts of the logon by themselves: codes, passwords, delays, public certificates.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashPassword, verifyPassword, weakness } from '../../src/admin/auth/password.ts';
import { Throttle } from '../../src/admin/auth/throttle.ts';
import { base32, codeAt, matchingStep, newRecoveryCodes } from '../../src/admin/auth/totp.ts';
import { isPubliclyValid } from '../../src/tls/public-certificate.ts';

test('one-time codes: the vectors of RFC 6238 appendix B and RFC 4226 appendix D', () => {
  const secret = Buffer.from('12345678901234567890');
  const rfc6238: readonly (readonly [number, string])[] = [
    [59, '94287082'],
    [1111111109, '07081804'],
    [1111111111, '14050471'],
    [1234567890, '89005924'],
    [2000000000, '69279037'],
    [20000000000, '65353130'],
  ];
  for (const [time, code] of rfc6238) assert.equal(codeAt(secret, Math.floor(time / 30), 8), code);
  const rfc4226 = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489';
  assert.equal(Array.from({ length: 10 }, (_, counter) => codeAt(secret, counter)).join(' '), rfc4226);
});

test('one-time codes: a step to either side, and never the same or an earlier one again', () => {
  const secret = Buffer.from('12345678901234567890');
  const now = 1_700_000_000_000;
  const step = Math.floor(now / 30_000);
  for (const offset of [-2, -1, 0, 1, 2]) {
    const found = matchingStep(secret, codeAt(secret, step + offset), now, 0);
    assert.equal(found, Math.abs(offset) <= 1 ? step + offset : null, String(offset));
    assert.equal(matchingStep(secret, codeAt(secret, step + offset), now, step + 1), null);
  }
  for (const wrong of ['', '12345', '1234567', 'abcdef', `${codeAt(secret, step)}0`, ` ${codeAt(secret, step)}`]) {
    assert.equal(matchingStep(secret, wrong, now, 0), null, wrong);
  }
});

test('base32: the vectors of RFC 4648, without padding', () => {
  const vectors = {
    '': '',
    f: 'MY',
    fo: 'MZXQ',
    foo: 'MZXW6',
    foob: 'MZXW6YQ',
    fooba: 'MZXW6YTB',
    foobar: 'MZXW6YTBOI',
  };
  for (const [text, code] of Object.entries(vectors)) assert.equal(base32(Buffer.from(text)), code);
  for (const code of newRecoveryCodes()) assert.match(code, /^[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}$/);
});

test('passwords: argon2id with a salt of its own, and what is too weak', async () => {
  const [first, second] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')]);
  assert.notEqual(first, second);
  assert.match(first, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  assert.equal(await verifyPassword('correct horse', first), true);
  assert.equal(await verifyPassword('correct horsf', first), false);
  // Unicode that looks the same is the same, however it was typed.
  assert.equal(await verifyPassword('Z\u00fcrich!', await hashPassword('Zu\u0308rich!')), true);
  // The vector of the reference implementation (phc-winner-argon2, test.c: version 19, t=2, m=2^16, p=1).
  const hash = Buffer.from('09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7', 'hex');
  const reference = `$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$${hash.toString('base64').replace('=', '')}`;
  assert.equal(await verifyPassword('password', reference), true);
  await assert.rejects(
    verifyPassword('x', '$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8'),
  );
  const weak = ['short', 'aaaaaaaaaaaaaaaa', 'administrator1', 'x'.repeat(2000)];
  for (const password of weak) assert.notEqual(weakness(password, 'administrator'), null, password);
  assert.equal(weakness('vier ungewöhnliche Wörter', 'anna'), null);
});

test('a crowd that logs on is turned away before it takes all memory', async () => {
  const results = await Promise.allSettled(Array.from({ length: 60 }, () => hashPassword('correct horse')));
  const refused = results.filter((result) => result.status === 'rejected');
  assert.equal(refused.length, 60 - 33);
  for (const { reason } of refused) assert.equal(reason.code, 'rate-limited');
  assert.ok((await hashPassword('correct horse')).length > 0, 'afterwards all is as before');
});

test('failed attempts: some are free, then the wait doubles up to its most; the table is bounded', () => {
  const throttle = new Throttle({ free: 3, first: 1000, most: 8000 });
  let now = 1_000_000;
  const waits = Array.from({ length: 9 }, () => {
    throttle.begin('a', now);
    const wait = throttle.wait('a', now);
    now += wait;
    return wait;
  });
  assert.deepEqual(waits, [0, 0, 0, 1000, 2000, 4000, 8000, 8000, 8000]);
  throttle.begin('a', now);
  throttle.excuse('a');
  assert.equal(throttle.wait('a', now), 8000, 'a success of one account does not excuse guesses at others');
  throttle.forget('a');
  assert.equal(throttle.wait('a', now), 0);
  for (let i = 0; i < 4; i++) throttle.begin('b', now);
  assert.ok(throttle.wait('b', now) > 0);
  for (let i = 0; i < 20_000; i++) throttle.begin(`other ${i}`, now);
  assert.equal(throttle.wait('b', now), 0, 'the oldest went');
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 100_000 }), { maxLength: 50 }), (pauses) => {
      const one = new Throttle({ free: 3, first: 1000, most: 60_000 });
      let at = 0;
      for (const pause of pauses) {
        at += pause;
        one.begin('x', at);
        assert.ok(one.wait('x', at) >= 0 && one.wait('x', at) <= 60_000);
      }
    }),
  );
});

test('a certificate is publicly valid if its chain leads to a root, for a name of the DNS, today', () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-public-'));
  try {
    const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
    const authority = (name: string, ...signed: readonly string[]) =>
      openssl(
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '30',
        '-subj',
        `/CN=${name}`,
        '-addext',
        'basicConstraints=critical,CA:TRUE',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.crt`,
        ...signed,
      );
    authority('root');
    authority('middle', '-CA', 'root.crt', '-CAkey', 'root.key');
    const leaf = (name: string, ...extra: readonly string[]) =>
      openssl(
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '10',
        '-subj',
        '/CN=gw',
        '-addext',
        'basicConstraints=critical,CA:FALSE',
        '-CA',
        'middle.crt',
        '-CAkey',
        'middle.key',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.crt`,
        ...extra,
      );
    leaf('leaf', '-addext', 'subjectAltName=DNS:gw.example.com');
    leaf('nameless');
    const pem = (...names: readonly string[]) =>
      names.map((name) => readFileSync(join(directory, `${name}.crt`), 'utf8')).join('');
    const roots = [new X509Certificate(pem('root'))];
    const valid = (cert: string, now = Date.now()) =>
      isPubliclyValid({ name: 'x', pairs: [{ cert, key: '' }] }, now, roots);
    assert.equal(valid(pem('leaf', 'middle')), true);
    assert.equal(valid(pem('leaf')), false, 'the intermediate is missing');
    assert.equal(valid(pem('nameless', 'middle')), false);
    assert.equal(valid(pem('leaf', 'middle'), Date.now() + 11 * 86_400_000), false, 'expired');
    assert.equal(isPubliclyValid({ name: 'x', pairs: [{ cert: pem('leaf', 'middle'), key: '' }] }), false);
    assert.equal(isPubliclyValid({ name: 'x', pairs: [] }), false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
