// Who is logged on. Without a session the logon page takes the place of every page, and the page asked for comes after it.
import { useQuery } from '@tanstack/react-query';
import { createContext, use } from 'react';
import type { Login, Session } from '../../../src/admin/api/schemas/session.ts';
import { request, setCsrfToken, whenUnauthorized } from './client.ts';
import { hasCode } from './problem.ts';
import { queryClient } from './queries.ts';

export type { Session };
export type Role = Session['role'];

const sessionKey = ['session'];

/** Null: nobody is logged on. */
async function readSession(): Promise<Session | null> {
  try {
    const session = await request<Session>('GET', '/session');
    setCsrfToken(session.csrf);
    return session;
  } catch (error) {
    if (hasCode(error, 'unauthorized')) return null;
    throw error;
  }
}

/** Forgets whatever was shown to the one who was logged on. */
function ended(): void {
  if (queryClient.getQueryData(sessionKey) === null) return;
  setCsrfToken(null);
  queryClient.setQueryData(sessionKey, null);
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== sessionKey[0] });
}

whenUnauthorized(ended);

export function useSessionQuery() {
  return useQuery({ queryKey: sessionKey, queryFn: readSession, staleTime: 60_000 });
}

/** From whoever asked whether there is one: a page that ends with its session must not be drawn once more without it. */
export const SessionContext = createContext<Session | null>(null);

/** The session, on pages that exist only with one. */
export function useSession(): Session {
  const session = use(SessionContext);
  if (session === null) throw new Error('useSession without a session');
  return session;
}

/** What the role allows; the gateway decides, this only spares people refusals. */
export function useRights(): { readonly configuration: boolean; readonly queue: boolean; readonly users: boolean } {
  const { role } = useSession();
  return {
    configuration: role === 'administrator',
    queue: role !== 'auditor',
    users: role === 'administrator',
  };
}

/** The session as the gateway tells it now: after a logon, or a change of one's own account. */
export async function refreshSession(): Promise<void> {
  queryClient.setQueryData(sessionKey, await readSession());
}

export async function logOn(login: Login): Promise<void> {
  await request('POST', '/login', { body: login });
  await refreshSession();
}

export async function logOff(): Promise<void> {
  await request('POST', '/logout');
  ended();
}

/** Asks whether the session still holds; the logon page appears where it does not. */
export async function checkSession(): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: sessionKey });
}
