// Other libraries than OpenSSL against a listener, and what the process as a whole sends: session tickets.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { defaultCiphers } from '../../src/config/schema.ts';
import { compileServerTls, type ServerTls } from '../../src/tls/contexts.ts';
import { type TlsVersion, tlsVersions } from '../../src/tls/versions.ts';
import {
  AcceptingServer,
  CertificateDirectory,
  certificateOf,
  type KeyPair,
  missing,
  negotiated,
  opensslClient,
  running,
  runProgram,
} from './peers.ts';

const certificates = new CertificateDirectory();
let ec: KeyPair;
let rsa: KeyPair;
let current: ServerTls;
const server = new AcceptingServer(() => current);

const use = (versions: readonly TlsVersion[]) => {
  current = compileServerTls({ versions, ciphers: defaultCiphers }, certificateOf(ec, rsa));
};

before(async () => {
  ec = certificates.make('ec');
  rsa = certificates.make('rsa:2048');
  await server.listen();
});
after(async () => {
  await server.close();
  certificates.remove();
});

describe('GnuTLS', { skip: missing('gnutls-cli') }, () => {
  const names = {
    'TLSv1.0': 'VERS-TLS1.0',
    'TLSv1.1': 'VERS-TLS1.1',
    'TLSv1.2': 'VERS-TLS1.2',
    'TLSv1.3': 'VERS-TLS1.3',
  };
  const run = (priority: string) =>
    runProgram(
      'gnutls-cli',
      ['--insecure', '--no-ca-verification', '--priority', priority, '-p', String(server.port), '127.0.0.1'],
      { until: /Handshake was completed/, env: { GNUTLS_SYSTEM_PRIORITY_FILE: '/dev/null' } },
    );

  for (const selection of [['TLSv1.2', 'TLSv1.3'], tlsVersions] as const) {
    for (const version of tlsVersions) {
      test(`${version} where ${selection.join(' ')} are selected`, async () => {
        use(selection);
        const result = await run(`NORMAL:-VERS-ALL:+${names[version]}:%VERIFY_ALLOW_SIGN_WITH_SHA1:+SIGN-ALL`);
        const outcome = await server.next();
        if ((selection as readonly string[]).includes(version)) {
          assert.match(result.output, /Handshake was completed/, result.output);
          assert.match(result.output, new RegExp(`Description: \\(${version.replace('v', '')}`));
          assert.ok(outcome.ok);
        } else {
          assert.match(result.output, /protocol version/i);
          assert.ok(!outcome.ok);
          assert.match(outcome.failure.detail, /unsupported protocol/);
        }
      });
    }
  }

  test('only 3DES: cannot be served by any setting', async () => {
    use(tlsVersions);
    const result = await run(
      'NONE:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0:+RSA:+3DES-CBC:+SHA1:+SIGN-ALL:+COMP-NULL:+CTYPE-X509',
    );
    assert.doesNotMatch(result.output, /Handshake was completed/);
    const outcome = await server.next();
    assert.ok(!outcome.ok);
    assert.match(outcome.failure.detail, /no shared cipher/);
    assert.match(outcome.failure.explanation ?? '', /only 3DES \(DES-CBC3-SHA\).*cannot be served by any setting/);
  });
});

describe('NSS', { skip: missing('tstclnt') }, () => {
  let database = '';
  before(async () => {
    database = join(certificates.path, 'nss');
    mkdirSync(database);
    const made = await runProgram('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
    assert.equal(made.code, 0, made.output);
  });
  // It stays until the other side ends. A TLS 1.0 record of one byte goes before the rest, so the echo comes in two parts.
  const hello = { input: 'hello there\n', stop: /ello there/, timeout: 5000 };
  const range = { 'TLSv1.0': 'tls1.0', 'TLSv1.1': 'tls1.1', 'TLSv1.2': 'tls1.2', 'TLSv1.3': 'tls1.3' };

  for (const selection of [['TLSv1.2', 'TLSv1.3'], tlsVersions] as const) {
    for (const version of tlsVersions) {
      test(`${version} where ${selection.join(' ')} are selected`, async () => {
        use(selection);
        const args = ['-h', '127.0.0.1', '-p', String(server.port), '-d', `sql:${database}`, '-o', '-v'];
        const result = await runProgram('tstclnt', [...args, '-V', `${range[version]}:${range[version]}`], hello);
        const outcome = await server.next();
        if ((selection as readonly string[]).includes(version)) {
          assert.ok(outcome.ok, `${JSON.stringify(outcome)} ${result.output}`);
          assert.match(result.output, /SSL version 3\.\d using/);
          assert.match(result.output, /ello there/);
        } else {
          assert.ok(!outcome.ok);
          assert.match(outcome.failure.detail, /unsupported protocol/);
          assert.match(result.output, /SSL_ERROR_PROTOCOL_VERSION_ALERT/);
        }
      });
    }
  }

  test('the highest version where everything is selected', async () => {
    use(tlsVersions);
    const args = ['-h', '127.0.0.1', '-p', String(server.port), '-d', `sql:${database}`, '-o', '-v'];
    const result = await runProgram('tstclnt', args, hello);
    assert.match(result.output, /ello there/);
    const outcome = await server.next();
    assert.ok(outcome.ok);
    assert.equal(outcome.info.protocol, 'TLSv1.3');
  });
});

describe('session tickets of TLS 1.3', () => {
  // The server runs in a process of its own, so that its OpenSSL reads the configuration that the launcher gives.
  const program = `
    import { readFileSync } from 'node:fs';
    const { AcceptingServer } = await import(process.argv[1]);
    const { compileServerTls } = await import(process.argv[2]);
    const pair = { cert: readFileSync(process.argv[3], 'utf8'), key: readFileSync(process.argv[4], 'utf8') };
    const tls = compileServerTls({ versions: ['TLSv1.2', 'TLSv1.3'], ciphers: 'HIGH' }, { name: 'x', pairs: [pair] });
    const server = new AcceptingServer(() => tls);
    console.log('PORT ' + (await server.listen()));
    for (;;) await server.next().catch(() => {});
  `;
  const tickets = async (flags: readonly string[]) => {
    const files = [
      new URL('peers.ts', import.meta.url).href,
      new URL('../../src/tls/contexts.ts', import.meta.url).href,
    ];
    const child = spawn(
      process.execPath,
      [...flags, '--input-type=module', '-e', program, ...files, ec.certFile, ec.keyFile],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const process13 = await running(child, /PORT (\d+)/);
    // -msg prints each message; the echo that comes back makes sure that everything before it has arrived.
    const result = await runProgram(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${process13.port}`, '-tls1_3', '-msg', '-ign_eof'],
      { until: /Verify return code/, input: 'hello there\n', timeout: 1500 },
    );
    const second = await opensslClient(process13.port, ['-tls1_3']);
    await process13.close();
    assert.equal(negotiated(second.output)?.protocol, 'TLSv1.3');
    assert.match(result.output, /^hello there/m, 'nothing came back');
    return result.output.match(/<<< TLS 1\.3.*NewSessionTicket/g)?.length ?? 0;
  };

  test('none with the configuration that the launcher gives', async () => {
    const config = new URL('../../packaging/openssl.cnf', import.meta.url).pathname;
    assert.equal(await tickets([`--openssl-config=${config}`]), 0);
  });

  test('two without it: the test counts', async () => {
    assert.equal(await tickets(['--openssl-config=/dev/null']), 2);
  });
});
