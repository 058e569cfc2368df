// Who asks: a bearer token, or the cookie of a logon; and whether a change really comes from our own page. Cookies belong to a
// host, not to a port: so a change needs the CSRF token and an Origin that is equal in scheme, host and port.
import type { FastifyRequest } from 'fastify';
import { PosternError } from '../../errors.ts';
import { type Access, type Caller, refusal } from './access.ts';
import type { People } from './people.ts';
import { csrfOf, sameText } from './secret.ts';

export const cookieName = '__Host-postern';

/** `Set-Cookie` of a new session. Without `Max-Age`: it is gone with the browser. */
export function sessionCookie(secret: string): string {
  return `${cookieName}=${secret}; Path=/; Secure; HttpOnly; SameSite=Strict`;
}

export const noCookie = `${cookieName}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`;

export class WebGuard {
  readonly #people: People;
  readonly #now: () => number;

  constructor(people: People, now: () => number = Date.now) {
    this.#people = people;
    this.#now = now;
  }

  /** Throws `unauthorized`, `forbidden` or `csrf`. Null on a public route. */
  admit(request: FastifyRequest, access: Access): Caller | null {
    const changes = request.method !== 'GET' && request.method !== 'HEAD';
    const authorization = authorizationOf(request);
    if (access === 'public') {
      // A logon into an account of somebody else's choice is an attack too.
      if (changes && authorization === undefined) ownOrigin(request, false);
      return null;
    }
    const caller =
      authorization === undefined ? this.#bySession(request, changes) : this.#byToken(request, authorization);
    const reason = refusal(access, caller);
    if (reason !== null) throw new PosternError('forbidden', reason, { remedy: 'ask an administrator' });
    return caller;
  }

  #byToken(request: FastifyRequest, authorization: string): Caller {
    const secret = /^Bearer ([\w-]{1,200})$/i.exec(authorization)?.[1];
    const token = secret === undefined ? null : this.#people.tokens.use(secret, this.#now());
    const user = token === null ? null : this.#people.users.find(token.user);
    if (token === null || user === null || user.disabled) {
      throw new PosternError('unauthorized', 'the token is wrong or has expired', {
        remedy: 'send "Authorization: Bearer TOKEN" with a token that is valid',
      });
    }
    const { id, scopes } = token;
    return { user: user.name, role: user.role, kind: 'token', id, address: request.peer.address, scopes };
  }

  #bySession(request: FastifyRequest, changes: boolean): Caller {
    const secret = sessionSecret(request);
    const session = secret === null ? null : this.#people.sessions.use(secret, this.#now());
    const user = session === null ? null : this.#people.users.find(session.user);
    if (secret === null || session === null || user === null || user.disabled) {
      throw new PosternError('unauthorized', 'nobody is logged on, or the logon is over', { remedy: 'log on' });
    }
    if (changes) {
      ownOrigin(request, true);
      const given = request.headers['x-csrf-token'];
      if (typeof given !== 'string' || !sameText(given, csrfOf(secret))) {
        throw new PosternError('csrf', 'the header X-CSRF-Token is missing or wrong', {
          remedy: 'send the "csrf" of GET /api/v1/session',
        });
      }
    }
    const { id } = session;
    return { user: user.name, role: user.role, kind: 'session', id, address: request.peer.address, scopes: null };
  }
}

/** Integrations with the reference's API send what they got at its logon in a header of its own. */
function authorizationOf({ headers, url }: FastifyRequest): string | undefined {
  const token = headers['jwttoken'];
  if (headers.authorization === undefined && typeof token === 'string' && url.startsWith('/esa/'))
    return `Bearer ${token}`;
  return headers.authorization;
}

/** What the cookie of the session holds; null: there is none. Two of the name are none: one of them is not ours. */
export function sessionSecret(request: FastifyRequest): string | null {
  const values = String(request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${cookieName}=`))
    .map((pair) => pair.slice(cookieName.length + 1));
  const [value] = values;
  return values.length === 1 && value !== undefined && /^[\w-]{20,100}$/.test(value) ? value : null;
}

/** Throws `csrf` unless the request comes from a page of ours. Programs send no Origin: `needed` says whether that is enough. */
function ownOrigin(request: FastifyRequest, needed: boolean): void {
  const { origin } = request.headers;
  const authority = request.headers[':authority'] ?? request.headers.host;
  if (origin === undefined && !needed && request.headers['sec-fetch-site'] === undefined) return;
  const own = originOf(`https://${String(authority)}`);
  if (origin !== undefined && own !== null && originOf(origin) === own) return;
  throw new PosternError('csrf', 'the request comes from another page (Origin)', {
    remedy: 'programs use a token; pages of other hosts or ports may not change anything here',
  });
}

/** Scheme, host and port in one form; null where the text is no origin. */
function originOf(text: string): string | null {
  const url = URL.parse(text);
  return url === null || url.protocol !== 'https:' || url.pathname !== '/' || url.username !== '' ? null : url.origin;
}
