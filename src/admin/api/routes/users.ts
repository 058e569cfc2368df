// /users, /tokens, /audit: who may, and who did.
import { PosternError } from '../../../errors.ts';
import type { TokenInfo } from '../../auth/tokens.ts';
import type { UserInfo } from '../../auth/users.ts';
import { addUser, changeUser, removeUser } from '../../commands/users.ts';
import type { Actor, AdminHost } from '../../host.ts';
import { iso } from '../page.ts';
import { route } from '../route.ts';
import {
  auditQuerySchema,
  auditSchema,
  madeTokenSchema,
  newTokenSchema,
  newUserSchema,
  type Token,
  tokenParamsSchema,
  tokensSchema,
  type User,
  userChangeSchema,
  userParamsSchema,
  userSchema,
  usersSchema,
} from '../schemas/session.ts';

const day = 24 * 3600 * 1000;
const orNull = (time: number | null) => (time === null ? null : iso(time));

function describeUser(host: AdminHost, user: UserInfo): User {
  return {
    ...user,
    created: iso(user.created),
    lastLogon: orNull(user.lastLogon),
    sessions: host.people.sessions.countOf(user.name, Date.now()),
  };
}

function describeToken({ used, created, expires, scopes, ...token }: TokenInfo): Token {
  return {
    ...token,
    scopes: [...scopes],
    created: iso(created),
    expires: orNull(expires),
    lastUsed: orNull(used),
  };
}

/** One's own, or any for an administrator; that somebody else has it is told to nobody. */
function ownToken(host: AdminHost, caller: Actor, id: string): TokenInfo {
  const token = host.people.tokens.find(id);
  if (token !== null && (token.user === caller.user || caller.role === 'administrator')) return token;
  throw new PosternError('not-found', 'there is no such token');
}

const users = { tag: 'users', access: 'users' } as const;

export const peopleRoutes = [
  route({
    ...users,
    method: 'GET',
    path: '/users',
    summary: 'Users',
    response: usersSchema,
    handler: ({ host }) => {
      const items = host.people.users.list().map((user) => describeUser(host, user));
      return { body: { items, next: null, total: items.length } };
    },
  }),
  route({
    ...users,
    method: 'POST',
    path: '/users',
    summary: 'Add a user',
    body: newUserSchema,
    response: userSchema,
    handler: async ({ host, caller, body }) => {
      const user = await addUser(host, caller, body);
      return { status: 201, body: describeUser(host, user) };
    },
  }),
  route({
    ...users,
    method: 'PATCH',
    path: '/users/{name}',
    summary: 'Change a user',
    description: 'Another password, another role or `disabled` end his sessions; `disabled` ends his tokens too.',
    params: userParamsSchema,
    body: userChangeSchema,
    response: userSchema,
    handler: async ({ host, caller, params, body }) => {
      const { role, password, disabled, totp } = body;
      const user = await changeUser(host, caller, params.name, {
        ...(role === undefined ? {} : { role }),
        ...(password === undefined ? {} : { password }),
        ...(disabled === undefined ? {} : { disabled }),
        ...(totp === undefined ? {} : { totp }),
      });
      return { body: describeUser(host, user) };
    },
  }),
  route({
    ...users,
    method: 'DELETE',
    path: '/users/{name}',
    summary: 'Remove a user',
    description: 'With his sessions and tokens.',
    params: userParamsSchema,
    handler: ({ host, caller, params }) => {
      removeUser(host, caller, params.name);
      return { body: undefined };
    },
  }),
  route({
    tag: 'tokens',
    access: 'self',
    method: 'GET',
    path: '/tokens',
    summary: 'API tokens: your own, or for an administrator all',
    response: tokensSchema,
    handler: ({ host, caller }) => {
      const all = caller.role === 'administrator';
      const items = host.people.tokens.list(all ? undefined : caller.user).map(describeToken);
      return { body: { items, next: null, total: items.length } };
    },
  }),
  route({
    tag: 'tokens',
    access: 'session',
    method: 'POST',
    path: '/tokens',
    summary: 'A new API token for yourself',
    body: newTokenSchema,
    response: madeTokenSchema,
    handler: ({ host: { people }, caller, body }) => {
      const now = Date.now();
      const { secret, info } = people.tokens.make(
        { user: caller.user, label: body.label, scopes: body.scopes, expires: now + (body.days ?? 90) * day },
        now,
      );
      people.record(caller, 'token', `token "${body.label}" (${body.scopes.join(', ')}) made`);
      return { status: 201, body: { ...describeToken(info), secret } };
    },
  }),
  route({
    tag: 'tokens',
    access: 'session',
    method: 'DELETE',
    path: '/tokens/{id}',
    summary: 'Withdraw an API token',
    params: tokenParamsSchema,
    handler: ({ host, caller, params }) => {
      const { id, user, label } = ownToken(host, caller, params.id);
      host.people.endToken(id);
      host.people.record(caller, 'token', `token "${label}" of ${user} deleted`);
      return { body: undefined };
    },
  }),
  route({
    tag: 'audit',
    access: 'read',
    method: 'GET',
    path: '/audit',
    summary: 'Who logged on, and who changed what',
    query: auditQuerySchema,
    response: auditSchema,
    handler: async ({ host, query }) => {
      const { limit = 100, cursor, from, to, ...filter } = query;
      const page = await host.history.audit(
        {
          ...filter,
          ...(from === undefined ? {} : { from: Date.parse(from) }),
          ...(to === undefined ? {} : { to: Date.parse(to) }),
        },
        { limit, ...(cursor === undefined ? {} : { cursor }) },
      );
      return { body: { items: page.items.map((row) => ({ ...row, time: iso(row.time) })), next: page.next } };
    },
  }),
];
