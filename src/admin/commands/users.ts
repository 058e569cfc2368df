// Users: the operations behind `userconfig` and behind the API, each with its entry in the audit trail.
import type { Role } from '../auth/access.ts';
import type { UserInfo } from '../auth/users.ts';
import type { Actor, AdminHost } from '../host.ts';

export interface NewUser {
  readonly name: string;
  readonly role: Role;
  readonly password: string;
}

export interface UserChange {
  readonly role?: Role;
  readonly password?: string;
  readonly disabled?: boolean;
  /** Takes the second factor away. */
  readonly totp?: false;
}

export async function addUser({ people }: AdminHost, actor: Actor, wish: NewUser): Promise<UserInfo> {
  const user = await people.users.add(wish.name, wish.role, wish.password, Date.now());
  people.record(actor, 'user', `user ${user.name} (${user.role}) added`);
  return user;
}

/** What a user had before must not outlive what was taken from him: his sessions end. */
export async function changeUser(
  { people }: AdminHost,
  actor: Actor,
  name: string,
  change: UserChange,
): Promise<UserInfo> {
  const before = people.users.get(name);
  const { role, password, disabled, totp } = change;
  const after = people.users.change(before.name, {
    ...(role === undefined ? {} : { role }),
    ...(disabled === undefined ? {} : { disabled }),
  });
  if (password !== undefined) await people.users.setPassword(before.name, password);
  if (totp === false) people.users.removeTotp(before.name);
  const did = [
    ...(after.role === before.role ? [] : [`role ${after.role}`]),
    ...(after.disabled === before.disabled ? [] : [after.disabled ? 'disabled' : 'enabled']),
    ...(password === undefined ? [] : ['new password']),
    ...(totp === false && before.totp ? ['second factor removed'] : []),
  ];
  if (did.length === 0) return after;
  if (!(did.length === 1 && did[0] === 'enabled')) people.endAll(before.name, { tokens: after.disabled });
  people.record(actor, 'user', `user ${before.name}: ${did.join(', ')}`);
  return people.users.get(before.name);
}

export function removeUser({ people }: AdminHost, actor: Actor, name: string): void {
  const user = people.users.get(name);
  people.users.remove(user.name);
  people.endAll(user.name, { tokens: true });
  people.record(actor, 'user', `user ${user.name} removed`);
}
