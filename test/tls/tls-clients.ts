// Clients of five TLS libraries, each told in its own words what to offer. One handshake, then they end.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import type { Suite } from '../../src/tls/suites.ts';
import { logName, type TlsVersion } from '../../src/tls/versions.ts';
import { missing, opensslClient, runProgram } from './peers.ts';

/** Names as OpenSSL has them. */
export type Group =
  | 'X25519'
  | 'X448'
  | 'P-256'
  | 'P-384'
  | 'P-521'
  | 'ffdhe2048'
  | 'ffdhe3072'
  | 'ffdhe4096'
  | 'X25519MLKEM768'
  | 'SecP256r1MLKEM768'
  | 'SecP384r1MLKEM1024';

/** Names of RFC 8446 4.2.3. */
export type Signature =
  | 'ecdsa_secp256r1_sha256'
  | 'ecdsa_secp384r1_sha384'
  | 'rsa_pss_rsae_sha256'
  | 'rsa_pss_rsae_sha512'
  | 'rsa_pkcs1_sha256'
  | 'rsa_pkcs1_sha384'
  | 'rsa_pkcs1_sha1'
  | 'ecdsa_sha1'
  | 'ed25519';

/** What a client is to offer. `suites`: of 1.2 and below; without a list the client's own. */
export interface Offer {
  readonly min: TlsVersion;
  readonly max: TlsVersion;
  readonly suites?: readonly Suite[];
  readonly groups?: readonly Group[];
  readonly signatures?: readonly Signature[];
}

export interface TlsClient {
  readonly name: string;
  /** False, or why it cannot run here. */
  readonly missing: string | false;
  readonly groups: readonly Group[];
  readonly signatures: readonly Signature[];
  /** One handshake with 127.0.0.1; resolves when the client has gone. */
  run(port: number, offer: Offer): Promise<void>;
  close?(): void;
}

const classic: readonly Group[] = ['X25519', 'X448', 'P-256', 'P-384', 'P-521'];
const usual: readonly Signature[] = [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
];

const openssl: TlsClient = {
  name: 'OpenSSL',
  missing: missing('openssl'),
  groups: [...classic, 'ffdhe2048', 'ffdhe3072', 'ffdhe4096'],
  signatures: [...usual, 'rsa_pkcs1_sha1', 'ecdsa_sha1', 'ed25519'],
  run: async (port, { min, max, suites, groups, signatures }) => {
    const names = suites === undefined ? 'DEFAULT' : suites.map(({ name }) => name).join(':');
    await opensslClient(port, [
      ...['-min_protocol', logName(min), '-max_protocol', logName(max)],
      ...['-cipher', `${names}:@SECLEVEL=0`],
      ...(groups === undefined ? [] : ['-groups', groups.join(':')]),
      ...(signatures === undefined ? [] : ['-sigalgs', signatures.join(':')]),
    ]);
  },
};

/** The OpenSSL of this very Node, which has ML-KEM. */
const node: TlsClient = {
  name: 'OpenSSL 3.5',
  missing: false,
  groups: [...classic, 'ffdhe2048', 'X25519MLKEM768', 'SecP256r1MLKEM768', 'SecP384r1MLKEM1024'],
  signatures: [...usual, 'ed25519'],
  run: (port, { min, max, suites, groups, signatures }) =>
    new Promise((resolve) => {
      const names = suites === undefined ? 'DEFAULT' : suites.map(({ name }) => name).join(':');
      const socket = connectTls({
        socket: connect(port, '127.0.0.1'),
        minVersion: logName(min),
        maxVersion: logName(max),
        ciphers: `${names}:@SECLEVEL=0`,
        ...(groups === undefined ? {} : { ecdhCurve: groups.join(':') }),
        ...(signatures === undefined ? {} : { sigalgs: signatures.join(':') }),
        rejectUnauthorized: false,
      });
      socket.on('secureConnect', () => socket.end());
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    }),
};

const gnutlsVersions: readonly TlsVersion[] = ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const gnutlsGroups: Readonly<Partial<Record<Group, string>>> = {
  X25519: 'X25519',
  X448: 'X448',
  'P-256': 'SECP256R1',
  'P-384': 'SECP384R1',
  'P-521': 'SECP521R1',
  ffdhe2048: 'FFDHE2048',
  ffdhe3072: 'FFDHE3072',
  ffdhe4096: 'FFDHE4096',
};
const gnutlsSignatures: Readonly<Record<Signature, string>> = {
  ecdsa_secp256r1_sha256: '+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256',
  ecdsa_secp384r1_sha384: '+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SHA384',
  rsa_pss_rsae_sha256: '+SIGN-RSA-PSS-RSAE-SHA256',
  rsa_pss_rsae_sha512: '+SIGN-RSA-PSS-RSAE-SHA512',
  rsa_pkcs1_sha256: '+SIGN-RSA-SHA256',
  rsa_pkcs1_sha384: '+SIGN-RSA-SHA384',
  rsa_pkcs1_sha1: '+SIGN-RSA-SHA1',
  ecdsa_sha1: '+SIGN-ECDSA-SHA1',
  ed25519: '+SIGN-EDDSA-ED25519',
};

/** A priority string names parts of suites; all of their combinations are offered. */
function gnutlsParts(suites: readonly Suite[]): readonly string[] {
  const parts = new Set<string>();
  for (const { kx, au, enc, mac } of suites) {
    if (kx === 'RSA') parts.add('+RSA');
    else parts.add(kx === 'DH' ? '+DHE-RSA' : `+ECDHE-${au}`);
    const [, cipher = '', bits = ''] = /^([A-Z0-9/]+)\((\d+)\)$/.exec(enc) ?? [];
    if (cipher === 'CHACHA20/POLY1305') parts.add('+CHACHA20-POLY1305');
    else if (cipher === 'AESGCM') parts.add(`+AES-${bits}-GCM`);
    else if (cipher === 'AESCCM') parts.add(`+AES-${bits}-CCM`);
    else if (cipher === 'AES') parts.add(`+AES-${bits}-CBC`);
    else if (cipher === 'Camellia') parts.add(`+CAMELLIA-${bits}-CBC`);
    parts.add(`+${mac}`);
  }
  return [...parts];
}

const gnutls: TlsClient = {
  name: 'GnuTLS',
  missing: missing('gnutls-cli'),
  groups: Object.keys(gnutlsGroups) as Group[],
  signatures: [...usual, 'rsa_pkcs1_sha1', 'ecdsa_sha1', 'ed25519'],
  run: async (port, { min, max, suites, groups, signatures }) => {
    const range = gnutlsVersions.slice(gnutlsVersions.indexOf(min), gnutlsVersions.indexOf(max) + 1);
    const parts = ['NORMAL', '-VERS-ALL', ...range.map((version) => `+VERS-${version.replace('v', '')}`)];
    if (suites !== undefined) {
      parts.push('-KX-ALL', '-CIPHER-ALL', '-MAC-ALL', ...gnutlsParts(suites));
      if (max === 'TLSv1.3') parts.push('+AES-256-GCM', '+AES-128-GCM', '+AEAD');
    }
    if (groups !== undefined) parts.push('-GROUP-ALL', ...groups.map((group) => `+GROUP-${gnutlsGroups[group]}`));
    if (signatures === undefined) parts.push('+SIGN-ALL', '%VERIFY_ALLOW_SIGN_WITH_SHA1');
    else parts.push('-SIGN-ALL', ...signatures.map((signature) => gnutlsSignatures[signature]));
    await runProgram(
      'gnutls-cli',
      ['--insecure', '--no-ca-verification', '--priority', parts.join(':'), '-p', String(port), '127.0.0.1'],
      { until: /Handshake was completed/, env: { GNUTLS_SYSTEM_PRIORITY_FILE: '/dev/null' } },
    );
  },
};

const nssGroups: Readonly<Partial<Record<Group, string>>> = {
  X25519: 'x25519',
  'P-256': 'P256',
  'P-384': 'P384',
  'P-521': 'P521',
  ffdhe2048: 'FF2048',
  ffdhe3072: 'FF3072',
  ffdhe4096: 'FF4096',
};

const nss: TlsClient = {
  name: 'NSS',
  missing: missing('tstclnt'),
  groups: Object.keys(nssGroups) as Group[],
  signatures: [...usual, 'rsa_pkcs1_sha1', 'ecdsa_sha1'],
  run: async (port, { min, max, suites, groups, signatures }) => {
    const version = (name: TlsVersion) => name.replace('TLSv', 'tls');
    const numbers = (suites ?? []).map(({ id }) => `:${id.toString(16).padStart(4, '0').toUpperCase()}`);
    // A list without a suite of 1.3 leaves that version none.
    if (max === 'TLSv1.3') numbers.push(':1301', ':1302', ':1303');
    const args = [
      ...['-h', '127.0.0.1', '-p', String(port), '-D', '-o', '-v', '-V', `${version(min)}:${version(max)}`],
      ...(suites === undefined ? [] : ['-c', numbers.join('')]),
      ...(groups === undefined ? [] : ['-I', groups.map((group) => nssGroups[group]).join(',')]),
      ...(signatures === undefined ? [] : ['-J', signatures.join(',')]),
    ];
    // Its own "exit after the handshake" waits for ever for a ticket in 1.3; so it goes when its line comes back. A TLS 1.0
    // record of one byte goes before the rest, so the echo may come in two parts.
    await runProgram('tstclnt', args, { input: 'hello there\n', stop: /ello there/ });
  },
};

const javaGroups: Readonly<Partial<Record<Group, string>>> = {
  X25519: 'x25519',
  X448: 'x448',
  'P-256': 'secp256r1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
  ffdhe2048: 'ffdhe2048',
  ffdhe3072: 'ffdhe3072',
};

/** `keytool` fetches a server's certificate with the library's own client, which system properties rule. */
function java(directory: string): TlsClient {
  const file = join(directory, 'java.security');
  writeFileSync(file, 'jdk.tls.disabledAlgorithms=NULL, anon\njdk.certpath.disabledAlgorithms=MD2\n');
  return {
    name: 'Java',
    missing: missing('keytool'),
    groups: Object.keys(javaGroups) as Group[],
    signatures: [...usual, 'rsa_pkcs1_sha1', 'ecdsa_sha1', 'ed25519'],
    run: async (port, { min, max, suites, groups, signatures }) => {
      const range = gnutlsVersions.slice(gnutlsVersions.indexOf(min), gnutlsVersions.indexOf(max) + 1);
      const names = (suites ?? []).map(({ standardName }) => standardName);
      if (max === 'TLSv1.3') names.unshift('TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384');
      const properties = [
        `java.security.properties=${file}`,
        `jdk.tls.client.protocols=${range.map(logName).join(',')}`,
        ...(suites === undefined ? [] : [`jdk.tls.client.cipherSuites=${names.join(',')}`]),
        ...(groups === undefined ? [] : [`jdk.tls.namedGroups=${groups.map((group) => javaGroups[group]).join(',')}`]),
        ...(signatures === undefined ? [] : [`jdk.tls.client.SignatureSchemes=${signatures.join(',')}`]),
      ];
      const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', ...properties.map((text) => `-D${text}`)];
      await runProgram(
        'keytool',
        [...flags.map((flag) => `-J${flag}`), '-printcert', '-sslserver', `127.0.0.1:${port}`],
        { timeout: 60_000 },
      );
    },
  };
}

const pythonProgram = `
import json, socket, ssl, sys, warnings
warnings.simplefilter('ignore')
for line in sys.stdin:
    offer = json.loads(line)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion[offer['min']]
        context.maximum_version = ssl.TLSVersion[offer['max']]
        context.set_ciphers(offer['ciphers'])
        if offer['group']: context.set_ecdh_curve(offer['group'])
        with socket.create_connection(('127.0.0.1', offer['port']), 10) as raw:
            with context.wrap_socket(raw, server_hostname=offer['name']) as secure:
                pass
    except (OSError, ssl.SSLError):
        pass
    print('done', flush=True)
`;

/** Python's ssl module; it takes one group and no signature algorithms. */
class Python implements TlsClient {
  readonly name = 'Python';
  readonly missing = missing('python3');
  readonly groups: readonly Group[] = ['X25519', 'P-256', 'P-384', 'P-521'];
  readonly signatures: readonly Signature[] = [];
  #process: ChildProcessWithoutNullStreams | null = null;
  #lines: Interface | null = null;
  #turn: Promise<void> = Promise.resolve();

  run(port: number, offer: Offer): Promise<void> {
    this.#turn = this.#turn.then(() => this.#run(port, offer));
    return this.#turn;
  }

  #run(port: number, { min, max, suites, groups }: Offer): Promise<void> {
    this.#process ??= spawn('python3', ['-c', pythonProgram]);
    this.#lines ??= createInterface(this.#process.stdout);
    const version = (name: TlsVersion) => name.replace('TLSv1.', 'TLSv1_').replace('TLSv1_0', 'TLSv1');
    const names = suites === undefined ? 'DEFAULT' : suites.map(({ name }) => name).join(':');
    const curves: Readonly<Partial<Record<Group, string>>> = {
      'P-256': 'prime256v1',
      'P-384': 'secp384r1',
      'P-521': 'secp521r1',
    };
    const group = groups?.[0];
    const request = {
      ...{ port, min: version(min), max: version(max), ciphers: `${names}:@SECLEVEL=0`, name: 'localhost' },
      group: group === undefined ? null : (curves[group] ?? group),
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#lines.once('line', () => resolve());
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    return promise;
  }

  close(): void {
    this.#process?.kill('SIGKILL');
  }
}

/** All of them. `directory`: for their files. `close` each one that has it. */
export function tlsClients(directory: string): readonly TlsClient[] {
  return [openssl, node, gnutls, nss, java(directory), new Python()];
}
