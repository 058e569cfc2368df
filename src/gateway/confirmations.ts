// Commits that must be confirmed: who may confirm, from where, and what happens when nobody does in time.
import type { Actor } from '../admin/host.ts';
import type { Waiting } from '../config/confirmation.ts';
import type { Author, Committed, ConfigApply, ConfigStore, TakenBack } from '../config/store.ts';
import { messageOf, PosternError } from '../errors.ts';
import { auditOnly, commitChanges, type EventSink, systemNotice, systemWarning } from '../ledger/events.ts';

/** Longest time that a timer can wait, ms; then it is set again. */
const longestTimer = 2 ** 31 - 1;
/** Where the former settings could not be brought back, it is tried again after this, ms. */
const retryAfter = 10_000;

export class Confirmations {
  readonly #store: ConfigStore;
  readonly #apply: ConfigApply;
  readonly #log: EventSink;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  /** The last warning: each try finds the same obstacle; the log is told once. */
  #warned = '';
  /** As `performance.now()`: connections from before this are old ones. */
  #since = 0;

  constructor(store: ConfigStore, apply: ConfigApply, log: EventSink) {
    this.#store = store;
    this.#apply = apply;
    this.#log = log;
    this.#arm();
  }

  /** A commit that must be confirmed was made. */
  begun(): void {
    this.#since = performance.now();
    const waiting = this.#store.waiting();
    if (waiting !== null) this.#log.record(systemNotice, `${waitingText(waiting)}; else what it changed is taken back`);
    this.#arm();
  }

  /** Throws `not-found` where nothing waits, `old-connection` where the actor's connection is older than the commit. */
  async confirm({ user, role, address, face, connected }: Actor): Promise<Waiting> {
    if (this.#store.waiting() === null) throw nothingWaits();
    if (connected <= this.#since) {
      throw new PosternError('old-connection', 'this connection is older than the commit: it proves nothing', {
        remedy: 'confirm through a new connection: log on anew, or open another shell',
      });
    }
    const waiting = await this.#store.confirm();
    if (waiting === null) throw nothingWaits();
    this.#arm();
    const names = revisionNames(waiting);
    this.#log.record(systemNotice, `${names} confirmed by ${user}`);
    this.#log.record(auditOnly, user, role, address, face, 'confirm', names);
    return waiting;
  }

  /** At once, on purpose. Throws `not-found`, and what `ConfigStore.takeBack` throws. */
  async takeBack({ user, role, address, face }: Actor): Promise<Committed | null> {
    const author = (waiting: Waiting): Author => ({
      user,
      comment: `Taken back before it was confirmed: ${revisionNames(waiting)}`,
    });
    const taken = await this.#store.takeBack(author, this.#apply);
    this.#arm();
    if (taken === null) throw nothingWaits();
    const { waiting, committed } = taken;
    if (committed !== null) this.#log.record(commitChanges, process.pid, user, author(waiting).comment);
    this.#log.record(auditOnly, user, role, address, face, 'take back', revisionNames(waiting));
    return committed;
  }

  stop(): void {
    this.#stopped = true;
    this.#disarm();
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(delay?: number): void {
    this.#disarm();
    if (this.#stopped) return;
    const waiting = this.#store.waiting();
    if (waiting === null) return;
    const left = delay ?? Math.max(0, waiting.until - Date.now());
    this.#timer = setTimeout(() => void this.#over(), Math.min(left, longestTimer));
    this.#timer.unref();
  }

  /** Never rejects. */
  async #over(): Promise<void> {
    const waiting = this.#store.waiting();
    if (waiting === null || waiting.until > Date.now()) {
      this.#arm();
      return;
    }
    try {
      const taken = await this.#store.takeBack(unconfirmed, this.#apply, Date.now());
      if (taken !== null) tellTakenBack(this.#log, taken);
      this.#warned = '';
      this.#arm();
    } catch (error) {
      const warning = `${revisionNames(waiting)} cannot be taken back yet: ${messageOf(error)}`;
      if (warning !== this.#warned) this.#log.record(systemWarning, warning);
      this.#warned = warning;
      this.#arm(retryAfter);
    }
  }
}

/**
 * Before anything runs: what was not confirmed in time, while the gateway was down, does not come into force again. Where it cannot
 * be taken back the gateway starts with it all the same; `Confirmations` tries again at once, and says why.
 */
export async function takeBackAtStart(store: ConfigStore): Promise<((log: EventSink) => void) | null> {
  const waiting = store.waiting();
  if (waiting === null || waiting.until > Date.now()) return null;
  const nobody: ConfigApply = { prepare: async () => {}, activate: async () => {}, abandon: () => {} };
  try {
    const taken = await store.takeBack(unconfirmed, nobody);
    return taken === null ? null : (log) => tellTakenBack(log, taken);
  } catch {
    return null;
  }
}

function tellTakenBack(log: EventSink, { waiting, committed }: TakenBack): void {
  const names = revisionNames(waiting);
  const { user, comment } = unconfirmed(waiting);
  if (committed === null) {
    log.record(systemWarning, `${names}: not confirmed in time; nothing of it was left to take back`);
    return;
  }
  log.record(systemWarning, `${names}: not confirmed in time; revision ${committed.number} has the former settings`);
  log.record(commitChanges, process.pid, user, comment);
  log.record(auditOnly, user, 'administrator', '', 'gateway', 'commit', comment);
}

function unconfirmed(waiting: Waiting): Author {
  return { user: 'postern', comment: `Taken back: ${revisionNames(waiting)} was not confirmed in time` };
}

export function revisionNames({ revisions }: Waiting): string {
  return `${revisions.length === 1 ? 'revision' : 'revisions'} ${revisions.join(', ')}`;
}

/** One sentence without its full stop. */
function waitingText(waiting: Waiting): string {
  return `${revisionNames(waiting)} must be confirmed by ${new Date(waiting.until).toISOString()}`;
}

function nothingWaits(): PosternError {
  return new PosternError('not-found', 'nothing waits for a confirmation', {
    remedy: 'it was confirmed or taken back meanwhile; the history tells',
  });
}
