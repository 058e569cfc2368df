// An administrator's candidate, changed through any face: the same operations, the same trail.
import { differenceLines } from '../../config/difference.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import type { Imported } from '../../config/store.ts';
import { audit } from '../../ledger/events.ts';
import type { Actor, AdminHost } from '../host.ts';

/** Characters of the changes in an entry of the audit trail. */
const longestDetail = 1000;

/** What the user's candidate lacks or has more than before stands in the audit trail; nothing where nothing changed. */
async function recorded<T>(host: AdminHost, actor: Actor, action: string, work: () => Promise<T>): Promise<T> {
  const before = host.config.candidate(actor.user).config;
  const result = await work();
  const after = host.config.candidate(actor.user).config;
  const lines = before === after ? [] : differenceLines(before, after);
  if (lines.length > 0) record(host, actor, action, lines.join('; '));
  return result;
}

function record(host: AdminHost, { user, role, address, face }: Actor, action: string, detail: string): void {
  const shown = detail.length > longestDetail ? `${detail.slice(0, longestDetail - 3)}...` : detail;
  host.log.record(audit, user, role, address, face, action, shown);
}

/** As `ConfigStore.edit`. */
export function editCandidate(
  host: AdminHost,
  actor: Actor,
  change: (config: GatewayConfig) => GatewayConfig,
): Promise<string[]> {
  return recorded(host, actor, 'edit', () => host.config.edit(actor.user, change));
}

/** As `ConfigStore.importText`. */
export function importCandidate(host: AdminHost, actor: Actor, text: string, source?: string): Promise<Imported> {
  return recorded(host, actor, 'import', () => host.config.importText(actor.user, text, source));
}

/** As `ConfigStore.rollback`. */
export function rollbackCandidate(host: AdminHost, actor: Actor, number: number): Promise<string[]> {
  return recorded(host, actor, 'rollback', () => host.config.rollback(actor.user, number));
}

/** As `ConfigStore.resolve`. */
export function resolveCandidate(host: AdminHost, actor: Actor, keep: 'mine' | 'theirs'): Promise<string[]> {
  return recorded(host, actor, 'resolve', () => host.config.resolve(actor.user, keep));
}

/** As `ConfigStore.clear`. */
export function clearCandidate(host: AdminHost, actor: Actor): Promise<void> {
  return recorded(host, actor, 'clear', () => host.config.clear(actor.user));
}
