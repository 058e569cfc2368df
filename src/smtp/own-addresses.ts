// Addresses whose mail the gateway reads itself: they are taken from anybody, and lead nowhere else.
import type { Snapshot } from '../config/snapshot.ts';
import { comparable } from './address.ts';

type Settings = Pick<Snapshot, 'tlsReports'>;

const known = new WeakMap<Settings['tlsReports'], ReadonlySet<string>>();

export function isOwnAddress(address: string, { tlsReports }: Settings): boolean {
  if (tlsReports.receive.length === 0) return false;
  let own = known.get(tlsReports);
  if (own === undefined) {
    own = new Set(tlsReports.receive.map(comparable));
    known.set(tlsReports, own);
  }
  return own.has(comparable(address));
}
