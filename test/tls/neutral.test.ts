// The neutral form of a hello gets the same answer as the hello itself, for each client and group; and two hellos of one client
// have one neutral form.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import fc from 'fast-check';
import { defaultCiphers } from '../../src/config/schema.ts';
import { compileServerTls, type ServerTls } from '../../src/tls/contexts.ts';
import { parseClientHello } from '../../src/tls/hello.ts';
import { neutralHello } from '../../src/tls/neutral.ts';
import { peekHello } from '../../src/tls/peek.ts';
import { replayHello } from '../../src/tls/replay.ts';
import { tlsVersions } from '../../src/tls/versions.ts';
import { CertificateDirectory, certificateOf, missing } from './peers.ts';
import { HelloCatcher } from './recording.ts';
import { type Group, type Offer, tlsClients } from './tls-clients.ts';

const certificates = new CertificateDirectory();
const catcher = new HelloCatcher();
const settings: ServerTls[] = [];
let port = 0;
const clients = tlsClients(certificates.path);

before(async () => {
  port = await catcher.listen();
  const ec = certificates.make('ec');
  const rsa = certificates.make('rsa:2048');
  const compile = (versions: readonly (typeof tlsVersions)[number][], ...pairs: (typeof ec)[]) =>
    compileServerTls({ versions, ciphers: defaultCiphers }, certificateOf(...pairs));
  settings.push(
    compile(tlsVersions, ec, rsa),
    compile(['TLSv1.2', 'TLSv1.3'], rsa),
    compile(['TLSv1.2'], ec),
    compile(['TLSv1.3'], ec, rsa),
    ...(['SecP256r1MLKEM768', 'SecP384r1MLKEM1024', 'X448', 'ffdhe2048', 'ffdhe3072', 'ffdhe4096'] as const).map(
      (group) => only(compile(['TLSv1.3'], ec), ec, group),
    ),
  );
});
after(async () => {
  for (const client of clients) client.close?.();
  await catcher.close();
  certificates.remove();
});

/** A server that has this group and no other: shows that the fixed value is a valid point of it. */
function only(tls: ServerTls, pair: { readonly cert: string; readonly key: string }, group: Group): ServerTls {
  const modern = createSecureContext({ ...pair, ecdhCurve: group, minVersion: 'TLSv1.3' });
  return { ...tls, modern, legacy: null, choose: () => modern, accepted: () => [] };
}

/** The two are answered in the same way under all settings; returns how many of them serve it. */
async function compare(flight: Buffer): Promise<number> {
  const neutral = neutralHello(flight);
  assert.ok(neutral !== null, flight.toString('hex'));
  assert.deepEqual(neutralHello(neutral), neutral, 'the neutral form of a neutral hello is itself');
  let served = 0;
  for (const tls of settings) {
    const verdict = await replayHello(flight, tls);
    assert.deepEqual(await replayHello(neutral, tls), verdict, flight.toString('hex'));
    if (verdict.outcome === 'served') served++;
  }
  return served;
}

async function catchTwo(run: () => Promise<void>): Promise<readonly Buffer[]> {
  await Promise.all([run(), run()]);
  const caught = catcher.take();
  assert.ok(caught.length >= 2, `${caught.length} hellos`);
  return caught;
}

const everything = { min: 'TLSv1.0', max: 'TLSv1.3' } as const;

for (const client of clients) {
  describe(client.name, { skip: client.missing }, () => {
    const offers: readonly (readonly [string, Offer])[] = [
      ['everything', everything],
      ...tlsVersions.map((version) => [version, { min: version, max: version }] as const),
      ...client.groups.map((group) => [group, { ...everything, groups: [group] }] as const),
    ];
    for (const [name, offer] of offers) {
      test(name, async () => {
        const flights = await catchTwo(() => client.run(port, offer));
        assert.deepEqual(neutralHello(flights[0] ?? Buffer.of()), neutralHello(flights[1] ?? Buffer.of()));
        assert.notDeepEqual(flights[0], flights[1]);
        const served = await compare(flights[0] ?? Buffer.of());
        // In TLS 1.3 a client with ffdhe4096 alone is served by that one server only.
        if (offer.max === 'TLSv1.3') assert.ok(served > 0, 'no settings serve it: the test shows nothing');
      });
    }
  });
}

describe('browsers', () => {
  // Those that a browser makes for a page and for what it tries after a refusal.
  const wanted = 2;
  const browsers = [
    [
      'chromium',
      (directory: string, url: string) => [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--ignore-certificate-errors'],
        ...['--disable-background-networking', `--user-data-dir=${directory}`, '--dump-dom', url],
      ],
    ],
    ['firefox-esr', (directory: string, url: string) => ['--headless', '--no-remote', '--profile', directory, url]],
  ] as const;
  for (const [program, args] of browsers) {
    test(program, { skip: missing(program) }, async () => {
      const forms = new Set<string>();
      let flights = 0;
      // Chromium draws one of four lengths for the payload of its ECH (measured): six hellos have four forms at most.
      for (let run = 0; run < 3; run++) {
        const directory = mkdtempSync(join(tmpdir(), 'postern-browser-'));
        const env = { ...process.env, HOME: directory, MOZ_CRASHREPORTER_DISABLE: '1' };
        // What one browser leaves on its way must not be taken for the next one's.
        const own = new HelloCatcher();
        const url = `https://127.0.0.1:${await own.listen()}/`;
        // A process group of its own: its helpers go with it.
        const browser = spawn(program, args(directory, url), { stdio: 'ignore', env, detached: true });
        try {
          for (const flight of await own.wait(wanted, 60_000)) {
            flights++;
            forms.add(Buffer.from(neutralHello(flight) ?? Buffer.of()).toString('hex'));
            assert.ok((await compare(flight)) > 0);
          }
        } finally {
          process.kill(-(browser.pid ?? 0), 'SIGKILL');
          await own.close();
          rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
        }
      }
      assert.ok(flights >= 6 && forms.size <= 4, `${flights} hellos have ${forms.size} forms`);
    });
  }
});

describe('byte by byte', () => {
  const extension = (type: number, content: string) => {
    const bytes = Buffer.from(content, 'hex');
    return Buffer.concat([Buffer.of(type >> 8, type & 255, bytes.length >> 8, bytes.length & 255), bytes]);
  };
  const hello = (options: { readonly suites?: string; readonly extensions?: readonly Buffer[] }) => {
    const suites = Buffer.from(options.suites ?? '1301c02b', 'hex');
    const extensions = options.extensions === undefined ? null : Buffer.concat([...options.extensions]);
    const body = Buffer.concat([
      Buffer.from('0303', 'hex'),
      Buffer.alloc(32, 0xaa),
      Buffer.of(4, 1, 2, 3, 4),
      Buffer.of(suites.length >> 8, suites.length & 255),
      suites,
      Buffer.of(1, 0),
      ...(extensions === null ? [] : [Buffer.of(extensions.length >> 8, extensions.length & 255), extensions]),
    ]);
    const message = Buffer.concat([Buffer.of(1, 0, body.length >> 8, body.length & 255), body]);
    return Buffer.concat([Buffer.of(22, 3, 1, message.length >> 8, message.length & 255), message]);
  };
  const form = (bytes: Buffer) => Buffer.from(neutralHello(bytes) ?? Buffer.of()).toString('hex');

  test('random and session id are zeros of the same length', () => {
    assert.equal(form(hello({})), `16030100330100002f0303${'00'.repeat(32)}040000000000041301c02b0100`);
  });

  test('a ticket is emptied; pre-shared keys, early data, cookie and padding are left out', () => {
    const kept = extension(35, '');
    const gone = [extension(41, 'aabb'), extension(42, ''), extension(44, '0001aa'), extension(21, '0000')];
    assert.equal(
      form(hello({ extensions: [gone[0] ?? kept, extension(35, 'cafe'), ...gone.slice(1)] })),
      form(hello({ extensions: [kept] })),
    );
  });

  test('GREASE is one value, its two extensions one, and the extensions are sorted', () => {
    const groups = (value: string) => extension(10, `0004${value}001d`);
    const share = (value: string) => extension(51, `0029${value}000100001d0020${'11'.repeat(32)}`);
    const one = hello({
      suites: 'dada1301',
      extensions: [extension(0x3a3a, ''), share('4a4a'), groups('4a4a'), extension(0x7a7a, '00')],
    });
    const other = hello({
      suites: '1a1a1301',
      extensions: [extension(0x0a0a, ''), groups('fafa'), share('fafa'), extension(0x1a1a, '00')],
    });
    assert.equal(form(one), form(other));
    assert.match(form(one), /0a0a1301/);
    assert.equal(parseClientHello(Buffer.from(form(one), 'hex')).status, 'complete');
  });

  test('without GREASE the order stays: it tells clients apart', () => {
    const [first, second] = [extension(23, ''), extension(22, '')];
    assert.notEqual(form(hello({ extensions: [first, second] })), form(hello({ extensions: [second, first] })));
  });

  test('the payload of ECH is zeroed at its length rounded up to 32', () => {
    const ech = (payload: number, suite = '00010001') =>
      extension(0xfe0d, `00${suite}77${'0002beef'}${payload.toString(16).padStart(4, '0')}${'ab'.repeat(payload)}`);
    assert.equal(form(hello({ extensions: [ech(33)] })), form(hello({ extensions: [ech(64)] })));
    assert.notEqual(form(hello({ extensions: [ech(33)] })), form(hello({ extensions: [ech(65)] })));
    assert.equal(
      form(hello({ extensions: [ech(33)] })),
      form(hello({ extensions: [ech(33, '00010003')] })),
      'its AEAD',
    );
    assert.match(
      form(hello({ extensions: [ech(33)] })),
      new RegExp(`fe0d004c000001000100000200000040${'00'.repeat(64)}$`),
    );
  });

  test('an unknown group and a share of a wrong length become zeros', () => {
    assert.match(form(hello({ extensions: [extension(51, '000612340002beef')] })), /000612340002(00){2}$/);
    assert.match(form(hello({ extensions: [extension(51, '0006001d0002beef')] })), /0006001d00020000$/);
  });

  test('SSLv2 format: the challenge is zeroed', () => {
    const bytes = Buffer.concat([Buffer.from('801c01030100030000001000002f', 'hex'), Buffer.alloc(16, 7)]);
    assert.equal(form(bytes), `801c01030100030000001000002f${'00'.repeat(16)}`);
  });

  test('what is no whole hello has no neutral form', () => {
    const whole = hello({ extensions: [extension(10, '0002001d')] });
    for (let length = 0; length < whole.length; length++) assert.equal(neutralHello(whole.subarray(0, length)), null);
    assert.equal(neutralHello(Buffer.from('EHLO x\r\n')), null);
  });

  test('a hello without any suite, as GnuTLS sends one, keeps what is wrong with it', async () => {
    const empty = hello({ suites: '' });
    const [tls] = settings;
    assert.ok(tls !== undefined);
    const verdict = await replayHello(empty, tls);
    assert.equal(verdict.outcome, 'refused');
    assert.deepEqual(await replayHello(Buffer.from(form(empty), 'hex'), tls), verdict);
  });

  test('bytes after the hello are left out, records are joined', () => {
    const whole = hello({ extensions: [extension(10, '0002001d')] });
    assert.equal(form(Buffer.concat([whole, Buffer.from('160301000101', 'hex')])), form(whole));
    const cut = Buffer.concat([
      Buffer.from('1603010006', 'hex'),
      whole.subarray(5, 11),
      Buffer.of(22, 3, 1, 0, whole.length - 11),
      whole.subarray(11),
    ]);
    assert.equal(form(cut), form(whole));
  });

  test('whatever comes, nothing throws, and the form of a form is itself', () => {
    const whole = hello({
      extensions: [
        extension(0, '000c00000961626364656667682e'),
        extension(10, '00040a0a001d'),
        extension(16, '000c020a0a08687474702f312e31'),
        extension(43, '040a0a0304'),
        extension(51, `00260a0a0002ffff001d0020${'11'.repeat(32)}`.replace('0026', '002a')),
        extension(0xfe0d, '0000010001770002beef0003ababab'),
      ],
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.nat(whole.length),
        (changes, cut) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          for (const input of [bytes, bytes.subarray(0, cut)]) {
            const neutral = neutralHello(input);
            if (neutral === null) continue;
            assert.equal(peekHello(neutral).status, 'complete');
            assert.deepEqual(neutralHello(neutral), neutral);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });
});
