// During a roll-out: what the peers outside the share have. Without the schema, as every thread looks at it.
import type { FormerSettings, Snapshot } from './snapshot.ts';

/** What of a snapshot may be one thing for the share and another for the others. */
export function formerSettings(snapshot: Snapshot): FormerSettings {
  const { revision, tls, listeners, gui, certificates, destinations, exceptions } = snapshot;
  return { revision, tls, listeners, gui, certificates, destinations, exceptions };
}

/** The snapshot as the peers outside the share see it; null: there is no roll-out. */
export function formerSnapshot(snapshot: Snapshot): Snapshot | null {
  if (snapshot.rollOut === null) return null;
  let former = formers.get(snapshot);
  if (former === undefined) {
    former = { ...snapshot, ...snapshot.rollOut.former, rollOut: null };
    formers.set(snapshot, former);
  }
  return former;
}
const formers = new WeakMap<Snapshot, Snapshot>();
