// dkimconfig and dnsrecords against a signed zone behind a validating resolver.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRequest } from '../../src/admin/commands/certificates.ts';
import { ensureDemoCertificate } from '../../src/tls/certificates.ts';
import { script, withShell } from '../admin/shell.ts';
import { startSignedZone } from '../dane/zone.ts';
import { missing } from '../tls/peers.ts';

const resolver = '127.9.0.54';
const initial = `hostname: mx.dane.test
listeners:
  - { name: inbound, address: 127.0.0.1, port: 2525 }
  - { name: inside, address: 127.0.0.1, port: 2526, tls: off }
accept: [dane.test, plain.test, .sub.plain.test]
dns: { servers: ["${resolver}"] }
mtaSts: { domains: [{ domain: dane.test, mode: enforce, mx: [mx.dane.test] }] }
`;
const basis = { signed: 'mx A 192.0.2.7\n@ MX 10 mx\n', plain: '@ MX 10 other\nother A 198.51.100.9\n' };

/** SHA-256 of a certificate's SubjectPublicKeyInfo, by openssl. */
function spkiDigest(file: string): string {
  const pem = execFileSync('openssl', ['x509', '-in', file, '-noout', '-pubkey']);
  const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: pem });
  return execFileSync('openssl', ['dgst', '-sha256', '-r'], { input: der, encoding: 'latin1' }).slice(0, 64);
}

/** Joined lines of one record: its status, its line, what is said of it. */
function rows(output: string): string[] {
  return output
    .split(/\n(?=\[)/)
    .filter((row) => row.startsWith('['))
    .map((row) => row.split(/\n\n/)[0]?.replaceAll(/\s+/g, ' ') ?? '');
}

test('keys are made, rotated and published; what DNS has is judged, and what is printed makes it right', {
  skip: missing('unbound') || missing('ldns-signzone'),
}, async () => {
  await withShell(
    async ({ host }) => {
      await host.config.snapshot();
      const shell = (command: string) => script(host.dataDirectory, '', command);
      const certificates = join(host.dataDirectory, 'certificates');
      await ensureDemoCertificate(certificates, 'mx.dane.test');
      const [ecdsa, rsa] = ['ecdsa', 'rsa'].map((kind) => spkiDigest(join(certificates, `demo-${kind}.crt`)));
      await createRequest(host.dataDirectory, 'mx2027', {
        subject: { commonName: 'mx.dane.test' },
        names: [],
        key: 'ecdsa-p256',
      });

      const made = await shell('dkimconfig NEW dane.test 1 r1');
      assert.match(made.output, /Key r1\._domainkey\.dane\.test \(rsa-sha256\) next made\./);
      const record = /^r1\._domainkey\.dane\.test\. IN TXT .*$/m.exec(made.output)?.[0] ?? '';
      assert.match(record, /IN TXT "v=DKIM1; k=rsa; p=[^"]+" "[^"]+"$/);

      const zone = await startSignedZone(
        {
          signed: `${basis.signed}${record}
@ TXT "v=spf1 mx -all"
_25._tcp.mx TLSA 3 1 1 ${ecdsa}
_25._tcp.mx TLSA 3 1 1 ${'0'.repeat(64)}
_smtp._tls TXT "v=TLSRPTv1;rua=mailto:TLS-reports@dane.test"
_mta-sts TXT "v=STSv1; id=old;"
mta-sts CNAME mx
`,
          plain: `${basis.plain}@ TXT "v=spf1 ip4:198.51.100.0/24 ~all"\n`,
          forged: [],
          nsec: true,
        },
        resolver,
      );
      try {
        const first = await shell('dkimconfig ACTIVATE 1');
        assert.match(
          first.output + first.errors,
          /\[right\] +r1\._domainkey[\s\S]*r1 of dane\.test signs after the commit/,
        );
        const rotated = await shell('dkimconfig ROTATE 1');
        const next =
          /Key (p\d{8}r)\._domainkey\.dane\.test \(rsa-sha256\) next made/.exec(rotated.output)?.[1] ?? 'none';
        const early = await shell('dkimconfig ACTIVATE 1 N');
        assert.match(early.output, new RegExp(String.raw`\[missing\] +${next}\._domainkey`));
        assert.doesNotMatch(early.output, /signs after/);
        const all = await shell('dkimconfig ACTIVATE 1 Y');
        assert.match(all.output, new RegExp(`${next} of dane.test signs after the commit`));
        assert.match(all.output, /r1 is retired then; its record must stay for 14d/);
        const kept = await shell('dkimconfig DELETE 1 Y');
        assert.match(kept.errors, /[Tt]he record of r1 must stay until \d{4}-\d\d-\d\d/);

        const told = await shell('dnsrecords');
        assert.equal(told.status, 1);
        const wanted = [
          `[right] _25._tcp.mx.dane.test. IN TLSA 3 1 1 ${ecdsa} certificate demo (ec) of listener inbound. The zone is signed.`,
          `[different] _25._tcp.mx.dane.test. IN TLSA 3 1 1 ${rsa} certificate demo (rsa) of listener inbound. Senders that check DANE do not deliver`,
          '[missing] _25._tcp.mx.dane.test. IN TLSA 3 1 1 ',
          `[superfluous] _25._tcp.mx.dane.test. IN TLSA 3 1 1 ${'0'.repeat(64)}`,
          '[different] _mta-sts.dane.test. IN TXT "v=STSv1; id=',
          '[right] mta-sts.dane.test. IN CNAME mx.dane.test.',
          '[right] _smtp._tls.dane.test.',
          '[missing] _smtp._tls.plain.test. IN TXT "v=TLSRPTv1; rua=mailto:tls-reports@plain.test"',
          '[missing] mx.dane.test. IN TXT "v=spf1 a -all"',
          '[right] dane.test. IN TXT "v=spf1 mx -all"',
          '[different] plain.test. IN TXT "v=spf1 ip4:198.51.100.0/24 a:mx.dane.test ~all"',
          '[right] r1._domainkey.dane.test.',
          `[missing] ${next}._domainkey.dane.test.`,
        ];
        const lines = rows(told.output);
        for (const line of wanted)
          assert.ok(
            lines.some((row) => row.startsWith(line)),
            `${line}\n\n${told.output}`,
          );
        assert.equal(lines.length, wanted.length, told.output);
        assert.match(told.output, /request mx2027, whose certificate is still to come\. Publish it beside the others/);
        assert.match(told.output, /^No MX record of plain\.test leads to this gateway\.$/m);
        assert.match(told.output, /there is: v=spf1 ip4:198\.51\.100\.0\/24 ~all/);
      } finally {
        zone.stop();
      }

      // What is printed is what makes it right.
      const printed = (await shell('dnsrecords --zone')).output.split('\n').filter((line) => line.includes(' IN '));
      const of = (name: string) => printed.filter((line) => line.split(' ')[0]?.endsWith(`${name}.`)).join('\n');
      const after = await startSignedZone(
        {
          signed: `${basis.signed}${of('dane.test')}\n`,
          plain: `${basis.plain}${of('plain.test')}\n`,
          forged: [],
          nsec: true,
        },
        resolver,
      );
      try {
        const right = await shell('dnsrecords');
        assert.deepEqual(
          rows(right.output).filter((row) => !row.startsWith('[right]')),
          [],
        );
        assert.equal(right.status, 0, right.output);
        // In a zone without DNSSEC the same TLSA records are worth nothing, and that is said.
        const elsewhere = await shell('dnsrecords plain.test');
        assert.match(elsewhere.output, /\[right\] +plain\.test\. IN TXT/);
      } finally {
        after.stop();
      }
    },
    { initial },
  );
});
