// DANE-EE and DANE-TA against certificates made by openssl, as a TLS connection shows them.
import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { after, test } from 'node:test';
import tls from 'node:tls';
import type { TlsaRecord } from '../../src/tls/dane.ts';
import { matchDane, matchesName, sentChain } from '../../src/tls/dane-match.ts';
import { certificateExtensions } from '../../src/tls/der.ts';
import { lastsFor } from '../../src/tls/peer-check.ts';
import { Authority, authority, type Issued, server, tlsaData } from '../dane/certificates.ts';

const directory = new Authority();
after(() => directory.remove());

const root = directory.issue('root', { extensions: authority });
const middle = directory.issue('middle', { issuer: root, extensions: authority });
const leaf = directory.issue('leaf', { issuer: middle, extensions: server('mx.test') });
const stranger = directory.issue('stranger', { extensions: server('mx.test') });
const expired = directory.issue('expired', { expired: true, extensions: server('other.test') });
const expiredLeaf = directory.issue('expired-leaf', { issuer: root, expired: true, extensions: server('mx.test') });
const expiredMiddle = directory.issue('expired-middle', { issuer: root, expired: true, extensions: authority });
const belowExpired = directory.issue('below-expired', { issuer: expiredMiddle, extensions: server('mx.test') });
const noAuthority = directory.issue('no-authority', { issuer: root, extensions: server('middle.test') });
const belowNone = directory.issue('below-none', { issuer: noAuthority, extensions: server('mx.test') });
const shallow = directory.issue('shallow', {
  issuer: root,
  extensions: ['basicConstraints=critical,CA:true,pathlen:0', 'keyUsage=critical,keyCertSign'],
});
const deeper = directory.issue('deeper', { issuer: shallow, extensions: authority });
const belowDeeper = directory.issue('below-deeper', { issuer: deeper, extensions: server('mx.test') });
const belowShallow = directory.issue('below-shallow', { issuer: shallow, extensions: server('mx.test') });
const constrained = directory.issue('constrained', {
  issuer: root,
  extensions: [...authority, 'nameConstraints=critical,permitted;DNS:elsewhere.test'],
});
const belowConstrained = directory.issue('below-constrained', { issuer: constrained, extensions: server('mx.test') });
const client = directory.issue('client', {
  issuer: root,
  extensions: [...server('mx.test'), 'extendedKeyUsage=clientAuth'],
});
const forServers = directory.issue('for-servers', {
  issuer: root,
  extensions: [...server('mx.test'), 'extendedKeyUsage=serverAuth,clientAuth'],
});
const weak = directory.issue('weak', {
  issuer: root,
  algorithm: ['-newkey', 'rsa:1024'],
  extensions: server('mx.test'),
});
const sha1 = directory.issue('sha1', { issuer: root, digest: 'sha1', extensions: server('mx.test') });
// The same name and key identifier as the root, another key: an issuer by name alone.
const impostor = directory.issue('impostor', { subject: 'root', extensions: authority });
const named = directory.issue('common-name', { subject: 'mx.test', issuer: root });

// Authorities of one name and one key: each seems to have signed each.
const twin = directory.issue('twin', { extensions: authority });
const twins = Array.from({ length: 12 }, (_, i) =>
  directory.issue(`twin${i}`, { subject: 'twin', keyOf: twin, extensions: authority }),
);
const belowTwins = directory.issue('below-twins', { issuer: twin, extensions: server('mx.test') });
const oldMiddle = directory.issue('old-middle', { issuer: root, digest: 'sha1', extensions: authority });
const belowOld = directory.issue('below-old', { issuer: oldMiddle, extensions: server('mx.test') });
const forMail = directory.issue('for-mail', {
  issuer: root,
  extensions: [...authority, 'extendedKeyUsage=emailProtection'],
});
const belowForMail = directory.issue('below-for-mail', { issuer: forMail, extensions: server('mx.test') });
const loose = directory.issue('loose', {
  issuer: root,
  extensions: [...authority, 'nameConstraints=permitted;DNS:elsewhere.test'],
});
const belowLoose = directory.issue('below-loose', { issuer: loose, extensions: server('mx.test') });

const record = (of: Issued, usage: number, selector: number, matchingType: number): TlsaRecord => ({
  usage,
  selector,
  matchingType,
  data: tlsaData(of.cert, selector, matchingType),
});

/** What a server shows that sends these certificates. */
async function shown(own: Issued, ...others: readonly Issued[]): Promise<X509Certificate> {
  const listener = tls.createServer({
    cert: [own, ...others].map((one) => one.cert).join(''),
    key: own.key,
    ciphers: 'DEFAULT:@SECLEVEL=0',
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  try {
    return await new Promise<X509Certificate>((resolve, reject) => {
      const socket = tls.connect(
        { port, host: '127.0.0.1', rejectUnauthorized: false, ciphers: 'DEFAULT:@SECLEVEL=0' },
        () => {
          const certificate = socket.getPeerX509Certificate();
          if (certificate === undefined) reject(new Error('no certificate'));
          else resolve(certificate);
          socket.destroy();
        },
      );
      socket.on('error', reject);
    });
  } finally {
    listener.close();
  }
}

interface Case {
  readonly what: string;
  readonly sent: readonly [Issued, ...Issued[]];
  readonly records: readonly TlsaRecord[];
  readonly names?: readonly string[];
  /** The record that matches, or a part of the reason. */
  readonly expected: string | RegExp;
}

const cases: readonly Case[] = [
  { what: '3 1 1', sent: [stranger], records: [record(stranger, 3, 1, 1)], expected: '3 1 1' },
  { what: '3 0 1', sent: [stranger], records: [record(stranger, 3, 0, 1)], expected: '3 0 1' },
  { what: '3 1 2', sent: [stranger], records: [record(stranger, 3, 1, 2)], expected: '3 1 2' },
  { what: '3 0 0', sent: [stranger], records: [record(stranger, 3, 0, 0)], expected: '3 0 0' },
  { what: '3 1 0', sent: [stranger], records: [record(stranger, 3, 1, 0)], expected: '3 1 0' },
  {
    what: 'roll-over: the old key beside the new one',
    sent: [stranger],
    records: [record(leaf, 3, 1, 1), record(stranger, 3, 1, 1)],
    expected: '3 1 1',
  },
  {
    what: 'DANE-EE ignores dates and names',
    sent: [expired],
    records: [record(expired, 3, 1, 1)],
    names: ['mx.test'],
    expected: '3 1 1',
  },
  {
    what: 'DANE-EE is about the leaf alone',
    sent: [leaf, middle, root],
    records: [record(middle, 3, 1, 1)],
    expected: /matches no TLSA record/,
  },
  { what: 'another key', sent: [stranger], records: [record(leaf, 3, 1, 1)], expected: /matches no TLSA record/ },
  { what: '2 0 1, the root is sent', sent: [leaf, middle, root], records: [record(root, 2, 0, 1)], expected: '2 0 1' },
  { what: '2 1 1, the root is sent', sent: [leaf, middle, root], records: [record(root, 2, 1, 1)], expected: '2 1 1' },
  { what: '2 1 2, an authority below', sent: [leaf, middle], records: [record(middle, 2, 1, 2)], expected: '2 1 2' },
  { what: 'sent in another order', sent: [leaf, root, middle], records: [record(root, 2, 1, 1)], expected: '2 1 1' },
  {
    what: 'strangers among what is sent',
    sent: [leaf, stranger, expired, middle, root],
    records: [record(root, 2, 1, 1)],
    expected: '2 1 1',
  },
  {
    what: '2 0 1, the root is not sent',
    sent: [leaf, middle],
    records: [record(root, 2, 0, 1)],
    expected: /no path of signatures/,
  },
  {
    what: '2 0 0: the record has the root in it',
    sent: [leaf, middle],
    records: [record(root, 2, 0, 0)],
    expected: '2 0 0',
  },
  { what: '2 1 0: the record has its key', sent: [leaf, middle], records: [record(root, 2, 1, 0)], expected: '2 1 0' },
  {
    what: '2 0 0 with something else in it',
    sent: [leaf, middle],
    records: [{ usage: 2, selector: 0, matchingType: 0, data: new Uint8Array(40) }],
    expected: /no path of signatures/,
  },
  {
    what: 'a broken path: the authority between is not sent',
    sent: [leaf, root],
    records: [record(root, 2, 1, 1)],
    expected: /no path of signatures/,
  },
  {
    what: 'an authority of the same name that did not sign',
    sent: [expiredLeaf, impostor],
    records: [record(impostor, 2, 1, 1)],
    expected: /expired|no path of signatures/,
  },
  {
    what: 'an authority of the same name that did not sign, within its dates',
    sent: [forServers, impostor],
    records: [record(impostor, 2, 1, 1)],
    expected: /no path of signatures/,
  },
  {
    what: 'DANE-TA is not about the leaf',
    sent: [stranger],
    records: [record(stranger, 2, 1, 1)],
    expected: /no path of signatures/,
  },
  {
    what: 'another name under DANE-TA',
    sent: [leaf, middle, root],
    records: [record(root, 2, 1, 1)],
    names: ['other.test'],
    expected: /for other names than other\.test/,
  },
  {
    what: 'one of several names under DANE-TA',
    sent: [leaf, middle, root],
    records: [record(root, 2, 1, 1)],
    names: ['base.test', 'hop.test', 'mx.test'],
    expected: '2 1 1',
  },
  {
    what: 'the common name, without alternatives',
    sent: [named, root],
    records: [record(root, 2, 1, 1)],
    expected: '2 1 1',
  },
  {
    what: 'an expired leaf under DANE-TA',
    sent: [expiredLeaf, root],
    records: [record(root, 2, 1, 1)],
    expected: /the certificate has expired/,
  },
  {
    what: 'an expired authority',
    sent: [belowExpired, expiredMiddle, root],
    records: [record(root, 2, 1, 1)],
    expected: /the authority "CN=expired-middle" has expired/,
  },
  {
    what: 'an issuer that is no authority',
    sent: [belowNone, noAuthority, root],
    records: [record(root, 2, 1, 1)],
    expected: /no path of signatures|may not sign certificates/,
  },
  {
    what: 'path length: none below',
    sent: [belowShallow, shallow, root],
    records: [record(root, 2, 1, 1)],
    expected: '2 1 1',
  },
  {
    what: 'path length: one too many',
    sent: [belowDeeper, deeper, shallow, root],
    records: [record(root, 2, 1, 1)],
    expected: /"CN=shallow" may not have so many authorities below it/,
  },
  {
    what: 'name constraints end a path',
    sent: [belowConstrained, constrained, root],
    records: [record(root, 2, 1, 1)],
    expected: /critical extension that is not understood/,
  },
  {
    what: 'a certificate for clients',
    sent: [client, root],
    records: [record(root, 2, 1, 1)],
    expected: /not meant for servers/,
  },
  { what: 'a certificate for servers', sent: [forServers, root], records: [record(root, 2, 1, 1)], expected: '2 1 1' },
  { what: 'RSA 1024', sent: [weak, root], records: [record(root, 2, 1, 1)], expected: /RSA 1024 bits/ },
  {
    what: 'RSA 1024 under DANE-EE: DNS vouches for it',
    sent: [weak],
    records: [record(weak, 3, 1, 1)],
    expected: '3 1 1',
  },
  { what: 'signed with SHA-1', sent: [sha1, root], records: [record(root, 2, 1, 1)], expected: /signed with .*SHA1/i },
  {
    what: 'signed with SHA-1, but named by the record: who signed it does not count',
    sent: [belowOld, oldMiddle, root],
    records: [record(oldMiddle, 2, 0, 1)],
    expected: '2 0 1',
  },
  {
    what: 'an authority signed with SHA-1 below the one that is named',
    sent: [belowOld, oldMiddle, root],
    records: [record(root, 2, 0, 1)],
    expected: /signed with .*SHA1/i,
  },
  {
    what: 'an authority for mail, not for servers',
    sent: [belowForMail, forMail, root],
    records: [record(root, 2, 1, 1)],
    expected: /the authority is not meant for servers/,
  },
  {
    what: 'name constraints that are not marked critical',
    sent: [belowLoose, loose, root],
    records: [record(root, 2, 1, 1)],
    expected: /critical extension that is not understood/,
  },
  {
    what: 'many authorities of one name and key: not every order of them is tried',
    sent: [belowTwins, ...twins],
    records: [record(root, 2, 1, 1)],
    expected: /no path of signatures/,
  },
  {
    what: 'many authorities of one name and key, the last of them named',
    sent: [belowTwins, ...twins],
    records: [record(twins[11] ?? twin, 2, 0, 1)],
    expected: '2 0 1',
  },
  {
    what: 'keys in hundreds of records: not all of them are tried',
    sent: [leaf, middle],
    records: Array.from({ length: 300 }, () => record(stranger, 2, 1, 0)),
    expected: /too many certificates to follow .* and 295 more\)$/,
  },
  {
    what: 'hundreds of records: the one that counts is found, a reason names the first ones',
    sent: [stranger],
    records: Array.from({ length: 500 }, (_, i) => (i === 499 ? record(stranger, 3, 1, 1) : record(leaf, 3, 1, 1))),
    expected: '3 1 1',
  },
  {
    what: 'DANE-EE before a DANE-TA that fails',
    sent: [expiredLeaf, root],
    records: [record(root, 2, 1, 1), record(expiredLeaf, 3, 1, 1)],
    expected: '3 1 1',
  },
];

for (const { what, sent, records, names = ['mx.test'], expected } of cases) {
  test(what, async () => {
    const match = matchDane(records, await shown(...sent), names, Date.now());
    if (typeof expected === 'string') {
      assert.ok(match.ok, match.ok ? '' : match.why);
      const { usage, selector, matchingType } = match.record;
      assert.equal(`${usage} ${selector} ${matchingType}`, expected);
    } else {
      assert.ok(!match.ok, 'it matched');
      assert.match(match.why, expected);
    }
  });
}

test('names: all below a name, no wildcard inside a label, nothing for an empty list', async () => {
  const wide = directory.issue('wide', { extensions: ['subjectAltName=DNS:*.wide.test,DNS:m*.part.test'] });
  const certificate = await shown(wide);
  const table: readonly (readonly [string, boolean])[] = [
    ['mx.wide.test', true],
    ['wide.test', false],
    ['a.mx.wide.test', false],
    ['.wide.test', true],
    ['.test', true],
    ['.other.test', false],
    ['mx.part.test', false],
  ];
  for (const [name, expected] of table) assert.equal(matchesName(certificate, [name]), expected, name);
  assert.equal(matchesName(certificate, []), false);
});

test('what was sent is found whole, and its extensions are read', async () => {
  const certificate = await shown(leaf, stranger, middle, root);
  assert.deepEqual(
    sentChain(certificate).map((one) => one.subject),
    ['CN=leaf', 'CN=stranger', 'CN=middle', 'CN=root'],
  );
  const [, , , last] = sentChain(certificate);
  assert.ok(last !== undefined);
  const critical = certificateExtensions(last.raw).filter((one) => one.critical);
  assert.deepEqual(critical.map((one) => one.oid).toSorted(), ['551d0f', '551d13']);
  assert.deepEqual(certificateExtensions(last.raw.subarray(0, 30)), []);
});

test('a verdict lasts for later sessions as long as the certificates, where their dates count', async () => {
  const [whole, over, own] = [
    await shown(leaf, middle, root),
    await shown(belowExpired, expiredMiddle, root),
    await shown(expired),
  ];
  const record = (usage: number): TlsaRecord => ({ usage, selector: 1, matchingType: 1, data: Buffer.alloc(32) });
  const end = Date.UTC(2046, 0, 1);
  const lasts = (certificate: X509Certificate, check: 'none' | 'pkix' | 'dane', ...usages: number[]) =>
    lastsFor({ check, tlsa: usages.map(record) }, { peer: () => certificate }, end - 5000);
  assert.equal(lasts(whole, 'pkix'), 5000);
  assert.equal(lasts(whole, 'dane', 2, 3), 5000);
  assert.ok(lasts(over, 'pkix') < 0, 'an authority has ended');
  assert.equal(lasts(own, 'dane', 3), Number.POSITIVE_INFINITY, 'DANE-EE: dates count for nothing');
  assert.equal(lasts(over, 'none'), Number.POSITIVE_INFINITY);
});
