// Who asks, and what he may.

export type Role = 'administrator' | 'operator' | 'auditor';

/**
 * What a route asks for. `public`: nobody in particular; `self`: anybody who is logged on, for his own affairs; `read`: all
 * roles; `operate` (the queue): administrators and operators; `administer`: administrators.
 */
export type Access = 'public' | 'self' | 'read' | 'operate' | 'administer';

/** Who asks. */
export interface Caller {
  readonly user: string;
  readonly role: Role;
  /** How he proved it: a cookie of the web UI, or an API token. */
  readonly kind: 'session' | 'token';
  /** Of the session or token; never its secret. */
  readonly id: string;
  /** Client's address. */
  readonly address: string;
}
