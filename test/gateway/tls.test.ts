// TLS of the whole gateway as its partners and its administrator see it: one running gateway, changed through the shell,
// against OpenSSL's own client and server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { logName, type TlsVersion, tlsVersions } from '../../src/tls/versions.ts';
import {
  anyLevel,
  CertificateDirectory,
  legalSelections,
  negotiated,
  opensslClient,
  proxy,
  runProgram,
  versionFlag,
} from '../tls/peers.ts';
import { MailClient, sendMail } from './client.ts';
import { freePort, type RunningGateway, startGateway } from './harness.ts';
import { type OpensslDestination, startOpensslDestination } from './openssl-destination.ts';

const certificates = new CertificateDirectory();
const rsa = certificates.make('rsa:2048');
after(() => certificates.remove());

/** A pair of OpenSSL's own error, the same number in decimal and in hexadecimal. */
function isPair(text: string): boolean {
  const found = /^\((\d+), 'error:([0-9A-F]{8}):SSL routines:\w*:[\w /-]+'\)$/.exec(text);
  return found !== null && Number(found[1]) === Number.parseInt(found[2] ?? '', 16);
}

const smtp = ['-starttls', 'smtp'];

/** What the menu of `sslconfig` wants: 1 is TLS v1.3. */
function menuNumbers(selection: readonly TlsVersion[]): string {
  const numbers = selection.map((version) => tlsVersions.length - tlsVersions.indexOf(version)).reverse();
  if (numbers.length === 1) return `${numbers[0]}`;
  return numbers.length === 3 ? numbers.join(', ') : `${numbers[0]}-${numbers.at(-1)}`;
}

async function select(gateway: RunningGateway, selection: readonly TlsVersion[]): Promise<void> {
  const choice = menuNumbers(selection);
  // The last word: clients of the selection before would break, and that is meant.
  const dialogue = ['sslconfig', 'inbound', choice, '', 'OutBound', choice, '', '', `commit "now ${choice}" Y Y`];
  const { status, output } = await gateway.shell(dialogue);
  assert.equal(status, 0, output);
  assert.match(output, /^Changes committed: /m, output);
}

/** The lines of incoming connections from `first` on, by connection and in their order. */
function connections(gateway: RunningGateway, first: number): string[][] {
  const lines = new Map<number, string[]>();
  for (const line of gateway.log()) {
    const icid = Number(/\bICID (\d+)\b/.exec(line)?.[1] ?? 0);
    if (icid >= first) lines.set(icid, [...(lines.get(icid) ?? []), line.replace(/^Info: (New SMTP )?ICID \d+ /, '')]);
  }
  return [...lines].toSorted(([a], [b]) => a - b).map(([, text]) => text);
}

let marks = 0;

/** The number of the next connection: that of one of ours, known by its address, and one. */
async function nextIcid(gateway: RunningGateway, port: number): Promise<number> {
  marks++;
  const address = `127.9.${marks >> 8}.${marks & 255}`;
  const client = await MailClient.open(port, { local: address });
  assert.match(await client.reply(), /^220 /);
  await client.say('QUIT');
  const line = await gateway.logged(new RegExp(`New SMTP ICID \\d+ .* address ${address.replaceAll('.', '\\.')} `));
  return Number(/ICID (\d+)/.exec(line)?.[1]) + 1;
}

/** One s_client over STARTTLS, and the lines of its connection. */
async function tryClient(gateway: RunningGateway, port: number, args: readonly string[]) {
  const icid = await nextIcid(gateway, port);
  const { output } = await opensslClient(port, [...smtp, ...args]);
  await gateway.logged(new RegExp(`^Info: ICID ${icid} (close|lost)$`));
  return { output, lines: connections(gateway, icid)[0] ?? [] };
}

// Made by `openssl dhparam 1024`.
const group1024 = `-----BEGIN DH PARAMETERS-----
MIGHAoGBAMsr+x33qQOvCHlzjn2Zx9qCopKC4LqbItLKG04mhEY+GOqXY7jSBcEq
5McKay1QyG+fhVwG02d+1nqdyT/9HIHyV1n8tWYOpGcI5lViZe0u6mn5S+ijfhrC
bn5wa0gShKAr3mPJpLMPI/K7vVafs0zF4B4d+FqwmaKlNVGytf93AgEC
-----END DH PARAMETERS-----
`;

/** In the first flight of TLS: supported_versions become an extension that nobody knows, the legacy version 1.1. */
function editedDown(chunk: Buffer, direction: 'to-server' | 'to-client'): Buffer {
  if (direction !== 'to-server' || chunk[0] !== 0x16 || chunk[5] !== 1) return chunk;
  const copy = Buffer.from(chunk);
  copy.writeUInt16BE(0x0302, 9);
  const at = copy.indexOf(Buffer.from('002b', 'hex'), 100);
  assert.ok(at > 0);
  copy.writeUInt16BE(0x7a7b, at);
  return copy;
}

/** A client over TLS that stays connected, to be asked for a reply at any time. */
function connectedClient(port: number, args: readonly string[] = []) {
  const child = spawn('openssl', [
    ...['s_client', '-connect', `127.0.0.1:${port}`, '-starttls', 'smtp', ...args],
    ...['-quiet', '-crlf'],
  ]);
  let output = '';
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', () => resolve());
  child.once('exit', () => resolve());
  return {
    ready,
    say: async (command: string, reply: RegExp) => {
      output = '';
      child.stdin.write(`${command}\n`);
      const deadline = Date.now() + 10_000;
      while (!reply.test(output)) {
        if (Date.now() > deadline || child.exitCode !== null) throw new Error(`${command}: "${output}"`);
        await sleep(20);
      }
    },
    end: () => child.kill(),
  };
}

/** A line of a mail log without what no two systems share: time, IDs, and the numbers of their OpenSSL. */
function comparable(line: string): string {
  return line
    .replace(/^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} /, '')
    .replace(/\b([ID]CID) \d+/, '$1 N')
    .replace(/\(\d+, 'error:[0-9A-F]{8}:/, "(N, 'error:H:");
}

/** Subject and kind of key of the certificate that a listener shows to a client with these suites. */
async function shown(port: number, args: readonly string[]): Promise<string> {
  const { output } = await runProgram('sh', [
    '-c',
    `openssl s_client -starttls smtp -connect 127.0.0.1:${port} ${args.join(' ')} </dev/null 2>/dev/null | openssl x509 -noout -subject -text`,
  ]);
  const name = /subject=\s*CN ?= ?(\S+)/.exec(output)?.[1] ?? 'none';
  const key = /Public Key Algorithm: (\S+)/.exec(output)?.[1] ?? output;
  return `${name} ${key}`;
}

// The first one mostly waits for the gateway to look at its files again; the others run beside it.
describe('TLS of the whole gateway', { concurrency: 2 }, () => {
  test('certificates from PEM files: one a listener, RSA and ECDSA, replaced on disk without restart and commit', async (t) => {
    const [port, other] = [await freePort(), await freePort()];
    const names = ['a-ec.test', 'a-rsa.test', 'b-rsa.test'] as const;
    const [aEc, aRsa, bRsa] = [
      certificates.make('ec', names[0]),
      certificates.make('rsa:2048', names[1]),
      certificates.make('rsa:2048', names[2]),
    ];
    const gateway = await startGateway(t, {
      config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: a, address: 127.0.0.1, port: ${port}, certificate: both }
  - { name: b, address: 127.0.0.1, port: ${other}, certificate: one }
certificates:
  - { name: both, cert: ${aEc.certFile}, key: ${aEc.keyFile} }
  - { name: both, cert: ${aRsa.certFile}, key: ${aRsa.keyFile} }
  - { name: one, cert: ${bRsa.certFile}, key: ${bRsa.keyFile} }
relay: [127.0.0.1]
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
dns: { reverse: false }
`,
    });
    const ecdsaOnly = ['-tls1_2', '-cipher', 'aECDSA'];
    const rsaOnly = ['-tls1_2', '-cipher', 'aRSA'];
    assert.equal(await shown(port, ecdsaOnly), 'a-ec.test id-ecPublicKey');
    assert.equal(await shown(port, rsaOnly), 'a-rsa.test rsaEncryption');
    assert.equal(await shown(port, []), 'a-ec.test id-ecPublicKey');
    assert.equal(await shown(other, rsaOnly), 'b-rsa.test rsaEncryption');

    await t.test('an own RSA-1024 certificate is refused at edit time', async () => {
      const weak = certificates.make('rsa:1024', 'weak.test');
      const { status, output } = await gateway.shell(['certconfig', 'new', 'weak', weak.certFile, weak.keyFile, '']);
      assert.equal(status, 1, output);
      assert.match(output, /1024/);
      assert.match(output, /2048|2,048/);
      const { output: pending } = await gateway.shell('showchanges');
      assert.match(pending, /No changes are pending\./);
    });

    await t.test('replaced files are taken over', async () => {
      const renewed = certificates.make('rsa:2048', 'renewed.test');
      const connected = connectedClient(other);
      await connected.ready;
      t.after(connected.end);
      copyFileSync(renewed.keyFile, bRsa.keyFile);
      copyFileSync(renewed.certFile, bRsa.certFile);
      const deadline = Date.now() + 25_000;
      while ((await shown(other, rsaOnly)) !== 'renewed.test rsaEncryption') {
        assert.ok(Date.now() < deadline, 'the new certificate is not used');
        await sleep(300);
      }
      assert.equal(await shown(port, rsaOnly), 'a-rsa.test rsaEncryption');
      // Whoever is connected stays.
      await connected.say('NOOP', /^250 /);
      const { output } = await gateway.shell(['commit', 'commitdetail']);
      assert.match(output, /There is no data to commit\./);
      const system = readFileSync(join(gateway.data, 'logs', 'system.current'), 'utf8');
      assert.match(system, /Info: changed files \(certificates, recipients, authorities\) were taken over/);
    });

    await t.test('a file that cannot be used is told once, and changes nothing', async () => {
      const system = () => readFileSync(join(gateway.data, 'logs', 'system.current'), 'utf8');
      const warnings = () => system().match(/Warning: changed files were not taken over: .*/g) ?? [];
      const good = readFileSync(bRsa.certFile);
      writeFileSync(bRsa.certFile, 'this is no certificate\n');
      const deadline = Date.now() + 25_000;
      while (warnings().length === 0) {
        assert.ok(Date.now() < deadline, system());
        await sleep(300);
      }
      assert.match(
        warnings()[0] ?? '',
        /taken over: .*certificates\[one\]\.cert: \S+\.crt: no certificate in the file$/,
      );
      assert.equal(await shown(other, rsaOnly), 'renewed.test rsaEncryption');
      // The next look, 10 s later, finds it again.
      await sleep(11_000);
      assert.equal(warnings().length, 1);
      writeFileSync(bRsa.certFile, good);
    });
  });
  test('the ten selections, inbound and outbound, changed by sslconfig and commit in one running gateway', async (t) => {
    const destinations = new Map<TlsVersion, OpensslDestination>();
    t.after(() => Promise.all([...destinations.values()].map((destination) => destination.close())));
    for (const [index, version] of tlsVersions.entries()) {
      // An address each: what is remembered of a host must not help another.
      const address = `127.0.0.${10 + index}`;
      destinations.set(version, await startOpensslDestination(rsa, [versionFlag[version], ...anyLevel], address));
    }
    const domain = (version: TlsVersion) => `${logName(version).toLowerCase().replace('.', '-')}.test`;
    const port = await freePort();
    const gateway = await startGateway(t, {
      config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
relay: [127.0.0.1]
routes:
${[...destinations].map(([version, { address, port: at }]) => `  - { domain: ".${domain(version)}", to: ["${address}:${at}"] }`).join('\n')}
limits: { destinationMessages: 1 }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
dns: { reverse: false }
`,
    });

    for (const [number, selection] of legalSelections.entries()) {
      await t.test(selection.join(' '), async () => {
        await select(gateway, selection);
        const first = await nextIcid(gateway, port);

        for (const version of tlsVersions) {
          const { output } = await opensslClient(port, [...smtp, versionFlag[version], ...anyLevel]);
          const expected = selection.includes(version) ? logName(version) : undefined;
          assert.equal(negotiated(output)?.protocol, expected, output);
        }
        const { output: best } = await opensslClient(port, [...smtp, ...anyLevel]);
        assert.equal(negotiated(best)?.protocol, logName(selection.at(-1) ?? 'TLSv1.3'), best);

        const mid = await sendMail(port, { to: tlsVersions.map((version) => `x@s${number}.${domain(version)}`) });

        await gateway.logged(new RegExp(`^Info: ICID ${first + 4} (close|lost)$`));
        const logged = connections(gateway, first);
        for (const [index, version] of tlsVersions.entries()) {
          const lines = logged[index] ?? [];
          if (selection.includes(version)) {
            const line = lines.find((text) => text.startsWith('TLS '));
            assert.match(line ?? '', new RegExp(`^TLS success protocol ${logName(version)} cipher [A-Z0-9_-]+$`));
            continue;
          }
          const at = lines.findIndex((text) => text.startsWith('TLS failed: '));
          const detail = lines[at]?.slice('TLS failed: '.length) ?? '';
          assert.ok(isPair(detail), lines.join('\n'));
          // A client below 1.3 names no list of versions: it is answered with less, and refuses that itself.
          const answered = version !== 'TLSv1.3' && !selection.some((chosen) => chosen > version);
          assert.match(
            detail,
            answered
              ? /:SSL routines:tls_validate_record_header:wrong version number'/
              : /^\(167772418, 'error:0A000102:SSL routines:tls_early_post_process_client_hello:unsupported protocol'\)$/,
          );
          assert.match(
            lines[at + 1] ?? '',
            /^TLS explanation: The peer offered TLS v1\.\d( at most)?; Inbound SMTP allows TLS v1\.\d.* \(sslconfig\)/,
          );
          assert.equal(lines[at + 2], 'close');
        }

        for (const [rid, version] of tlsVersions.entries()) {
          const recipient = `x@s${number}.${domain(version)}`;
          if (selection.includes(version)) {
            const done = await gateway.logged(
              new RegExp(`^Info: Message done DCID \\d+ MID ${mid} to RID \\[${rid}\\]$`),
            );
            const dcid = /DCID (\d+)/.exec(done)?.[1];
            await gateway.logged(
              new RegExp(`^Info: DCID ${dcid} TLS success protocol ${logName(version)} cipher \\S+$`),
            );
            assert.ok(destinations.get(version)?.recipients.includes(recipient));
            continue;
          }
          const delayed = await gateway.logged(
            new RegExp(
              `^Info: Delayed: DCID \\d+ MID ${mid} From: <a@example\\.org> To: <${recipient}> RID ${rid} - 4\\.7\\.5 - `,
            ),
          );
          const dcid = /DCID (\d+)/.exec(delayed)?.[1];
          const deferring = await gateway.logged(new RegExp(`^Info: DCID ${dcid} TLS deferring: `));
          const [, detail = ''] =
            /TLS deferring: (.*) TLS version mismatch could be the failure reason$/.exec(deferring) ?? [];
          assert.ok(isPair(detail), deferring);
          const explained = await gateway.logged(new RegExp(`^Info: DCID ${dcid} TLS explanation: `));
          assert.match(
            explained,
            /The server speaks none of the versions that we offered; Outbound SMTP allows TLS v1\./,
          );
          assert.ok(!destinations.get(version)?.recipients.includes(recipient));
        }
      });
    }

    await t.test('it was one gateway, without a restart', async () => {
      assert.equal(gateway.child.exitCode, null);
      assert.equal(gateway.log().filter((line) => line === 'Info: Begin Logfile').length, 1);
      // What waits for a version leaves once all are selected, when it is told to.
      const waiting = legalSelections.flatMap((selection, number) =>
        tlsVersions
          .filter((version) => !selection.includes(version))
          .map((version) => `x@s${number}.${domain(version)}`),
      );
      assert.deepEqual(legalSelections.at(3), tlsVersions);
      await select(gateway, tlsVersions);
      const { status, output } = await gateway.shell(['deliver now', '3']);
      assert.equal(status, 0, output);
      assert.match(output, new RegExp(`^Scheduling ${waiting.length} deliveries now\\.$`, 'm'));
      const arrived = () => new Set([...destinations.values()].flatMap(({ recipients }) => recipients));
      const deadline = Date.now() + 20_000;
      while (waiting.some((address) => !arrived().has(address)) && Date.now() < deadline) await sleep(50);
      assert.deepEqual(
        waiting.filter((address) => !arrived().has(address)),
        [],
        gateway.log().slice(-40).join('\n'),
      );
      assert.equal(await gateway.stop(), 0);
    });
  });

  test('1.0 to 1.3 selected and a 1.0 client served at the same time: nobody else gets less', async (t) => {
    const port = await freePort();
    const middlePeer = await startOpensslDestination(rsa, ['-tls1_2', ...anyLevel], '127.0.0.20');
    const dhFile = `${certificates.path}/dh1024.pem`;
    writeFileSync(dhFile, group1024);
    const shortGroup = ['-tls1_2', '-cipher', 'kDHE:@SECLEVEL=0', '-dhparam', dhFile];
    const shortDh = await startOpensslDestination(rsa, shortGroup, '127.0.0.21');
    const onlySha1 = ['-tls1_2', '-cipher', 'ECDHE:@SECLEVEL=0', '-sigalgs', 'RSA+SHA1'];
    const sha1 = await startOpensslDestination(rsa, onlySha1, '127.0.0.22');
    t.after(() => Promise.all([middlePeer, shortDh, sha1].map((peer) => peer.close())));
    const gateway = await startGateway(t, {
      config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
accept: [example.com]
relay: [127.0.0.1]
routes:
  - { domain: fine.test, to: ["127.0.0.20:${middlePeer.port}"] }
  - { domain: dh.test, to: ["127.0.0.21:${shortDh.port}"] }
  - { domain: sha1.test, to: ["127.0.0.22:${sha1.port}"] }
tls:
  inbound: { versions: [TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3] }
  outbound: { versions: [TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3] }
limits: { destinationMessages: 1 }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
dns: { reverse: false }
`,
    });
    const old = connectedClient(port, ['-tls1', ...anyLevel]);
    t.after(old.end);
    await old.ready;
    await gateway.logged(/^Info: ICID 1 TLS success protocol TLSv1 cipher /);

    const only = (ciphers: string) => ['-tls1_2', '-cipher', `${ciphers}:@SECLEVEL=0`];
    const refused: readonly [string, readonly string[], RegExp, RegExp][] = [
      [
        'a 1.2 client offering only anonymous suites',
        only('aNULL:!eNULL'),
        /no shared cipher/,
        /offered only suites without a certificate or without encryption/,
      ],
      [
        'a 1.2 client offering only NULL suites',
        only('eNULL:!aNULL'),
        /no shared cipher/,
        /offered only suites without a certificate or without encryption/,
      ],
      [
        'a 1.2 client offering only RSA with SHA-1',
        [...only('ECDHE'), '-sigalgs', 'RSA+SHA1'],
        /no shared signature algorithms/,
        /only the signature algorithms rsa_pkcs1_sha1; SHA-256 or better is asked for/,
      ],
      [
        'a 1.2 client offering only ECDSA with SHA-1',
        [...only('ECDHE'), '-sigalgs', 'ECDSA+SHA1'],
        /no shared signature algorithms/,
        /only the signature algorithms ecdsa_sha1; SHA-256 or better is asked for/,
      ],
      [
        'a 1.1 hello with TLS_FALLBACK_SCSV',
        ['-tls1_1', '-fallback_scsv', ...anyLevel],
        /inappropriate fallback/,
        /TLS_FALLBACK_SCSV with TLS v1\.1/,
      ],
    ];
    for (const [name, args, detail, explanation] of refused) {
      await t.test(`${name} is refused`, async () => {
        const { output, lines } = await tryClient(gateway, port, args);
        assert.equal(negotiated(output), null, output);
        assert.match(output, name.includes('FALLBACK') ? /SSL alert number 86/ : /SSL alert number 40/);
        const at = lines.findIndex((line) => line.startsWith('TLS failed: '));
        assert.ok(isPair(lines[at]?.slice('TLS failed: '.length) ?? ''), lines.join('\n'));
        assert.match(lines[at] ?? '', detail);
        assert.match(lines[at + 1] ?? '', /^TLS explanation: /);
        assert.match(lines[at + 1] ?? '', explanation);
        await old.say('NOOP', /^250 /);
      });
    }

    await t.test('a proxy that edits a hello down to 1.1 makes the client stop', async () => {
      const middle = await proxy(port, editedDown);
      t.after(middle.close);
      const { output, lines } = await (async () => {
        const icid = await nextIcid(gateway, port);
        const { output: said } = await opensslClient(middle.port, [...smtp, ...anyLevel]);
        await gateway.logged(new RegExp(`^Info: ICID ${icid} (close|lost)$`));
        return { output: said, lines: connections(gateway, icid)[0] ?? [] };
      })();
      assert.equal(negotiated(output), null, output);
      assert.match(output, /inappropriate fallback/);
      assert.ok(!lines.some((line) => line.startsWith('TLS success')), lines.join('\n'));
      await old.say('NOOP', /^250 /);
    });

    await t.test('a 1.3 and a 1.2 client get their best, and no session tickets come', async () => {
      for (const [flag, protocol] of [
        ['-tls1_3', 'TLSv1.3'],
        ['-tls1_2', 'TLSv1.2'],
      ] as const) {
        const { output, lines } = await tryClient(gateway, port, [flag]);
        assert.equal(negotiated(output)?.protocol, protocol, output);
        assert.doesNotMatch(output, /New Session Ticket arrived/);
        assert.ok(
          lines.some((line) => line.startsWith(`TLS success protocol ${protocol} cipher `)),
          lines.join('\n'),
        );
      }
    });

    await t.test('outgoing: a 1.2 server with a 1,024-bit group, and one with only RSA+SHA1, fail', async () => {
      const mid = await sendMail(port, { to: ['x@fine.test', 'x@dh.test', 'x@sha1.test'] });
      const fine = await gateway.logged(new RegExp(`^Info: Message done DCID \\d+ MID ${mid} to RID \\[0\\]$`));
      await gateway.logged(
        new RegExp(`^Info: DCID ${/DCID (\d+)/.exec(fine)?.[1]} TLS success protocol TLSv1\\.2 cipher `),
      );
      for (const [rid, domain, detail, explanation] of [
        [1, 'dh.test', /:dh key too small'\)$/, /Diffie-Hellman group of less than 2,048 bits/],
        [
          2,
          'sha1.test',
          /:ssl\/tls alert handshake failure'\)$/,
          /The server found nothing acceptable in what we offered/,
        ],
      ] as const) {
        const delayed = await gateway.logged(
          new RegExp(`^Info: Delayed: DCID \\d+ MID ${mid} .* To: <x@${domain}> RID ${rid} `),
        );
        const dcid = /DCID (\d+)/.exec(delayed)?.[1];
        const deferring = await gateway.logged(new RegExp(`^Info: DCID ${dcid} TLS deferring: `));
        assert.ok(isPair(deferring.slice(deferring.indexOf('('))), deferring);
        assert.match(deferring, detail);
        assert.match(await gateway.logged(new RegExp(`^Info: DCID ${dcid} TLS explanation: `)), explanation);
        // Not tried again with the level of TLS 1.0.
        const lines = gateway
          .log()
          .filter((line) => line.includes(`address ${domain === 'dh.test' ? '127.0.0.21' : '127.0.0.22'} port`));
        assert.equal(lines.length, 1, lines.join('\n'));
      }
      assert.deepEqual([shortDh.recipients, sha1.recipients, middlePeer.recipients], [[], [], ['x@fine.test']]);
    });

    await t.test('the 1.0 client sends its mail after all this', async () => {
      await old.say('EHLO printer.example.org', /^250 /m);
      await old.say('MAIL FROM:<printer@example.org>', /^250 /m);
      await old.say('RCPT TO:<x@fine.test>', /^250 /m);
      await old.say('DATA', /^354 /m);
      await old.say('Subject: from 1998\n\nhello\n.', /^250 /m);
      const line = await gateway.logged(/^Info: MID \d+ Subject "from 1998"$/);
      const mid = /MID (\d+)/.exec(line)?.[1];
      await gateway.logged(new RegExp(`^Info: Message finished MID ${mid} done$`));
      const received = middlePeer.bodies.at(-1) ?? '';
      assert.match(received, /\bwith ESMTPS \(TLSv1 [A-Z0-9-]+\)\r\n/);
      await old.say('QUIT', /^221 /m);
    });
  });

  test('the four log lines of the reference, from real handshakes', async (t) => {
    const reference = [
      "Wed Jan 17 20:41:18 2024 Info: DCID 485171 TLS deferring: (336151598, 'error:1409442E:SSL routines:ssl3_read_bytes:tlsv1 alert protocol version') TLS version mismatch could be the failure reason",
      'Wed Jan 17 21:09:12 2024 Info: DCID 485206 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384',
      "Wed Jan 17 20:11:06 2024 Info: ICID 1020004 TLS failed: (337678594, 'error:14209102:SSL routines:tls_early_post_process_client_hello:unsupported protocol')",
      'Wed Jan 17 21:09:12 2024 Info: ICID 1020089 TLS success protocol TLSv1.3 cipher TLS_AES_256_GCM_SHA384',
    ];
    const port = await freePort();
    const without13 = await startOpensslDestination(rsa, ['-no_tls1_3'], '127.0.0.30');
    const with13 = await startOpensslDestination(rsa, [], '127.0.0.31');
    t.after(() => Promise.all([without13.close(), with13.close()]));
    const gateway = await startGateway(t, {
      config: `hostname: gw.example.com
gui: { ports: [] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${port} }
relay: [127.0.0.1]
routes:
  - { domain: old.test, to: ["127.0.0.30:${without13.port}"] }
  - { domain: new.test, to: ["127.0.0.31:${with13.port}"] }
tls:
  inbound: { versions: [TLSv1.1, TLSv1.2] }
  outbound: { versions: [TLSv1.3] }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
dns: { reverse: false }
`,
    });
    const refused = await opensslClient(port, [...smtp, '-tls1_3']);
    assert.equal(negotiated(refused.output), null);
    await select(gateway, ['TLSv1.3']);
    const served = await opensslClient(port, [...smtp, '-tls1_3']);
    assert.equal(negotiated(served.output)?.cipher, 'TLS_AES_256_GCM_SHA384');
    await sendMail(port, { to: ['x@old.test', 'x@new.test'] });
    await gateway.logged(/^Info: Message done DCID \d+ MID 1 to RID \[1\]$/);
    await gateway.logged(/^Info: Delayed: DCID \d+ MID 1 .* RID 0 /);

    const raw = readFileSync(join(gateway.data, 'logs', 'mail.current'), 'utf8')
      .trimEnd()
      .split('\n');
    const lines = new Set(raw.map(comparable));
    for (const line of reference) assert.ok(lines.has(comparable(line)), `${line}\nis not in\n${raw.join('\n')}`);
    // The frame: every line, the first as well.
    for (const line of raw) {
      assert.match(line, /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d \d{4} (Info|Warning): /);
    }
  });
});
