// Outgoing TLS on the wire, against OpenSSL's own server.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { defaultCiphers } from '../../src/config/schema.ts';
import { connectTls } from '../../src/tls/connect.ts';
import { compileClientTls, compileServerTls } from '../../src/tls/contexts.ts';
import { parseClientHello, parseServerHello } from '../../src/tls/hello.ts';
import { describeCertificate } from '../../src/tls/peer-certificate.ts';
import { logName, type TlsVersion, tlsVersions } from '../../src/tls/versions.ts';
import {
  AcceptingServer,
  anyLevel,
  CertificateDirectory,
  certificateOf,
  dial,
  dialWithRetry,
  type KeyPair,
  legalSelections,
  opensslServer,
  proxy,
  type RunningServer,
  versionFlag,
} from './peers.ts';

const certificates = new CertificateDirectory();
let ec: KeyPair;
let rsa: KeyPair;
const servers: RunningServer[] = [];

async function serve(pair: KeyPair, args: readonly string[]): Promise<RunningServer> {
  const server = await opensslServer(pair, args);
  servers.push(server);
  return server;
}

function client(versions: readonly TlsVersion[], ciphers = defaultCiphers) {
  return compileClientTls({ versions, ciphers });
}

// Made by `openssl dhparam 1024`.
const group1024 = `-----BEGIN DH PARAMETERS-----
MIGHAoGBAMsr+x33qQOvCHlzjn2Zx9qCopKC4LqbItLKG04mhEY+GOqXY7jSBcEq
5McKay1QyG+fhVwG02d+1nqdyT/9HIHyV1n8tWYOpGcI5lViZe0u6mn5S+ijfhrC
bn5wa0gShKAr3mPJpLMPI/K7vVafs0zF4B4d+FqwmaKlNVGytf93AgEC
-----END DH PARAMETERS-----
`;

function shortGroup(): string {
  const file = `${certificates.path}/dh1024.pem`;
  writeFileSync(file, group1024);
  return file;
}

before(() => {
  ec = certificates.make('ec');
  rsa = certificates.make('rsa:2048');
});
after(async () => {
  for (const server of servers) await server.close();
  certificates.remove();
});

describe('the ten selections', () => {
  const ports = new Map<TlsVersion, number>();
  let everything = 0;
  before(async () => {
    for (const version of tlsVersions) ports.set(version, (await serve(rsa, [versionFlag[version], ...anyLevel])).port);
    everything = (await serve(rsa, anyLevel)).port;
  });

  for (const selection of legalSelections) {
    test(selection.join(' '), async () => {
      const tls = client(selection);
      for (const version of tlsVersions) {
        const result = await dialWithRetry(ports.get(version) ?? 0, tls);
        if (selection.includes(version)) {
          assert.ok(result.ok, JSON.stringify(result));
          assert.equal(result.info.protocol, logName(version));
          const isOld = version === 'TLSv1.0' || version === 'TLSv1.1';
          assert.equal(result.tries, isOld && tls.legacy !== null ? 2 : 1);
          result.socket.destroy();
        } else {
          assert.ok(!result.ok, `${version} was spoken`);
          assert.ok(result.failure.mismatch, result.failure.detail);
          assert.match(result.failure.detail, /^\(\d+, 'error:0A[0-9A-F]{6}:SSL routines:\w+:[a-z0-9 ]+'\)$/);
          assert.match(result.failure.explanation ?? '', /speaks none of the versions that we offered/);
          assert.equal(result.failure.retryLegacy, false);
        }
      }
      const best = await dialWithRetry(everything, tls);
      assert.ok(best.ok);
      assert.equal(best.info.protocol, logName(selection.at(-1) ?? 'TLSv1.3'));
      assert.equal(best.tries, 1);
      best.socket.destroy();
    });
  }
});

describe('1.0 to 1.3 selected', () => {
  test('the first try offers 1.2 and 1.3 only', async () => {
    const hello = await helloOf((socket) => {
      connectTls(
        socket,
        client(tlsVersions),
        { legacy: false, timeout: 2000, servername: 'mx.example.org.' },
        { secure: () => {}, failed: () => {} },
      );
    });
    const parsed = parseClientHello(hello);
    assert.equal(parsed.status, 'complete');
    assert.ok(parsed.status === 'complete');
    assert.deepEqual(parsed.hello.supportedVersions, [0x0304, 0x0303]);
    assert.equal(parsed.hello.serverName, 'mx.example.org');
    // X25519 alone has a key share; ML-KEM can be asked for.
    assert.deepEqual(parsed.hello.keyShares, [29]);
    assert.deepEqual(parsed.hello.groups, [4588, 29, 23, 24, 25]);
    assert.ok(hello.length < 600, `${hello.length} bytes do not fit one segment with room to spare`);
  });

  test('no SNI for an address', async () => {
    for (const servername of ['192.0.2.1', '2001:db8::1']) {
      const hello = await helloOf((socket) => {
        connectTls(
          socket,
          client(['TLSv1.2']),
          { legacy: false, timeout: 2000, servername },
          { secure: () => {}, failed: () => {} },
        );
      });
      const parsed = parseClientHello(hello);
      assert.ok(parsed.status === 'complete');
      assert.equal(parsed.hello.serverName, null);
    }
  });

  test('ML-KEM comes about where the server wants it', async () => {
    const accepting = new AcceptingServer(() =>
      compileServerTls({ versions: ['TLSv1.3'], ciphers: defaultCiphers }, certificateOf(ec, rsa)),
    );
    const port = await accepting.listen();
    const answers: Buffer[] = [];
    const middle = await proxy(port, (chunk, direction, index) => {
      if (direction === 'to-client' && index === 0) answers.push(chunk);
      return chunk;
    });
    const result = await dial(middle.port, client(['TLSv1.2', 'TLSv1.3']));
    assert.ok(result.ok);
    // OpenSSL tells nothing of the key of a KEM; that there was one in TLS 1.3 tells which.
    assert.equal(result.info.group(), 'X25519MLKEM768');
    result.socket.destroy();
    await middle.close();
    await accepting.close();
    const answer = parseServerHello(answers[0] ?? Buffer.alloc(0));
    assert.ok(answer.status === 'complete');
    assert.equal(answer.hello.retry, true, 'no HelloRetryRequest');
    assert.equal(answer.hello.group, 4588, 'X25519MLKEM768 was not asked for');
  });

  test('a 1.2 server with a 1,024-bit DH group fails, at the first try and with the older versions', async () => {
    const { port } = await serve(rsa, ['-tls1_2', '-cipher', 'kDHE:@SECLEVEL=0', '-dhparam', shortGroup()]);
    const first = await dialWithRetry(port, client(tlsVersions));
    assert.ok(!first.ok);
    assert.equal(first.tries, 1);
    assert.match(first.failure.detail, /dh key too small/);
    assert.match(first.failure.explanation ?? '', /less than 2,048 bits/);
    const second = await dial(port, client(tlsVersions), { legacy: true });
    assert.ok(!second.ok, 'the level of TLS 1.0 was open to 1.2');
    assert.equal(second.failure.detail, 'dh key too small: 1024 bits');
  });

  test('a 1.2 server with only RSA+SHA1 fails, at the first try and with the older versions', async () => {
    const { port } = await serve(rsa, ['-tls1_2', '-cipher', 'ECDHE:@SECLEVEL=0', '-sigalgs', 'RSA+SHA1']);
    for (const legacy of [false, true]) {
      const result = await dial(port, client(tlsVersions), { legacy });
      assert.ok(!result.ok, `signed with SHA-1, legacy ${legacy}`);
      assert.equal(result.failure.retryLegacy, false);
      assert.match(result.failure.detail, /alert handshake failure|wrong signature type|no suitable signature/);
    }
  });

  test('a 1.0 server with a DH group of 1,024 bits is served by the second try', async () => {
    const { port } = await serve(rsa, ['-tls1', '-cipher', 'kDHE:@SECLEVEL=0', '-dhparam', shortGroup()]);
    const result = await dialWithRetry(port, client(tlsVersions, 'DHE:AES128'));
    assert.ok(result.ok, JSON.stringify(result));
    assert.equal(result.info.protocol, 'TLSv1');
    result.socket.destroy();
  });
});

/** The supported_versions of a hello become an extension that nobody knows, and its legacy version 1.1. */
function editedDown(chunk: Buffer, direction: 'to-server' | 'to-client', index: number): Buffer {
  if (direction !== 'to-server' || index > 0) return chunk;
  const copy = Buffer.from(chunk);
  copy.writeUInt16BE(0x0302, 9);
  const at = copy.indexOf(Buffer.from('002b', 'hex'), 100);
  assert.ok(at > 0);
  copy.writeUInt16BE(0x7a7b, at);
  return copy;
}

describe('somebody on the path', () => {
  const both = () => client(tlsVersions);

  test('a hello edited down to 1.1 makes the client stop', async () => {
    const { port } = await serve(rsa, anyLevel);
    const middle = await proxy(port, editedDown);
    for (const legacy of [false, true]) {
      const result = await dial(middle.port, both(), { legacy });
      assert.ok(!result.ok, `downgraded to ${result.ok ? result.info.protocol : ''}`);
      assert.match(result.failure.detail, legacy ? /inappropriate fallback/ : /unsupported protocol/);
      if (legacy) assert.match(result.failure.explanation ?? '', /can speak a newer version than it chose/);
      assert.equal(result.failure.retryLegacy, !legacy);
    }
    await middle.close();
  });

  test('an own server marks what it did not choose: the edited hello stops there as well', async () => {
    const accepting = new AcceptingServer(() =>
      compileServerTls({ versions: tlsVersions, ciphers: defaultCiphers }, certificateOf(ec, rsa)),
    );
    const middle = await proxy(await accepting.listen(), editedDown);
    const result = await dial(middle.port, both(), { legacy: true });
    assert.ok(!result.ok);
    assert.match(result.failure.detail, /inappropriate fallback/);
    assert.ok(!(await accepting.next()).ok);
    await middle.close();
    await accepting.close();
  });

  const answers: readonly [string, Buffer | 'reset' | 'close' | 'silence', boolean, RegExp][] = [
    ['alert protocol_version', Buffer.from('15030100020246', 'hex'), true, /tlsv1 alert protocol version/],
    ['alert handshake_failure', Buffer.from('15030100020228', 'hex'), false, /alert handshake failure/],
    ['alert internal_error', Buffer.from('15030100020250', 'hex'), false, /alert internal error/],
    ['alert inappropriate_fallback', Buffer.from('15030100020256', 'hex'), false, /alert inappropriate fallback/],
    ['a reset', 'reset', false, /^\[Errno 104\] Connection reset by peer$/],
    ['an end', 'close', false, /^connection closed by the peer during the handshake$/],
    ['nothing', 'silence', false, /^handshake not finished within 0\.5 s$/],
    ['no TLS', Buffer.from('500 what?\r\n'), false, /wrong version number/],
  ];
  for (const [name, answer, retry, detail] of answers) {
    test(`${name} ${retry ? 'leads' : 'does not lead'} to a second try`, async () => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => {
          if (answer === 'reset') socket.resetAndDestroy();
          else if (answer === 'close') socket.end();
          else if (answer !== 'silence') socket.end(answer);
        });
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', () => resolve());
      });
      const { port } = server.address() as AddressInfo;
      const timeout = 500;
      const result = await dial(port, both(), { timeout });
      assert.ok(!result.ok);
      assert.match(result.failure.detail, detail);
      assert.equal(result.failure.retryLegacy, retry);
      const without = await dial(port, client(['TLSv1.2', 'TLSv1.3']), { timeout });
      assert.ok(!without.ok);
      assert.equal(without.failure.retryLegacy, false);
      const second = await dial(port, both(), { timeout, legacy: true });
      assert.ok(!second.ok);
      assert.equal(second.failure.retryLegacy, false);
      server.close();
    });
  }
});

describe('certificates of servers are recorded, not required', () => {
  const look = async (pair: KeyPair, args: readonly string[], ca?: string, servername = 'localhost') => {
    const { port } = await serve(pair, args);
    const tls = compileClientTls(
      { versions: ['TLSv1.2', 'TLSv1.3'], ciphers: defaultCiphers },
      ca === undefined ? {} : { ca },
    );
    const result = await dial(port, tls, { servername });
    assert.ok(result.ok, JSON.stringify(result));
    const report = result.info.certificate();
    result.socket.destroy();
    assert.ok(report !== null);
    return report;
  };

  test('self-signed', async () => {
    const report = await look(rsa, []);
    assert.equal(report.trusted, false);
    assert.equal(report.verifyError, 'DEPTH_ZERO_SELF_SIGNED_CERT');
    assert.deepEqual(report.weaknesses, ['self-signed']);
    assert.match(
      describeCertificate(report),
      /^subject "CN=localhost" issuer "CN=localhost" expires \d{4}-\d\d-\d\d key RSA 2048 not verified \(DEPTH_ZERO_SELF_SIGNED_CERT\) weak: self-signed$/,
    );
  });

  test('verified against its authority', async () => {
    const report = await look(ec, [], ec.cert);
    assert.equal(report.trusted, true);
    assert.equal(report.nameMatches, true);
    assert.match(describeCertificate(report), /key ECDSA prime256v1 verified/);
  });

  test('another name', async () => {
    const report = await look(ec, [], ec.cert, 'mx.example.org');
    assert.equal(report.nameMatches, false);
    assert.match(describeCertificate(report), /not verified \(name mismatch\)/);
  });

  test('RSA 1024', async () => {
    const weak = certificates.make('rsa:1024');
    const report = await look(weak, anyLevel);
    assert.ok(report.weaknesses.includes('RSA 1024'));
  });

  test('expired', async () => {
    const report = await look(certificates.expired(), []);
    assert.ok(report.weaknesses.includes('expired'));
  });

  test('signed with SHA-1 by somebody', async () => {
    const report = await look(certificates.signedWithSha1(), anyLevel);
    assert.ok(report.weaknesses.includes('SHA-1 signature'), JSON.stringify(report));
  });
});

test('a session resumes', async () => {
  const { port } = await serve(rsa, ['-tls1_3']);
  const tls = client(['TLSv1.2', 'TLSv1.3']);
  const first = await dial(port, tls);
  assert.ok(first.ok);
  const session = await new Promise<Buffer>((resolve) => first.socket.once('session', resolve));
  first.socket.destroy();
  const second = await dial(port, tls, { session });
  assert.ok(second.ok);
  assert.equal(second.info.resumed, true);
  second.socket.destroy();
});

/** What a client sends first. */
async function helloOf(start: (socket: ReturnType<typeof connect>) => void): Promise<Buffer> {
  const listener = createServer();
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', () => resolve());
  });
  const arrived = new Promise<Buffer>((resolve) => {
    listener.on('connection', (socket) => {
      socket.on('error', () => {});
      socket.once('data', (chunk: Buffer) => {
        socket.destroy();
        resolve(chunk);
      });
    });
  });
  const socket = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.once('connect', () => start(socket));
  const hello = await arrived;
  listener.close();
  return hello;
}
