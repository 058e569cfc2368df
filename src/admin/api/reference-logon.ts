// Who asks on the reference's paths: its `jwtToken` header, Basic, or a token of ours. Names and passwords go the one way of all
// logons, with its delays, limits and trail. What it answers as `jwtToken` is a session of ours.
import { createHmac, randomBytes } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { PosternError } from '../../errors.ts';
import type { UserInfo } from '../auth/users.ts';
import type { AdminHost } from '../host.ts';
import type { WebContext } from '../web/app.ts';

/** Basic sends the password with each request; hashing it each time would cost more than the answer. */
const mostRemembered = 500;

export class ReferenceLogons {
  readonly #host: AdminHost;
  readonly #context: WebContext;
  readonly #key = randomBytes(32);
  /** Sessions by the credentials that began them, which are kept as a keyed hash. Oldest first. */
  readonly #remembered = new Map<string, string>();

  constructor(context: WebContext) {
    this.#context = context;
    this.#host = context.host;
  }

  /** Throws `unauthorized` or `rate-limited`. */
  async logOn(
    request: FastifyRequest,
    name: string,
    password: string,
  ): Promise<{ readonly secret: string; readonly user: UserInfo }> {
    const { address, flight } = this.#context.client(request);
    try {
      return await this.#host.people.logOn({ name, password, address, flight, face: 'API' });
    } catch (error) {
      if (!(error instanceof PosternError) || error.code !== 'code-required') throw error;
      throw new PosternError('unauthorized', 'the user has a second factor, which these paths do not know', {
        remedy: 'use an API token: "Authorization: Bearer TOKEN"',
      });
    }
  }

  /** Whoever may log on may read. Throws `unauthorized`, `forbidden` or `rate-limited`. */
  async require(request: FastifyRequest): Promise<void> {
    const { jwttoken } = request.headers;
    const [, scheme = '', credentials = ''] =
      /^(Basic|Bearer) ([\w+/=.-]{1,2800})$/i.exec(request.headers.authorization ?? '') ?? [];
    if (typeof jwttoken === 'string' && this.#holds(jwttoken)) return;
    if (/^bearer$/i.test(scheme) && this.#token(credentials)) return;
    if (/^basic$/i.test(scheme)) {
      await this.#basic(request, credentials);
      return;
    }
    throw new PosternError('unauthorized', 'nobody is logged on, or the logon is over', {
      remedy: 'send the header jwtToken of POST /esa/api/v2.0/login, Basic, or an API token as Bearer',
    });
  }

  #holds(secret: string): boolean {
    const { sessions, users } = this.#host.people;
    const session = /^[\w-]{20,100}$/.test(secret) ? sessions.use(secret, Date.now()) : null;
    const user = session === null ? null : users.find(session.user);
    return user !== null && !user.disabled;
  }

  #token(secret: string): boolean {
    const { tokens, users } = this.#host.people;
    const token = tokens.use(secret, Date.now());
    const user = token === null ? null : users.find(token.user);
    if (token === null || user === null || user.disabled) return false;
    if (token.scopes.includes('read')) return true;
    throw new PosternError('forbidden', 'the token has no scope "read"');
  }

  async #basic(request: FastifyRequest, credentials: string): Promise<void> {
    const hash = createHmac('sha256', this.#key).update(credentials).digest('base64');
    const known = this.#remembered.get(hash);
    if (known !== undefined && this.#holds(known)) return;
    this.#remembered.delete(hash);
    const text = Buffer.from(credentials, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 1) throw new PosternError('unauthorized', 'the header Authorization is not "Basic name:password"');
    const { secret } = await this.logOn(request, text.slice(0, colon), text.slice(colon + 1));
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size >= mostRemembered && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(hash, secret);
  }
}
