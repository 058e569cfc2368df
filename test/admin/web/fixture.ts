// The web service on real ports, with a host of its own: the configuration store is real, queue and threads are not there.
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Routes } from '../../../src/admin/web/app.ts';
import { WebService } from '../../../src/admin/web/service.ts';
import type { CertificateSettings } from '../../../src/config/snapshot.ts';
import { ensureDemoCertificate } from '../../../src/tls/certificates.ts';
import { freePort } from '../../gateway/harness.ts';
import { TestHost } from '../host.ts';

export interface RunningWeb {
  readonly host: TestHost;
  readonly web: WebService;
  /** Two, as the gateway has by default. */
  readonly ports: readonly [number, number];
  /** Commits a change of the configuration through the host. */
  commit(change: Parameters<TestHost['config']['edit']>[1]): Promise<void>;
}

export interface WebWish {
  /** More lines of the configuration. */
  readonly config?: string;
  /** Files of the built UI by path. */
  readonly assets?: Readonly<Record<string, string | Buffer>>;
  readonly routes?: readonly Routes[];
}

let demo: Promise<CertificateSettings> | null = null;

/** One for all tests of a file: making it takes a while. */
function demoCertificate(): Promise<CertificateSettings> {
  demo ??= (async () => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-web-'));
    try {
      return await ensureDemoCertificate(directory, 'localhost');
    } finally {
      rmSync(directory, { recursive: true });
    }
  })();
  return demo;
}

export async function startWeb(t: TestContext, wish: WebWish = {}): Promise<RunningWeb> {
  const ports = [await freePort(), await freePort()] as const;
  const initial = `hostname: gw.example.com\ngui: { ports: [${ports.join(', ')}] }\n${wish.config ?? ''}\n`;
  const host = await TestHost.open({ initial, demo: await demoCertificate() });
  const snapshot = await host.config.snapshot();
  const assets = join(host.dataDirectory, 'ui');
  for (const [path, body] of Object.entries(wish.assets ?? {})) {
    mkdirSync(dirname(join(assets, path)), { recursive: true });
    writeFileSync(join(assets, path), body);
  }
  const web = await WebService.create({ host, snapshot, assets, routes: wish.routes ?? [] });
  await web.prepare(snapshot);
  web.activate();
  host.apply = {
    prepare: (next) => web.prepare(next),
    activate: async () => web.activate(),
    abandon: () => web.abandon(),
  };
  t.after(async () => {
    await web.stop(100);
    host.remove();
  });
  return {
    host,
    web,
    ports,
    commit: async (change) => {
      await host.config.edit('admin', change);
      const actor = {
        user: 'admin',
        role: 'administrator',
        face: 'shell',
        address: '',
        flight: null,
        connected: 0,
      } as const;
      await host.commit(actor, 'test', { keep: false });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** `1.1` or `2`. */
  readonly http: string;
  readonly tls: string | null;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Options of TLS. */
  readonly tls?: object;
}

/** One HTTP/1.1 request on a connection of its own. */
export async function askHttp1(port: number, path: string, ask: Ask = {}): Promise<Answer> {
  const request = requestHttps({
    host: '127.0.0.1',
    port,
    path,
    method: ask.method ?? 'GET',
    // Node frames the body of a DELETE only where its length is said.
    headers: { ...ask.headers, ...(ask.body === undefined ? {} : { 'content-length': Buffer.byteLength(ask.body) }) },
    rejectUnauthorized: false,
    agent: false,
    ...ask.tls,
  });
  request.end(ask.body);
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage];
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  const socket = response.socket as import('node:tls').TLSSocket;
  return {
    status: response.statusCode ?? 0,
    headers: response.headers as IncomingHttpHeaders,
    body,
    http: response.httpVersion,
    tls: socket.getProtocol(),
  };
}

/** An HTTP/2 connection; closed at the end of the test. */
export function openHttp2(t: TestContext, port: number, options: object = {}): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...options });
  session.on('error', () => undefined); // each request hears of it
  t.after(() => session.destroy());
  return session;
}

export async function askHttp2(session: ClientHttp2Session, path: string, ask: Ask = {}): Promise<Answer> {
  const stream = session.request({ ':method': ask.method ?? 'GET', ':path': path, ...ask.headers });
  stream.end(ask.body);
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }];
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk;
  return { status: Number(headers[':status']), headers, body, http: '2', tls: null };
}

/** A browser's side of the API: one cookie, its own Origin, the CSRF token once it has one. */
export class Browser {
  readonly port: number;
  /** Options of its TLS. */
  readonly tls: object;
  cookie: string | null = null;
  csrf: string | null = null;

  constructor(port: number, tls: object = {}) {
    this.port = port;
    this.tls = tls;
  }

  get origin(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer & { readonly json: Readonly<Record<string, unknown>> }> {
    const answer = await askHttp1(this.port, `/api/v1${path}`, {
      method,
      tls: this.tls,
      headers: {
        origin: this.origin,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.cookie === null ? {} : { cookie: this.cookie }),
        ...(this.csrf === null ? {} : { 'x-csrf-token': this.csrf }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { ...answer, json: answer.body === '' ? {} : JSON.parse(answer.body) };
  }

  /** Takes the cookie and the CSRF token of the answer, where it worked. */
  async logOn(name: string, password: string, code?: string) {
    const answer = await this.ask('POST', '/login', { name, password, ...(code === undefined ? {} : { code }) });
    if (answer.status === 200) {
      this.cookie = String(answer.headers['set-cookie']?.[0]).split(';')[0] ?? null;
      this.csrf = String(answer.json['csrf']);
    }
    return answer;
  }
}

export const goodPassword = 'four unusual words of 2026';

/** With an administrator, who is logged on. */
export async function startWithAdministrator(t: TestContext, wish: WebWish = {}) {
  const running = await startWeb(t, wish);
  await running.host.people.users.add('anna', 'administrator', goodPassword, Date.now());
  const browser = new Browser(running.ports[0]);
  const answer = await browser.logOn('anna', goodPassword);
  if (answer.status !== 200) throw new Error(answer.body);
  return { ...running, browser };
}
