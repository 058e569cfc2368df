// After a commit that changes TLS: the failures that follow, against those of the hour before and what was foretold.
import type { AdminHistory, AdminQueue } from '../admin/host.ts';
import type { Snapshot } from '../config/snapshot.ts';
import { messageOf } from '../errors.ts';
import { type EventSink, systemWarning } from '../ledger/events.ts';
import type { FailureRow } from '../ledger/protocol.ts';
import type { PreviewReport } from '../preview/report.ts';
import { type PreviewSettings, previewSettings } from '../preview/settings.ts';

const hour = 3600 * 1000;
/** So many failures more than in the hour before are no surprise yet. */
const tolerance = 5;
/** Nor is twice the rate of the hour before. */
const factor = 2;
/** Reasons of failures that are looked at, those of the last moments first. */
const mostRows = 1000;
const namedInAlert = 5;

const directions = ['incoming', 'outgoing'] as const;
type Direction = (typeof directions)[number];

export interface CommitWatchOptions {
  readonly history: AdminHistory;
  readonly queue: AdminQueue;
  readonly log: EventSink;
  /** For the forecast. */
  readonly preview: (running: PreviewSettings, candidate: PreviewSettings) => Promise<PreviewReport>;
}

interface Watched {
  readonly revision: number;
  readonly began: number;
  /** How long it is watched, ms. */
  readonly span: number;
  /** Failures of the days by then, by direction, peer and reason. */
  readonly known: ReadonlyMap<string, number>;
  /** Failed handshakes in the hour before. */
  readonly before: Readonly<Record<Direction, number>>;
  /** Addresses whose failing a preview foretells. */
  readonly foretold: ReadonlySet<string>;
  readonly told: Set<Direction>;
}

export class CommitWatch {
  readonly #options: CommitWatchOptions;
  #watched: Watched | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Of watches begun or stopped: who was overtaken while it waited gives up. */
  #generation = 0;

  constructor(options: CommitWatchOptions) {
    this.#options = options;
  }

  /** Begins where TLS changed; a watch of the commit before ends. Never rejects. */
  async begin(before: Snapshot, after: Snapshot): Promise<void> {
    const [running, candidate] = [previewSettings(before), previewSettings(after)];
    const tlsOf = ({ tls, exceptions, certificates }: PreviewSettings) =>
      JSON.stringify([tls, exceptions, certificates]);
    if (tlsOf(running) === tlsOf(candidate)) return;
    this.stop();
    const generation = this.#generation;
    const { log } = this.#options;
    try {
      const watched = await this.#prepare(running, candidate, after);
      if (generation !== this.#generation) return;
      this.#watched = watched;
      this.#arm();
    } catch (error) {
      if (generation !== this.#generation) return;
      log.record(systemWarning, `what follows revision ${after.revision} is not watched: ${messageOf(error)}`);
    }
  }

  stop(): void {
    this.#generation++;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#watched = null;
  }

  async #prepare(running: PreviewSettings, candidate: PreviewSettings, after: Snapshot): Promise<Watched> {
    const { history, preview } = this.#options;
    const began = Date.now();
    const { values } = await history.series({ from: began - hour, to: began, step: 'minute' });
    const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
    const rows = await history.failures({ from: began - 24 * hour, to: began, limit: mostRows });
    return {
      revision: after.revision,
      began,
      span: after.timeouts.commitWatch,
      known: new Map(rows.items.map((row) => [keyOf(row), row.count])),
      before: { incoming: sum(values.incomingTlsFailed), outgoing: sum(values.outgoingTlsFailed) },
      foretold: addressesOf(await preview(running, candidate)),
      told: new Set(),
    };
  }

  #arm(): void {
    const span = this.#watched?.span ?? hour;
    // Sixty looks, but not more than one a second.
    this.#timer = setTimeout(() => void this.#look(), Math.max(1000, span / 60));
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const watched = this.#watched;
    if (watched === null) return;
    try {
      await this.#compare(watched);
    } catch {
      // The next look sees as much.
    }
    if (this.#watched !== watched) return;
    if (Date.now() - watched.began >= watched.span) this.stop();
    else this.#arm();
  }

  async #compare(watched: Watched): Promise<void> {
    const now = Date.now();
    const { foretold } = watched;
    const { items } = await this.#options.history.failures({ from: watched.began, to: now, limit: mostRows });
    if (this.#watched !== watched) return;
    for (const direction of directions) {
      if (watched.told.has(direction)) continue;
      const fresh = items
        .filter((row) => row.direction === direction && row.last >= watched.began && !foretold.has(row.peer))
        .map((row) => ({ ...row, count: row.count - (watched.known.get(keyOf(row)) ?? 0) }))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count);
      const failures = fresh.reduce((total, { count }) => total + count, 0);
      const expected = (watched.before[direction] * (now - watched.began)) / hour;
      if (failures > tolerance + factor * expected) await this.#tell(watched, direction, failures, fresh);
    }
  }

  async #tell(watched: Watched, direction: Direction, failures: number, rows: readonly FailureRow[]): Promise<void> {
    watched.told.add(direction);
    const { revision, began, before } = watched;
    const title = `TLS failures that nobody foretold since revision ${revision}`;
    const minutes = Math.max(1, Math.round((Date.now() - began) / 60_000));
    const what = `${failures} ${direction} TLS handshakes have failed in ${minutes} min, ${before[direction]} in the hour before`;
    const who = rows
      .slice(0, namedInAlert)
      .map(({ peer, name, count, detail }) => `${name === null ? peer : `${name} (${peer})`}: ${count}, ${detail}`);
    this.#options.log.record(systemWarning, `Alert: ${title}: ${what}; most: ${who.join('; ')}`);
    await this.#options.queue.notify({
      title,
      text: [
        `${what}. Failures that the preview foretold are not among them.`,
        '',
        ...who,
        '',
        'More: "Failures" in the web UI, or the mail log ("TLS failed", "TLS explanation").',
        'To go back: "rollbackconfig" and "commit" in the shell, or the configuration history of the web UI.',
        'There is one such alert for each direction and commit.',
      ],
    });
  }
}

function keyOf({ direction, peer, detail }: FailureRow): string {
  return `${direction} ${peer} ${detail}`;
}

function addressesOf({ targets, outgoing }: PreviewReport): ReadonlySet<string> {
  const incoming = targets.flatMap(({ groups }) =>
    groups.filter(({ change }) => change === 'breaks').flatMap(({ named }) => named),
  );
  const breaking = outgoing.named.filter(({ verdict }) => verdict === 'breaks');
  return new Set([...incoming, ...breaking].map(({ address }) => address));
}
