import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { before, describe, test } from 'node:test';
import { connect, createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';
import fc from 'fast-check';
import {
  type ClientHello,
  highestVersion,
  isGrease,
  type ParsedClientHello,
  parseClientHello,
  parseServerHello,
} from '../../src/tls/hello.ts';
import { ja4 } from '../../src/tls/ja4.ts';
import { peekHello } from '../../src/tls/peek.ts';
import { CertificateDirectory } from './peers.ts';

class Tap extends Duplex {
  readonly written: Buffer[] = [];
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}

/** A hello of the real OpenSSL. */
function makeHello(
  options: SecureContextOptions,
  more: { servername?: string; ALPNProtocols?: string[] } = {},
): Buffer {
  const tap = new Tap();
  const socket = connect({
    socket: tap,
    secureContext: createSecureContext(options),
    rejectUnauthorized: false,
    ...more,
  });
  socket.on('error', () => {});
  const written = Buffer.concat(tap.written);
  socket.destroy();
  return written;
}

const modern = makeHello(
  { minVersion: 'TLSv1.2', ecdhCurve: 'X25519:P-256' },
  { servername: 'mx.example.org', ALPNProtocols: ['smtp', 'h2'] },
);
const old = makeHello({ minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'AES128-SHA:AES256-SHA:@SECLEVEL=0' });
const samples = [
  modern,
  old,
  makeHello({ minVersion: 'TLSv1', maxVersion: 'TLSv1.3', ciphers: 'ALL:@SECLEVEL=0' }),
  makeHello({ minVersion: 'TLSv1.3' }),
  makeHello({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }),
];
// Captured from `openssl s_client -connect host -ssl2`-style clients (RFC 5246 E.2): version 3.1, two suites of TLS, one of SSL 2.0.
const sslv2 = Buffer.concat([
  Buffer.from('8022' + '01' + '0301' + '0009' + '0000' + '0010' + '00002f' + '00000a' + '0700c0', 'hex'),
  Buffer.alloc(16, 7),
]);

function complete(parsed: ParsedClientHello): ClientHello {
  assert.equal(parsed.status, 'complete', JSON.stringify(parsed));
  assert.ok(parsed.status === 'complete');
  return parsed.hello;
}

/** The same hello in records of `size` bytes. */
function fragmented(bytes: Buffer, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 5; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    parts.push(Buffer.of(22, 3, 1, part.length >> 8, part.length & 0xff), part);
  }
  return Buffer.concat(parts);
}

describe('a ClientHello of OpenSSL', () => {
  test('1.2 and 1.3', () => {
    const hello = complete(parseClientHello(modern));
    assert.equal(hello.legacyVersion, 0x0303);
    assert.deepEqual(hello.supportedVersions, [0x0304, 0x0303]);
    assert.equal(hello.serverName, 'mx.example.org');
    assert.deepEqual(hello.alpn, ['smtp', 'h2']);
    assert.deepEqual(hello.groups, [29, 23]);
    assert.deepEqual(hello.keyShares, [29]);
    assert.deepEqual(hello.suites.slice(0, 3), [0x1302, 0x1303, 0x1301]);
    assert.ok(hello.signatureAlgorithms.includes(0x0804));
    assert.equal(hello.sslv2, false);
    assert.equal(highestVersion(hello), 0x0304);
  });

  test('1.0 only', () => {
    const hello = complete(parseClientHello(old));
    assert.equal(hello.legacyVersion, 0x0301);
    assert.equal(hello.supportedVersions, null);
    assert.equal(highestVersion(hello), 0x0301);
    assert.deepEqual(hello.suites, [0x002f, 0x0035, 0x00ff]);
  });

  test('the length says where it ends', () => {
    const parsed = parseClientHello(Buffer.concat([modern, Buffer.from('1403030001011703', 'hex')]));
    assert.ok(parsed.status === 'complete');
    assert.equal(parsed.length, modern.length);
  });

  test('over several records', () => {
    for (const size of [7, 16, 100, 500]) {
      assert.deepEqual(complete(parseClientHello(fragmented(modern, size))), complete(parseClientHello(modern)));
    }
  });

  test('in more records than anybody needs', () => {
    const parsed = parseClientHello(fragmented(modern, 2));
    assert.deepEqual(parsed, { status: 'invalid', reason: 'ClientHello in more than 64 records' });
  });
});

describe('a ClientHello in SSLv2 format', () => {
  test('is read, suites of SSL 2.0 left out', () => {
    const parsed = parseClientHello(sslv2);
    const hello = complete(parsed);
    assert.equal(hello.sslv2, true);
    assert.equal(hello.legacyVersion, 0x0301);
    assert.deepEqual(hello.suites, [0x002f, 0x000a]);
    assert.ok(parsed.status === 'complete' && parsed.length === sslv2.length);
  });

  test('of wrong lengths is refused', () => {
    const broken = Buffer.from(sslv2);
    broken.writeUInt16BE(8, 5);
    assert.equal(parseClientHello(broken).status, 'invalid');
  });
});

describe('broken ones say what is wrong', () => {
  const table: readonly [string, string | Buffer, string][] = [
    ['clear text', Buffer.from('EHLO x\r\n'), 'first byte 0x45 is no TLS handshake'],
    ['an alert', '15030100020246', 'first byte 0x15 is no TLS handshake'],
    ['version 4 of the record', '1604010005', 'record of an unknown version'],
    ['an empty record', '1603010000', 'record of 0 bytes'],
    ['a record too long', '1603017fff', 'record of 32767 bytes'],
    ['a ServerHello', '16030100040200000000', 'handshake message 2 instead of ClientHello'],
    ['a hello too long', '160301001001005000', 'ClientHello of 20480 bytes; 16384 are allowed'],
    ['an empty hello', '160301000401000000', 'cut short'],
    ['another record in between', '1603010002010017030300', 'ClientHello broken off by another record'],
    ['high bit but no SSLv2', '80ff020301', 'first byte 0x80 is no TLS handshake'],
  ];
  for (const [name, bytes, reason] of table) {
    test(name, () => {
      const input = typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes;
      assert.deepEqual(parseClientHello(input), { status: 'invalid', reason });
    });
  }

  test('an extension twice', () => {
    const copy = Buffer.from(modern);
    // The server name extension becomes a second extended_master_secret (23).
    const at = copy.indexOf(Buffer.from('0000001300110000', 'hex'));
    assert.ok(at > 0);
    copy.writeUInt16BE(23, at);
    assert.deepEqual(parseClientHello(copy), { status: 'invalid', reason: 'extension 23 twice' });
  });

  test('control characters in a name do not get through', () => {
    const copy = Buffer.from(modern);
    const at = copy.indexOf('mx.example.org');
    copy[at] = 10;
    copy[at + 1] = 0x1b;
    assert.equal(complete(parseClientHello(copy)).serverName, '\\x0a\\x1b.example.org');
  });
});

describe('properties', () => {
  const sample = fc.constantFrom(...samples, sslv2, fragmented(modern, 50));

  test('every cut is partial, never more', () => {
    for (const bytes of [...samples, sslv2, fragmented(modern, 50)]) {
      for (let length = 0; length < bytes.length; length++) {
        assert.deepEqual(parseClientHello(bytes.subarray(0, length)), { status: 'partial' });
        const peek = peekHello(bytes.subarray(0, length));
        assert.equal(peek.status, 'partial');
        assert.ok(peek.status === 'partial' && peek.needed > length && peek.needed <= bytes.length, `${length}`);
      }
      assert.equal(parseClientHello(bytes).status, 'complete');
      assert.equal(peekHello(bytes).status, 'complete');
    }
  });

  test('bytes after the hello change nothing', () => {
    fc.assert(
      fc.property(sample, fc.uint8Array({ maxLength: 50 }), (bytes, tail) => {
        const parsed = parseClientHello(Buffer.concat([bytes, tail]));
        assert.deepEqual(parsed, parseClientHello(bytes));
      }),
    );
  });

  const mutation = fc.tuple(fc.nat(2000), fc.nat(255));
  const mutated = fc
    .tuple(sample, fc.array(mutation, { maxLength: 8 }), fc.option(fc.nat(2000)))
    .map(([bytes, changes, cut]) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return cut === null ? copy : copy.subarray(0, cut % (copy.length + 1));
    });

  test('mutated and cut hellos never throw, and nothing is read past their end', () => {
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), fc.nat(255), (bytes, filler) => {
        // The same bytes inside a larger buffer with other neighbours: a read past the end would show.
        const around = Buffer.alloc(bytes.length + 64, filler);
        around.set(bytes, 32);
        const inside = around.subarray(32, 32 + bytes.length);
        assert.deepEqual(parseClientHello(inside), parseClientHello(Uint8Array.from(bytes)));
        assert.deepEqual(peekHello(inside), peekHello(Uint8Array.from(bytes)));
        assert.deepEqual(parseServerHello(inside), parseServerHello(Uint8Array.from(bytes)));
        const parsed = parseClientHello(inside);
        if (parsed.status === 'complete') {
          assert.match(ja4(parsed.hello), /^t..[di]\d{4}.._[0-9a-f]{12}_[0-9a-f]{12}$/);
          assert.ok(parsed.length <= bytes.length);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('the quick look and the parser agree about the highest version', () => {
    fc.assert(
      fc.property(mutated, (bytes) => {
        const parsed = parseClientHello(bytes);
        const peek = peekHello(bytes);
        if (parsed.status === 'partial') {
          assert.notEqual(peek.status, 'complete');
        } else if (parsed.status === 'complete') {
          assert.deepEqual(peek, { status: 'complete', highest: highestVersion(parsed.hello) });
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('the parts of a stream, in whatever pieces, give the hello at the same byte', () => {
    fc.assert(
      fc.property(sample, fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 30 }), (bytes, sizes) => {
        let at = 0;
        for (const size of sizes) {
          at = Math.min(bytes.length, at + size);
          assert.equal(parseClientHello(bytes.subarray(0, at)).status, at < bytes.length ? 'partial' : 'complete');
        }
      }),
    );
  });
});

test('GREASE', () => {
  const grease = Array.from({ length: 0x10000 }, (_, value) => value).filter(isGrease);
  assert.equal(grease.length, 16);
  assert.deepEqual(grease.slice(0, 3), [0x0a0a, 0x1a1a, 0x2a2a]);
  const hello = complete(parseClientHello(modern));
  assert.equal(highestVersion({ ...hello, supportedVersions: [0xfafa, 0x0302, 0x0301] }), 0x0302);
  assert.equal(highestVersion({ ...hello, supportedVersions: [0x1a1a] }), 0);
});

test('JA4 of the example in its specification', () => {
  const hello: ClientHello = {
    legacyVersion: 0x0303,
    supportedVersions: [0x7a7a, 0x0304, 0x0303],
    suites: [
      0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
    ].concat([0x002f, 0x0035]),
    groups: [],
    signatureAlgorithms: [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
    serverName: 'example.org',
    alpn: ['h2', 'http/1.1'],
    sslv2: false,
    keyShares: [],
    extensions: [
      0x3a3a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
    ].concat([0xff01, 0x000b, 0x000a, 0x0015, 0x4a4a]),
  };
  assert.equal(ja4(hello), 't13d1516h2_8daaf6152771_e5627efa2ab1');
});

describe('a ServerHello of OpenSSL', () => {
  let cert = '';
  let key = '';
  before(() => {
    const certificates = new CertificateDirectory();
    ({ cert, key } = certificates.make('ec'));
    certificates.remove();
  });

  /** What a server context answers a hello. */
  async function answer(hello: Buffer, options: SecureContextOptions): Promise<Buffer> {
    const tap = new Tap();
    const secureContext = createSecureContext({ cert, key, ...options });
    const socket = new TLSSocket(tap, { isServer: true, secureContext });
    socket.on('error', () => {});
    tap.push(hello);
    for (let turn = 0; turn < 50 && tap.written.length === 0; turn++) await new Promise((done) => setImmediate(done));
    socket.destroy();
    return Buffer.concat(tap.written);
  }

  test('1.3', async () => {
    const parsed = parseServerHello(await answer(modern, {}));
    assert.ok(parsed.status === 'complete', JSON.stringify(parsed));
    assert.equal(parsed.hello.version, 0x0304);
    assert.equal(parsed.hello.suite, 0x1302);
    assert.equal(parsed.hello.group, 29);
    assert.equal(parsed.hello.retry, false);
  });

  test('a HelloRetryRequest', async () => {
    const parsed = parseServerHello(await answer(modern, { ecdhCurve: 'P-256' }));
    assert.ok(parsed.status === 'complete');
    assert.equal(parsed.hello.retry, true);
    assert.equal(parsed.hello.group, 23);
  });

  test('1.2, unmarked where nothing newer was selected, and 1.1 with the mark of a server that can do more', async () => {
    const plain = parseServerHello(await answer(modern, { maxVersion: 'TLSv1.2' }));
    assert.ok(plain.status === 'complete');
    assert.equal(plain.hello.version, 0x0303);
    assert.equal(plain.hello.downgraded, false);
    const options = { minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    const hello = makeHello({ ...options, maxVersion: 'TLSv1.1' });
    const marked = parseServerHello(await answer(hello, options));
    assert.ok(marked.status === 'complete');
    assert.equal(marked.hello.version, 0x0302);
    assert.equal(marked.hello.downgraded, true);
  });

  test('an alert', async () => {
    const parsed = parseServerHello(await answer(old, {}));
    assert.deepEqual(parsed, { status: 'alert', level: 2, description: 70 });
  });

  test('whatever OpenSSL answers with 1.2 or 1.3 is never sent to the level of TLS 1.0, broken hellos included', async () => {
    const options = { minVersion: 'TLSv1', ciphers: 'ALL:!aNULL:!eNULL:@SECLEVEL=0' } as const;
    // What an attacker would change: the versions, the lengths around them, the types of extensions.
    const byte = fc.constantFrom(0, 1, 2, 3, 4, 43, 0x2b, 0x0a, 0xff);
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...samples),
        fc.array(fc.tuple(fc.nat(2000), byte), { maxLength: 3 }),
        fc.boolean(),
        async (bytes, changes, lower) => {
          const copy = Buffer.from(bytes);
          if (lower) copy.writeUInt16BE(0x0302, 9);
          for (const [at, value] of changes) copy[at % copy.length] = value;
          const peek = peekHello(copy);
          if (peek.status !== 'complete') return;
          const parsed = parseServerHello(await answer(copy, options));
          if (parsed.status !== 'complete') return;
          answered++;
          if (parsed.hello.version >= 0x0303) assert.ok(peek.highest === -1 || peek.highest >= 0x0303);
        },
      ),
      { numRuns: 800 },
    );
    assert.ok(answered > 100, `only ${answered} were answered`);
  });

  test('every cut is partial', async () => {
    const whole = await answer(modern, {});
    const parsed = parseServerHello(whole);
    assert.ok(parsed.status === 'complete');
    for (let length = 0; length < parsed.length; length++) {
      assert.equal(parseServerHello(whole.subarray(0, length)).status, 'partial', `${length}`);
    }
  });
});
