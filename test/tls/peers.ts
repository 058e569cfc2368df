// Real TLS programs for tests: OpenSSL's own client and server, GnuTLS and NSS, and our two ends wrapped so that a test reads
// what happened. Everything on the loopback; everything ends with `close` or with the test's `after`.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import type { CertificateSettings } from '../../src/config/snapshot.ts';
import { type AcceptedTls, acceptTls, type TlsFailure } from '../../src/tls/accept.ts';
import { type ConnectedTls, type ConnectFailure, type ConnectTlsOptions, connectTls } from '../../src/tls/connect.ts';
import type { ClientTls, ServerTls } from '../../src/tls/contexts.ts';
import { type TlsVersion, tlsVersions } from '../../src/tls/versions.ts';

/** The flag of `openssl s_client` and `s_server` that allows this version only. */
export const versionFlag: Readonly<Record<TlsVersion, string>> = {
  'TLSv1.0': '-tls1',
  'TLSv1.1': '-tls1_1',
  'TLSv1.2': '-tls1_2',
  'TLSv1.3': '-tls1_3',
};

/** Without it the machine's own OpenSSL speaks no TLS 1.0 and 1.1. */
export const anyLevel = ['-cipher', 'DEFAULT:@SECLEVEL=0'];

/** The ten legal selections. */
export const legalSelections: readonly (readonly TlsVersion[])[] = tlsVersions.flatMap((_, from) =>
  tlsVersions.slice(from).map((_unused, length) => tlsVersions.slice(from, from + length + 1)),
);

/** False, or the reason to skip: a program that is not installed. For `test(name, { skip: missing('gnutls-cli') }, ...)`. */
export function missing(program: string): string | false {
  const found = spawnSync('sh', ['-c', `command -v "$0"`, program]);
  return found.status === 0 ? false : `${program} is not installed`;
}

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A directory that `remove` takes away again, and certificates made in it by the openssl program. */
export class CertificateDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'postern-tls-'));
  #count = 0;

  /** Self-signed. `kind` as `openssl req -newkey` wants it: `ec`, `rsa:2048`, `rsa:1024`; `extra`: further arguments. */
  make(kind: string, name = 'localhost', extra: readonly string[] = []): KeyPair {
    const base = join(this.path, `pair${this.#count++}`);
    const curve = kind === 'ec' ? ['-pkeyopt', 'ec_paramgen_curve:P-256'] : [];
    const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`];
    const output = ['-keyout', `${base}.key`, '-out', `${base}.crt`];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', kind, ...curve, '-nodes', '-days', '30', ...subject, ...output, ...extra],
      { stdio: 'ignore' },
    );
    return {
      cert: readFileSync(`${base}.crt`, 'utf8'),
      key: readFileSync(`${base}.key`, 'utf8'),
      certFile: `${base}.crt`,
      keyFile: `${base}.key`,
    };
  }

  /** Self-signed, and over since yesterday. */
  expired(): KeyPair {
    // `openssl ca` is the only one of Debian 12's commands that takes dates.
    const pair = this.make('rsa:2048');
    const config = join(this.path, 'expired.cnf');
    writeFileSync(join(this.path, 'index.txt'), '');
    writeFileSync(
      config,
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${this.path}/index.txt\nnew_certs_dir=${this.path}\nrand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`,
    );
    const request = join(this.path, 'expired.csr');
    const certFile = join(this.path, 'expired.crt');
    execFileSync('openssl', ['req', '-new', '-key', pair.keyFile, '-subj', '/CN=localhost', '-out', request]);
    execFileSync(
      'openssl',
      [
        'ca',
        '-batch',
        '-selfsign',
        '-config',
        config,
        '-keyfile',
        pair.keyFile,
        '-in',
        request,
        '-out',
        certFile,
        '-notext',
      ].concat(['-startdate', '20240101000000Z', '-enddate', '20240201000000Z']),
      { stdio: 'ignore' },
    );
    return { ...pair, cert: readFileSync(certFile, 'utf8'), certFile };
  }

  /** Signed with SHA-1 by an authority of its own. */
  signedWithSha1(): KeyPair {
    const authority = this.make('rsa:2048', 'authority');
    const pair = this.make('rsa:2048');
    const request = join(this.path, 'sha1.csr');
    const certFile = join(this.path, 'sha1.crt');
    execFileSync('openssl', ['req', '-new', '-key', pair.keyFile, '-subj', '/CN=localhost', '-out', request]);
    execFileSync(
      'openssl',
      [
        'x509',
        '-req',
        '-sha1',
        '-in',
        request,
        '-CA',
        authority.certFile,
        '-CAkey',
        authority.keyFile,
        '-days',
        '30',
      ].concat(['-set_serial', '7', '-out', certFile]),
      { stdio: 'ignore' },
    );
    return { ...pair, cert: readFileSync(certFile, 'utf8'), certFile };
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** ECDSA first, then RSA, as a listener offers them. */
export function certificateOf(...pairs: readonly KeyPair[]): CertificateSettings {
  return { name: 'test', pairs: pairs.map(({ cert, key }) => ({ cert, key })) };
}

export interface ProgramResult {
  readonly code: number | null;
  /** Standard output and error, as they came. */
  readonly output: string;
}

/** Runs a program to its end, or until `stop` stands in its output; `input` is written to it and its standard input closed when `until` stands in its output. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: {
    readonly input?: string;
    readonly until?: RegExp;
    readonly stop?: RegExp;
    readonly timeout?: number;
    readonly env?: NodeJS.ProcessEnv;
  } = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
    let output = '';
    const finish = () => {
      if (!child.stdin.writableEnded) child.stdin.end(options.input ?? '');
    };
    const take = (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (options.until?.test(output) === true) finish();
      if (options.stop?.test(output) === true) child.kill('SIGKILL');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    // It may end before it has read what it was given.
    child.stdin.on('error', () => {});
    if (options.until === undefined) finish();
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeout ?? 10_000);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

/** `openssl s_client` against a port on the loopback; ends by itself after the handshake. */
export function opensslClient(port: number, args: readonly string[]): Promise<ProgramResult> {
  return runProgram('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...args], {
    // It prints this line when it is connected; after a failure it ends without it.
    until: /---\n(New|Reused), (?!\(NONE\))[\s\S]*Verify return code/,
    input: 'Q\n',
  });
}

/** Protocol and suite that s_client reports, `null` where it failed. */
export function negotiated(output: string): { readonly protocol: string; readonly cipher: string } | null {
  const found = /(?:New|Reused), (TLSv[\d.]+|SSLv3), Cipher is (\S+)/.exec(output);
  // The line names the protocol of the suite; the session block names the one spoken.
  const session = /Protocol\s*: (TLSv[\d.]+)/.exec(output)?.[1];
  return found === null ? null : { protocol: session ?? found[1] ?? '', cipher: found[2] ?? '' };
}

export interface RunningServer {
  readonly port: number;
  readonly output: () => string;
  readonly close: () => Promise<void>;
}

/** `openssl s_server` on a free port. `pair`: its certificate; `args`: further ones. */
export async function opensslServer(pair: KeyPair, args: readonly string[]): Promise<RunningServer> {
  const child = spawn(
    'openssl',
    ['s_server', '-accept', '127.0.0.1:0', '-naccept', '1000', '-cert', pair.certFile, '-key', pair.keyFile, ...args],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  return await running(child, /ACCEPT 127\.0\.0\.1:(\d+)/);
}

/** Waits until a server that was started says its port (`pattern`'s first group). */
export function running(child: ChildProcess, pattern: RegExp): Promise<RunningServer> {
  return new Promise((resolve, reject) => {
    let output = '';
    const ended = new Promise<void>((done) => child.on('close', () => done()));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the server did not start: ${output}`));
    }, 10_000);
    const take = (chunk: Buffer) => {
      output += chunk.toString('latin1');
      const port = pattern.exec(output)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve({
        port: Number(port),
        output: () => output,
        close: async () => {
          child.kill('SIGKILL');
          await ended;
        },
      });
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${output}`)));
  });
}

export type Accepted =
  | { readonly ok: true; readonly info: AcceptedTls; readonly socket: TLSSocket }
  | { readonly ok: false; readonly failure: TlsFailure };

/** `acceptTls` on a free port; each connection's outcome is kept and can be waited for. Speaks an echo. */
export class AcceptingServer {
  readonly #server: Server;
  readonly #outcomes: Accepted[] = [];
  readonly #waiting: ((outcome: Accepted) => void)[] = [];
  readonly #sockets = new Set<Socket>();

  /** `tls` is asked at each connection, so a test can change it. */
  constructor(tls: () => ServerTls, options = { helloTimeout: 2000, handshakeTimeout: 5000 }) {
    this.#server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      acceptTls(socket, tls(), options, {
        secure: (secure, info) => {
          secure.on('error', () => {});
          secure.on('data', (chunk: Buffer) => secure.write(chunk));
          secure.on('end', () => secure.end());
          this.#settle({ ok: true, info, socket: secure });
        },
        failed: (failure) => this.#settle({ ok: false, failure }),
      });
    });
  }

  #settle(outcome: Accepted): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#outcomes.push(outcome);
    else waiting(outcome);
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve(this.port));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next connection's outcome, in their order. */
  next(): Promise<Accepted> {
    const outcome = this.#outcomes.shift();
    if (outcome !== undefined) return Promise.resolve(outcome);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no connection within 10 s')), 10_000);
      this.#waiting.push((settled) => {
        clearTimeout(timer);
        resolve(settled);
      });
    });
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

export type Connected =
  | { readonly ok: true; readonly info: ConnectedTls; readonly socket: TLSSocket }
  | { readonly ok: false; readonly failure: ConnectFailure };

/** `connectTls` to a port on the loopback. */
export function dial(port: number, tls: ClientTls, options: Partial<ConnectTlsOptions> = {}): Promise<Connected> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('error', () => {});
    socket.once('connect', () => {
      connectTls(
        socket,
        tls,
        { legacy: false, timeout: 5000, servername: 'localhost', ...options },
        {
          secure: (secure, info) => {
            secure.on('error', () => {});
            resolve({ ok: true, info, socket: secure });
          },
          failed: (failure) => resolve({ ok: false, failure }),
        },
      );
    });
  });
}

/** What delivery does: the modern try, then the legacy one on a new connection where it is allowed. */
export async function dialWithRetry(port: number, tls: ClientTls): Promise<Connected & { readonly tries: number }> {
  const first = await dial(port, tls);
  if (first.ok || !first.failure.retryLegacy) return { ...first, tries: 1 };
  return { ...(await dial(port, tls, { legacy: true })), tries: 2 };
}

/**
 * A man in the middle on the loopback: forwards to `port`; `edit` may change the bytes of each chunk in either direction.
 * `index`: 0 for the first chunk of a connection in its direction.
 */
export async function proxy(
  port: number,
  edit: (chunk: Buffer, direction: 'to-server' | 'to-client', index: number) => Buffer,
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    let up = 0;
    let down = 0;
    client.on('data', (chunk: Buffer) => upstream.write(edit(chunk, 'to-server', up++)));
    upstream.on('data', (chunk: Buffer) => client.write(edit(chunk, 'to-client', down++)));
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** Sends bytes, and gathers what comes back until the other side closes or 3 s have passed. */
export function exchange(port: number, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(chunks));
    };
    const timer = setTimeout(finish, 3000);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', finish);
    socket.on('close', finish);
  });
}
