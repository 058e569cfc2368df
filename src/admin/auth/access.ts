// Who asks, and what he may.

export const roles = ['administrator', 'operator', 'auditor'] as const;
export type Role = (typeof roles)[number];

/** What an API token may, never more than its user. */
export const scopes = ['read', 'queue', 'configuration', 'users'] as const;
export type Scope = (typeof scopes)[number];

/**
 * What a route asks for. `public`: nobody in particular; `self`: anybody who is logged on, for his own affairs (`session`: not
 * with a token); `read`: all roles; `operate` (the queue): administrators and operators; `administer` (the configuration) and
 * `users`: administrators.
 */
export type Access = 'public' | 'self' | 'session' | 'read' | 'operate' | 'administer' | 'users';

/** Who asks. */
export interface Caller {
  readonly user: string;
  readonly role: Role;
  /** How he proved it: a cookie of the web UI, or an API token. */
  readonly kind: 'session' | 'token';
  /** Of the session or token; never its secret. */
  readonly id: string;
  /** The client's address. */
  readonly address: string;
  /** Of the token; a session may all that the role may. */
  readonly scopes: readonly Scope[] | null;
}

interface Needed {
  readonly roles: readonly Role[];
  readonly scope: Scope;
}

const needed: Readonly<Record<Exclude<Access, 'public' | 'self' | 'session'>, Needed>> = {
  read: { roles, scope: 'read' },
  operate: { roles: ['administrator', 'operator'], scope: 'queue' },
  administer: { roles: ['administrator'], scope: 'configuration' },
  users: { roles: ['administrator'], scope: 'users' },
};

/** Why the caller may not; null: he may. */
export function refusal(access: Access, caller: Caller): string | null {
  if (access === 'public' || access === 'self') return null;
  if (access === 'session') return caller.kind === 'session' ? null : 'this takes a logon, not a token';
  const { roles: allowed, scope } = needed[access];
  if (!allowed.includes(caller.role)) return `the role ${caller.role} may not do this`;
  if (caller.scopes !== null && !caller.scopes.includes(scope)) return `the token has no scope "${scope}"`;
  return null;
}
