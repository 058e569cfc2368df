// Incoming TLS on the wire, against OpenSSL's own client.
import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { defaultCiphers } from '../../src/config/schema.ts';
import { compileServerTls, type ServerTls } from '../../src/tls/contexts.ts';
import { parseServerHello } from '../../src/tls/hello.ts';
import { logName, type TlsVersion, tlsVersions } from '../../src/tls/versions.ts';
import {
  AcceptingServer,
  anyLevel,
  CertificateDirectory,
  certificateOf,
  exchange,
  type KeyPair,
  legalSelections,
  negotiated,
  opensslClient,
  runProgram,
  versionFlag,
} from './peers.ts';

const certificates = new CertificateDirectory();
let ec: KeyPair;
let rsa: KeyPair;
let current: ServerTls;
const server = new AcceptingServer(() => current, { helloTimeout: 2000, handshakeTimeout: 3000 });

function use(versions: readonly TlsVersion[], ciphers = defaultCiphers): void {
  current = compileServerTls({ versions, ciphers }, certificateOf(ec, rsa));
}

before(async () => {
  ec = certificates.make('ec');
  rsa = certificates.make('rsa:2048');
  await server.listen();
});
after(async () => {
  await server.close();
  certificates.remove();
});

/** The first flight of a client that has everything. */
async function capturedHello(): Promise<Buffer> {
  const listener = createServer();
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', () => resolve());
  });
  const arrived = new Promise<Buffer>((resolve) => {
    listener.on('connection', (socket) => {
      socket.on('error', () => {});
      socket.once('data', (chunk: Buffer) => {
        resolve(chunk);
        socket.destroy();
      });
    });
  });
  await opensslClient((listener.address() as AddressInfo).port, []);
  listener.close();
  return arrived;
}

async function failure() {
  const outcome = await server.next();
  assert.ok(!outcome.ok, 'the handshake was accepted');
  return outcome.failure;
}

describe('the ten selections', () => {
  for (const selection of legalSelections) {
    test(selection.join(' '), async () => {
      use(selection);
      for (const version of tlsVersions) {
        const result = await opensslClient(server.port, [versionFlag[version], ...anyLevel]);
        const outcome = await server.next();
        if (selection.includes(version)) {
          assert.equal(negotiated(result.output)?.protocol, logName(version), result.output);
          assert.ok(outcome.ok);
          assert.equal(outcome.info.protocol, logName(version));
          assert.equal(outcome.info.cipher, negotiated(result.output)?.cipher);
        } else {
          assert.equal(negotiated(result.output), null, `${version} was served`);
          assert.ok(!outcome.ok);
          // A client below 1.3 names no list: it is answered with less, refuses that itself, and does so in a record of its own version.
          const answered = version !== 'TLSv1.3' && !selection.some((chosen) => chosen > version);
          const expected = answered
            ? "(167772427, 'error:0A00010B:SSL routines:tls_validate_record_header:wrong version number')"
            : "(167772418, 'error:0A000102:SSL routines:tls_early_post_process_client_hello:unsupported protocol')";
          assert.equal(outcome.failure.detail, expected);
          assert.match(result.output, answered ? /unsupported protocol/ : /alert protocol version/);
          assert.match(outcome.failure.explanation ?? '', /^The peer offered TLS v1\.\d.*Inbound SMTP allows TLS v1\./);
        }
      }
      // A client that can do everything gets the best of the selection.
      const all = await opensslClient(server.port, anyLevel);
      assert.equal(negotiated(all.output)?.protocol, logName(selection.at(-1) ?? 'TLSv1.3'), all.output);
      assert.ok((await server.next()).ok);
    });
  }
});

describe('1.0 to 1.3 selected and a 1.0 client served at the same time', () => {
  before(async () => {
    use(tlsVersions);
    const old = await opensslClient(server.port, ['-tls1', ...anyLevel]);
    assert.equal(negotiated(old.output)?.protocol, 'TLSv1');
    assert.ok((await server.next()).ok);
  });

  const refused: readonly [string, readonly string[], RegExp, RegExp][] = [
    [
      'anonymous suites',
      ['-tls1_2', '-cipher', 'aNULL:!eNULL:@SECLEVEL=0'],
      /no shared cipher/,
      /only suites without a certificate or without encryption/,
    ],
    [
      'NULL suites',
      ['-tls1_2', '-cipher', 'eNULL:!aNULL:@SECLEVEL=0'],
      /no shared cipher/,
      /only suites without a certificate or without encryption/,
    ],
    [
      'RSA with SHA-1',
      ['-tls1_2', '-sigalgs', 'RSA+SHA1', '-cipher', 'ECDHE:@SECLEVEL=0'],
      /no shared signature algorithms/,
      /only the signature algorithms rsa_pkcs1_sha1/,
    ],
    [
      'ECDSA with SHA-1',
      ['-tls1_2', '-sigalgs', 'ECDSA+SHA1', '-cipher', 'ECDHE:@SECLEVEL=0'],
      /no shared signature algorithms/,
      /only the signature algorithms ecdsa_sha1/,
    ],
  ];
  for (const [name, args, detail, explanation] of refused) {
    test(`a 1.2 client with only ${name} is refused`, async () => {
      const result = await opensslClient(server.port, args);
      assert.equal(negotiated(result.output), null, result.output);
      const { detail: logged, explanation: words, hello } = await failure();
      assert.match(logged, detail);
      assert.match(words ?? '', explanation);
      assert.equal(hello?.legacyVersion, 0x0303);
    });
  }

  test('anonymous and NULL suites are refused to a 1.0 client as well', async () => {
    for (const ciphers of ['aNULL:!eNULL:@SECLEVEL=0', 'eNULL:!aNULL:@SECLEVEL=0']) {
      const result = await opensslClient(server.port, ['-tls1', '-cipher', ciphers]);
      assert.equal(negotiated(result.output), null, result.output);
      assert.match((await failure()).detail, /no shared cipher/);
    }
  });

  test('a 1.1 hello with TLS_FALLBACK_SCSV gets alert 86', async () => {
    const result = await opensslClient(server.port, ['-tls1_1', '-fallback_scsv', ...anyLevel]);
    assert.match(result.output, /SSL alert number 86/);
    const { detail, explanation } = await failure();
    assert.match(detail, /inappropriate fallback/);
    assert.match(explanation ?? '', /TLS_FALLBACK_SCSV with TLS v1\.1/);
  });

  test('a 1.2 hello with TLS_FALLBACK_SCSV gets alert 86', async () => {
    const result = await opensslClient(server.port, ['-tls1_2', '-fallback_scsv']);
    assert.match(result.output, /SSL alert number 86/);
    assert.match((await failure()).detail, /inappropriate fallback/);
  });

  test('other clients get what they got without 1.0', async () => {
    const get = async (args: readonly string[]) => {
      const result = await opensslClient(server.port, args);
      assert.ok((await server.next()).ok);
      return negotiated(result.output);
    };
    const variants = [['-tls1_3'], ['-tls1_2'], ['-tls1_2', '-cipher', 'kDHE'], ['-tls1_2', '-cipher', 'aRSA']];
    const withOld = [];
    for (const args of variants) withOld.push(await get(args));
    use(['TLSv1.2', 'TLSv1.3']);
    for (const [index, args] of variants.entries()) assert.deepEqual(await get(args), withOld[index]);
    use(tlsVersions);
  });
});

describe('a listener with nothing newer than 1.1', () => {
  test('a peer that speaks 1.2 or 1.3 only is told so, and the log says what to select', async () => {
    use(['TLSv1.0', 'TLSv1.1']);
    const result = await opensslClient(server.port, ['-tls1_3']);
    assert.match(result.output, /alert protocol version/);
    const { explanation } = await failure();
    assert.equal(
      explanation,
      'The peer offered TLS v1.3; Inbound SMTP allows TLS v1.0, TLS v1.1. To serve it, also select TLS v1.2 and TLS v1.3 (sslconfig).',
    );
  });

  test('the same for one that names 1.2 and 1.3', async () => {
    const result = await opensslClient(server.port, ['-min_protocol', 'TLSv1.2']);
    assert.match(result.output, /alert protocol version/);
    assert.match((await failure()).explanation ?? '', /To serve it, also select TLS v1\.2 \(sslconfig\)/);
  });
});

describe('context options', () => {
  test('1.2 renegotiation is refused', async () => {
    use(['TLSv1.2', 'TLSv1.3']);
    const result = await runProgram('openssl', ['s_client', '-connect', `127.0.0.1:${server.port}`, '-tls1_2'], {
      until: /Verify return code[\s\S]*---\n/,
      input: 'R\n',
      timeout: 3000,
    });
    assert.match(result.output, /no renegotiation/i);
    assert.ok((await server.next()).ok);
  });

  test('the order of suites is ours', async () => {
    use(['TLSv1.2'], 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256');
    const result = await opensslClient(server.port, [
      '-cipher',
      'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384',
    ]);
    assert.equal(negotiated(result.output)?.cipher, 'ECDHE-RSA-AES256-GCM-SHA384');
    assert.ok((await server.next()).ok);
  });

  test('DHE suites come about, with a group of 2,048 bits or more', async () => {
    use(['TLSv1.2']);
    const result = await opensslClient(server.port, ['-cipher', 'kDHE']);
    const bits = Number(/Server Temp Key: DH, (\d+) bits/.exec(result.output)?.[1]);
    assert.ok(bits >= 2048, result.output);
    assert.ok((await server.next()).ok);
  });

  test('an old session does not resume across a commit', async () => {
    const session = `${certificates.path}/session.pem`;
    use(['TLSv1.2', 'TLSv1.3']);
    const first = await opensslClient(server.port, ['-tls1_2', '-sess_out', session]);
    assert.match(first.output, /New, TLSv1\.2/);
    assert.ok((await server.next()).ok);
    const same = await opensslClient(server.port, ['-tls1_2', '-sess_in', session]);
    assert.match(same.output, /Reused, TLSv1\.2/);
    assert.ok((await server.next()).ok);
    use(['TLSv1.2', 'TLSv1.3']);
    const later = await opensslClient(server.port, ['-tls1_2', '-sess_in', session]);
    assert.match(later.output, /New, TLSv1\.2/);
    assert.ok((await server.next()).ok);
  });
});

describe('what is no TLS', () => {
  before(() => use(['TLSv1.2', 'TLSv1.3']));

  test('clear text', async () => {
    assert.equal((await exchange(server.port, Buffer.from('EHLO mail.example.org\r\n'))).length, 0);
    const { detail, explanation } = await failure();
    assert.equal(detail, 'first byte 0x45 is no TLS handshake');
    assert.match(explanation ?? '', /went on in clear text \("EHLO mail\.exam/);
  });

  test('a closed connection', async () => {
    connect(server.port, '127.0.0.1').end();
    const { detail, explanation } = await failure();
    assert.equal(detail, 'connection closed by the peer before its ClientHello');
    assert.match(explanation ?? '', /went away without a ClientHello/);
  });

  test('a reset', async () => {
    const socket = connect(server.port, '127.0.0.1', () => socket.resetAndDestroy());
    assert.equal((await failure()).detail, '[Errno 104] Connection reset by peer');
  });

  test('a reset in the middle of the handshake', async () => {
    const socket = connect(server.port, '127.0.0.1');
    const capture = await capturedHello();
    socket.write(capture);
    socket.once('data', () => socket.resetAndDestroy());
    const { detail, hello } = await failure();
    assert.equal(detail, '[Errno 104] Connection reset by peer');
    assert.ok((hello?.suites.length ?? 0) > 0);
  });

  test('a handshake that stops half way runs into its deadline', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(await capturedHello());
    const { detail, explanation } = await failure();
    assert.equal(detail, 'handshake not finished within 3 s');
    assert.match(explanation ?? '', /did not finish the handshake/);
  });

  test('a cut hello runs into the deadline', async () => {
    const started = performance.now();
    await exchange(server.port, Buffer.from('16030100ff010000fb0303', 'hex'));
    assert.equal((await failure()).detail, 'no complete ClientHello within 2 s');
    assert.ok(performance.now() - started > 1900);
  });

  test('a hello of more than 16 KiB', async () => {
    await exchange(server.port, Buffer.concat([Buffer.from('160301400001005000', 'hex'), Buffer.alloc(1000)]));
    assert.equal((await failure()).detail, 'ClientHello of 20480 bytes; 16384 are allowed');
  });

  test('a broken hello is answered by OpenSSL with its alert', async () => {
    const answer = await exchange(server.port, Buffer.from('16030100090100000503030000ff', 'hex'));
    assert.equal(answer[0], 21);
    assert.equal(answer[6], 50, 'decode_error');
    const { detail, explanation } = await failure();
    assert.match(detail, /length mismatch|length too short/);
    assert.match(explanation ?? '', /cannot be read/);
  });
});

test('a hello in the format of SSL 2.0 is served where TLS 1.0 is selected, and refused where it is not', async () => {
  const challenge = Buffer.alloc(16, 7);
  const hello = Buffer.concat([
    Buffer.from('801c01030100030000001000002f', 'hex').subarray(0, 11),
    Buffer.of(0, 0, 0x2f),
    challenge,
  ]);
  hello.writeUInt16BE(0x8000 | (hello.length - 2), 0);
  use(tlsVersions);
  const served = parseServerHello(await exchange(server.port, hello));
  assert.ok(served.status === 'complete', JSON.stringify(served));
  assert.equal(served.hello.version, 0x0301);
  assert.equal(served.hello.suite, 0x002f);
  assert.match((await failure()).detail, /closed by the peer during the handshake|not finished within 3 s/);
  use(['TLSv1.2', 'TLSv1.3']);
  assert.deepEqual(parseServerHello(await exchange(server.port, hello)), {
    status: 'alert',
    level: 2,
    description: 70,
  });
  const { detail, hello: parsed } = await failure();
  assert.match(detail, /unsupported protocol/);
  assert.equal(parsed?.sslv2, true);
});

test('a hello that comes byte by byte is served', async () => {
  use(tlsVersions);
  const relay = createServer((client) => {
    const upstream = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
    upstream.pipe(client);
    client.on('error', () => {});
    upstream.on('error', () => {});
    client.once('data', async (hello: Buffer) => {
      client.pause();
      for (const byte of hello) {
        upstream.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      client.pipe(upstream);
    });
  });
  await new Promise<void>((resolve) => {
    relay.listen(0, '127.0.0.1', () => resolve());
  });
  const { port } = relay.address() as AddressInfo;
  for (const version of ['TLSv1.0', 'TLSv1.3'] as const) {
    const result = await opensslClient(port, [versionFlag[version], ...anyLevel]);
    assert.equal(negotiated(result.output)?.protocol, logName(version), result.output);
    assert.ok((await server.next()).ok);
  }
  relay.close();
});
