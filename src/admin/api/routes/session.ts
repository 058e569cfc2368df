// /setup, /login, /logout, /session: who you are.
import { PosternError } from '../../../errors.ts';
import { noCookie, sessionCookie } from '../../auth/guard.ts';
import type { People } from '../../auth/people.ts';
import { csrfOf } from '../../auth/secret.ts';
import type { SessionInfo } from '../../auth/sessions.ts';
import { base32, otpauthUri } from '../../auth/totp.ts';
import type { UserInfo } from '../../auth/users.ts';
import { iso } from '../page.ts';
import { type Client, route } from '../route.ts';
import {
  loginSchema,
  passwordSchema,
  recoverySchema,
  type Session,
  sessionSchema,
  setupSchema,
  totpConfirmSchema,
  totpOfferSchema,
  totpRemoveSchema,
} from '../schemas/session.ts';

const tag = 'session';

function describe(user: UserInfo, csrf: string, { idleExpires, expires }: SessionInfo): Session {
  const { name, role, totp } = user;
  return { user: name, role, csrf, idleExpires: iso(idleExpires), expires: iso(expires), totp };
}

/** An own password is asked for again before something that an open screen must not be enough for. */
async function confirm(people: People, user: string, password: string, pointer: string): Promise<void> {
  if (await people.confirmPassword(user, password)) return;
  throw new PosternError('forbidden', 'the password is wrong', {
    issues: [{ pointer, detail: 'the password is wrong' }],
  });
}

function presentSession(people: People, { cookie, credential }: Client) {
  const session = credential?.kind === 'session' ? people.sessions.look(credential.id, Date.now()) : null;
  if (cookie === null || session === null) throw new PosternError('unauthorized', 'nobody is logged on');
  return { session, cookie };
}

export const sessionRoutes = [
  route({
    tag,
    access: 'public',
    method: 'POST',
    path: '/setup',
    summary: 'The first administrator, by the set-up link',
    body: setupSchema,
    handler: async ({ host, body, client }) => {
      await host.people.setUp(body.token, body.name, body.password, client.address);
      return { body: undefined };
    },
  }),
  route({
    tag,
    access: 'public',
    method: 'POST',
    path: '/login',
    summary: 'Log on',
    description:
      'Answers with the cookie of a new session; a cookie that was sent is never taken over. `code-required`: send it again with the code of the second factor.',
    body: loginSchema,
    response: sessionSchema,
    handler: async ({ host: { people }, body, client }) => {
      const { name, password, code } = body;
      const { address, flight } = client;
      const on = await people.logOn({ name, password, address, flight, ...(code === undefined ? {} : { code }) });
      // The one that this browser had is over.
      if (client.cookie !== null) people.endCookie(client.cookie);
      return {
        body: describe(on.user, on.csrf, on.session),
        headers: { 'set-cookie': sessionCookie(on.secret) },
      };
    },
  }),
  route({
    tag,
    access: 'session',
    method: 'POST',
    path: '/logout',
    summary: 'Log off',
    handler: ({ host: { people }, caller, client }) => {
      if (client.credential !== null) people.endSession(client.credential.id);
      people.note(caller, 'logout', '');
      return { body: undefined, headers: { 'set-cookie': noCookie } };
    },
  }),
  route({
    tag,
    access: 'self',
    method: 'GET',
    path: '/session',
    summary: 'Who you are',
    response: sessionSchema,
    handler: ({ host: { people }, caller, client }) => {
      const user = people.users.get(caller.user);
      if (client.credential?.kind !== 'token') {
        const { session, cookie } = presentSession(people, client);
        return { body: describe(user, csrfOf(cookie), session) };
      }
      const token = people.tokens.find(client.credential.id);
      const expires = token?.expires ?? null;
      return {
        body: {
          user: user.name,
          role: user.role,
          csrf: null,
          idleExpires: null,
          expires: expires === null ? null : iso(expires),
          totp: user.totp,
          scopes: [...(token?.scopes ?? [])],
        },
      };
    },
  }),
  route({
    tag,
    access: 'session',
    method: 'PUT',
    path: '/session/password',
    summary: 'Change your password',
    description: 'Your other sessions end.',
    body: passwordSchema,
    handler: async ({ host: { people }, caller, client, body }) => {
      await confirm(people, caller.user, body.present, '/present');
      await people.users.setPassword(caller.user, body.password);
      people.endAll(caller.user, client.credential === null ? {} : { except: client.credential.id });
      people.record(caller, 'password', 'own password changed');
      return { body: undefined };
    },
  }),
  route({
    tag,
    access: 'session',
    method: 'POST',
    path: '/session/totp',
    summary: 'A secret for a second factor',
    description: 'It is in force once its first code is confirmed.',
    response: totpOfferSchema,
    handler: ({ host, caller }) => {
      const { users } = host.people;
      if (users.get(caller.user).totp) {
        throw new PosternError('conflict', 'there is a second factor already', { remedy: 'remove it first' });
      }
      const secret = users.offerTotp(caller.user);
      return { body: { secret: base32(secret), uri: otpauthUri(secret, caller.user, host.hostname()) } };
    },
  }),
  route({
    tag,
    access: 'session',
    method: 'PUT',
    path: '/session/totp',
    summary: 'Confirm the first code of a second factor',
    body: totpConfirmSchema,
    response: recoverySchema,
    handler: ({ host: { people }, caller, body }) => {
      const recoveryCodes = people.users.confirmTotp(caller.user, body.code, Date.now());
      people.record(caller, 'totp', 'second factor switched on');
      return { body: { recoveryCodes } };
    },
  }),
  route({
    tag,
    access: 'session',
    method: 'DELETE',
    path: '/session/totp',
    summary: 'Take your second factor away',
    body: totpRemoveSchema,
    handler: async ({ host: { people }, caller, body }) => {
      await confirm(people, caller.user, body.password, '/password');
      people.users.removeTotp(caller.user);
      people.record(caller, 'totp', 'second factor removed');
      return { body: undefined };
    },
  }),
];
