// An entry of the destination controls: which settings mean something at its level.
import type { TableValue } from '../../../../src/admin/api/schemas/tables.ts';

export type Destination = TableValue<'destinations'>;
type Level = Destination['tls'];

export const destinationLevels = [
  'none',
  'preferred',
  'preferred-verify',
  'required',
  'required-verify',
  'dane',
  'dane-only',
] as const satisfies readonly Level[];

/** The level verifies certificates by names of the entry. */
export const verifies = (level: Level): boolean => level === 'preferred-verify' || level === 'required-verify';

/** A certificate may have to come from an authority: by the level, by MTA-STS, by what a sender or a message demands. */
export const asksAuthorities = (level: Level): boolean => level !== 'none' && level !== 'dane-only';

/** The entry with a key set, or without it. */
export function withKey<Key extends keyof Destination>(
  value: Destination,
  key: Key,
  set: Destination[Key] | undefined,
): Destination {
  const { [key]: _, ...rest } = value;
  return (set === undefined ? rest : { ...rest, [key]: set }) as Destination;
}
