// The API of a whole gateway, over HTTPS, with three users who were added the way that people are.
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type GatewayStart, type RunningGateway, startGateway } from '../../gateway/harness.ts';

export type RoleName = 'administrator' | 'operator' | 'auditor';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer is, each test says by what it looks at
  readonly json: any;
}

export interface ApiAsk {
  /** Who asks; default: the administrator's token. Null: nobody. */
  readonly as?: RoleName | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** A string or buffer is sent as it is; all else as JSON. */
  readonly body?: unknown;
}

export interface Logon {
  readonly cookie: string;
  readonly csrf: string;
}

export interface ApiGateway {
  readonly gateway: RunningGateway;
  readonly port: number;
  readonly origin: string;
  /** `path` below `/api/v1`, or with its whole path where it begins with `/api` or `/esa`. */
  ask(method: string, path: string, ask?: ApiAsk): Promise<ApiAnswer>;
  token(role: RoleName): string;
  password(role: RoleName): string;
  logOn(role: RoleName): Promise<Logon>;
}

const passwords: Readonly<Record<RoleName, string>> = {
  administrator: 'a long pass phrase 1',
  operator: 'a long pass phrase 2',
  auditor: 'a long pass phrase 3',
};
/** The others are called by their roles. The shell's administrator, `admin`, is somebody else. */
const nameOf = (role: RoleName): string => (role === 'administrator' ? 'anna' : role);

/** Of the link on the console, which comes behind "is ready". */
async function setupToken(gateway: RunningGateway): Promise<string> {
  for (let waited = 0; waited < 30_000; waited += 20) {
    const found = /setup\S*?([\w-]{40,})/.exec(gateway.output())?.[1];
    if (found !== undefined) return found;
    await sleep(20);
  }
  throw new Error(`no set-up link:\n${gateway.output()}`);
}

export async function startApi(t: TestContext, start: GatewayStart = {}): Promise<ApiGateway> {
  const port = await freePort();
  const gui = `gui: { ports: [${port}] }\n`;
  const gateway = await startGateway(t, { ...start, config: `${gui}${start.config ?? 'hostname: gw.example.com\n'}` });
  const agent = new Agent({ keepAlive: true, maxSockets: 8, rejectUnauthorized: false });
  t.after(() => agent.destroy());
  const tokens = new Map<RoleName, string>();
  const origin = `https://127.0.0.1:${port}`;

  const ask = async (method: string, path: string, { as = 'administrator', headers = {}, body }: ApiAsk = {}) => {
    const token = as === null ? undefined : tokens.get(as);
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const content = body === undefined ? undefined : raw ? body : JSON.stringify(body);
    const sent = request({
      host: '127.0.0.1',
      port,
      agent,
      method,
      path: /^\/(api|esa|healthz|readyz|metrics)(\/|$)/.test(path) ? path : `/api/v1${path}`,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined || raw ? {} : { 'content-type': 'application/json' }),
        // Node frames the body of a DELETE only where its length is said.
        ...(content === undefined ? {} : { 'content-length': Buffer.byteLength(content) }),
        ...headers,
      },
    });
    sent.end(content);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    const isJson = /json/.test(response.headers['content-type'] ?? '');
    const json = isJson && text !== '' ? JSON.parse(text) : null;
    return { status: response.statusCode ?? 0, headers: response.headers, text, json };
  };

  const logOn = async (role: RoleName): Promise<Logon> => {
    const answer = await ask('POST', '/login', { as: null, body: { name: nameOf(role), password: passwords[role] } });
    if (answer.status !== 200) throw new Error(`logon of ${role}: ${answer.text}`);
    return { cookie: String(answer.headers['set-cookie']?.[0]).split(';')[0] ?? '', csrf: answer.json.csrf };
  };
  const bySession = (logon: Logon) => ({ cookie: logon.cookie, 'x-csrf-token': logon.csrf, origin });

  const first = { token: await setupToken(gateway), name: 'anna', password: passwords.administrator };
  const made = await ask('POST', '/setup', { as: null, body: first });
  if (made.status >= 300) throw new Error(`set-up: ${made.text}`);
  const admin = bySession(await logOn('administrator'));
  for (const role of ['operator', 'auditor'] as const) {
    const body = { name: role, role, password: passwords[role] };
    const added = await ask('POST', '/users', { as: null, headers: admin, body });
    if (added.status >= 300) throw new Error(`user ${role}: ${added.text}`);
  }
  for (const role of ['administrator', 'operator', 'auditor'] as const) {
    const headers = role === 'administrator' ? admin : bySession(await logOn(role));
    const scopes = {
      administrator: ['read', 'queue', 'configuration', 'users'],
      operator: ['read', 'queue'],
      auditor: ['read'],
    }[role];
    const answer = await ask('POST', '/tokens', { as: null, headers, body: { label: 'test', scopes } });
    if (answer.status >= 300) throw new Error(`token of ${role}: ${answer.text}`);
    tokens.set(role, answer.json.secret);
  }
  return {
    gateway,
    port,
    origin,
    ask,
    token: (role) => tokens.get(role) ?? '',
    password: (role) => passwords[role],
    logOn,
  };
}
