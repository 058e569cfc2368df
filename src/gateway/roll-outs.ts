// A change of TLS that is rolled out: looked at once a second, against what was foretold and against the others; then it goes to all,
// or is taken back.
import { join } from 'node:path';
import type { Actor, AdminHistory, AdminQueue, RollOutView } from '../admin/host.ts';
import { writeDurably } from '../config/durable.ts';
import { formerSettings } from '../config/former.ts';
import { readRecord } from '../config/record-file.ts';
import type { RollOut } from '../config/rollout.ts';
import { Share } from '../config/share.ts';
import type { Snapshot } from '../config/snapshot.ts';
import type { Author, ConfigApply, ConfigStore } from '../config/store.ts';
import { messageOf, PosternError } from '../errors.ts';
import { auditOnly, commitChanges, type EventSink, systemNotice, systemWarning } from '../ledger/events.ts';
import type { RollOutPeer } from '../ledger/protocol.ts';
import { networkOf } from '../network.ts';
import { failureKey, RollOutJudge } from './roll-out-judge.ts';
import { type FailingPeer, peerKey, RollOutProgress } from './roll-out-progress.ts';

const pollEvery = 1000;
/** What a crash may cost of the figures; a peer that fails is kept at once. */
const saveEvery = 10_000;
const week = 7 * 24 * 3600 * 1000;
const pageOfFailures = 1000;
const mostFailures = 20_000;
/** Replays in one look; 1 ms each. */
const mostJudged = 100;
const mostPending = 1000;
const namedInAlert = 5;
const shownFailing = 100;

export interface RollOutsOptions {
  readonly dataDirectory: string;
  readonly store: ConfigStore;
  readonly apply: ConfigApply;
  readonly log: EventSink;
  readonly queue: AdminQueue;
  readonly history: AdminHistory;
  /** It has gone to all. */
  readonly completed: (before: Snapshot, after: Snapshot) => void;
}

/** One that is being looked at. */
interface Running {
  readonly rollOut: RollOut;
  /** What `judge` was made for. */
  readonly snapshot: Snapshot;
  readonly known: ReadonlySet<string>;
  readonly progress: RollOutProgress;
  readonly judge: RollOutJudge;
  /** Failures that are still to be judged, or again. */
  readonly pending: Map<string, RollOutPeer>;
}

export class RollOuts {
  readonly #options: RollOutsOptions;
  readonly #file: string;
  #running: Running | null = null;
  /** The last one, running or not. */
  #progress: RollOutProgress | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** One thing after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #savedAt = 0;
  #warned = '';

  /** Goes on with one that was running. */
  constructor(options: RollOutsOptions) {
    this.#options = options;
    this.#file = join(options.dataDirectory, 'config', 'rollout-progress.json');
    this.#soon(() => this.#resume());
  }

  /** A commit with a share was made: from now on `view` tells of it. */
  begun(): void {
    const { store } = this.#options;
    const rollOut = store.rollOut();
    const { rollOut: sides } = store.current();
    if (rollOut !== null && sides !== null) this.#announce(rollOut, sides.services);
    this.#soon(() => this.#begin());
  }

  /** The one that runs, else the last one; null: there was none. */
  view(): RollOutView | null {
    const progress = this.#progress;
    if (progress === null) return null;
    const { about, services, foretold, points, failing, lost } = progress;
    const { revision, share, since, until, bound, user, replaces, confirmWithin } = about;
    return {
      ...{ revision, replaces, share, since, until, bound, user, confirmWithin, services, foretold, lost },
      ...progress.state,
      ...progress.judge(),
      inside: progress.side('inside'),
      outside: progress.side('outside'),
      failing: failing.slice(0, shownFailing),
      points,
    };
  }

  /** Ends it on purpose. The new revision where it is taken back. Throws `not-found`, and as a commit does. */
  async end(actor: Actor, how: 'all' | 'back'): Promise<number | null> {
    const { store, log } = this.#options;
    const rollOut = store.rollOut();
    if (rollOut === null) throw nothingRolledOut();
    const { user, role, address, face } = actor;
    // Behind a look that is under way, which may end it.
    const ended = await this.#inTurn(() => (how === 'all' ? this.#complete(user) : this.#takeBack(user, null)));
    if (ended === null) throw nothingRolledOut();
    const action = how === 'all' ? 'roll out' : 'take back';
    log.record(auditOnly, user, role, address, face, action, `revision ${rollOut.revision}`);
    return ended.revision;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined); // its caller hears of it; the next in line must not
    return result;
  }

  /** What is thrown is told. */
  #soon(work: () => Promise<void>): void {
    const told = this.#inTurn(async () => {
      if (!this.#stopped) await work();
    }).then(
      () => {
        this.#warned = '';
      },
      (error: unknown) => {
        // Each look finds the same obstacle; the log is told once.
        const warning = `the roll-out does not go on: ${messageOf(error)}`;
        if (warning !== this.#warned) this.#options.log.record(systemWarning, warning);
        this.#warned = warning;
      },
    );
    void told.then(() => this.#arm());
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#stopped || this.#options.store.rollOut() === null) return;
    this.#timer = setTimeout(() => this.#soon(() => this.#look()), pollEvery);
    this.#timer.unref();
  }

  async #resume(): Promise<void> {
    const saved = await readRecord(this.#file, (value): value is unknown => value !== undefined).catch(() => null);
    const { store, log } = this.#options;
    this.#progress = RollOutProgress.restore(saved);
    const rollOut = store.rollOut();
    if (rollOut !== null) {
      if (this.#progress?.state.revision === rollOut.revision) {
        log.record(systemNotice, `the roll-out of revision ${rollOut.revision} goes on`);
      }
      await this.#begin();
    } else if (this.#progress?.state.state === 'running') {
      // The crash came between its end and the note of it.
      const revision = store.committed().number;
      const state = revision === this.#progress.state.revision ? 'completed' : 'taken-back';
      this.#progress.state = { ...this.#progress.state, state, ended: Date.now() };
    }
  }

  async #begin(): Promise<void> {
    const { store } = this.#options;
    const rollOut = store.rollOut();
    const snapshot = await store.snapshot();
    const { rollOut: sides } = snapshot;
    if (rollOut === null || sides === null) return;
    const known = await this.#knownFailures(rollOut);
    const progress = this.#announce(rollOut, sides.services);
    const judge = judgeOf(rollOut, snapshot, known);
    this.#running = { rollOut, snapshot, known, progress, judge, pending: new Map() };
    await this.#save(true);
    await this.#look();
  }

  /** The figures of the roll-out, which begin with it. */
  #announce(rollOut: RollOut, services: readonly string[]): RollOutProgress {
    if (this.#progress !== null && this.#progress.state.revision === rollOut.revision) return this.#progress;
    const share = new Share(rollOut);
    const foretold = new Set(rollOut.foretold.incoming.filter((peer) => share.holds(addressIn(peer))).map(networkIn));
    this.#options.log.record(systemNotice, beginText(rollOut, services, foretold.size));
    this.#progress = RollOutProgress.begin(rollOut, services, foretold.size);
    return this.#progress;
  }

  /** Of the week before: who failed in a way then is no surprise when he does so again. */
  async #knownFailures({ since }: RollOut): Promise<ReadonlySet<string>> {
    const known = new Set<string>();
    const services = { incoming: 'inbound', web: 'gui', outgoing: 'outbound' } as const;
    let cursor: string | undefined;
    try {
      do {
        const request = { from: since - week, to: since, limit: pageOfFailures };
        const page = await this.#options.history.failures(cursor === undefined ? request : { ...request, cursor });
        for (const { direction, peer, detail } of page.items) known.add(failureKey(services[direction], peer, detail));
        cursor = page.next ?? undefined;
      } while (cursor !== undefined && known.size < mostFailures);
    } catch {
      // Without a history every failure is news.
    }
    return known;
  }

  async #look(): Promise<void> {
    const running = this.#running;
    const { store, history } = this.#options;
    const rollOut = store.rollOut();
    if (running === null || rollOut?.revision !== running.rollOut.revision) {
      if (rollOut !== null) await this.#begin();
      return;
    }
    const { peers, lost } = await history.takeRollOut();
    const news = await this.#count(this.#refreshed(running), peers, lost);
    const now = Date.now();
    if (running.progress.mark(now) || news) await this.#save(news);
    if (running.progress.judge().excess >= rollOut.bound + 1) await this.#takeBack(null, reasonOf(running.progress));
    else if (rollOut.until <= now) await this.#complete(null);
  }

  /** Files were replaced or exceptions have ended meanwhile. */
  #refreshed(running: Running): Running {
    const snapshot = this.#options.store.current();
    if (snapshot === running.snapshot) return running;
    const { rollOut, known } = running;
    this.#running = { ...running, snapshot, judge: judgeOf(rollOut, snapshot, known) };
    return this.#running;
  }

  /** True: somebody fails of whom that was not known. */
  async #count({ progress, judge, pending }: Running, peers: readonly RollOutPeer[], lost: number): Promise<boolean> {
    progress.lost += lost;
    for (const peer of peers) {
      const key = peerKey(peer);
      const known = progress.add(peer);
      if (peer.run === 0) pending.delete(key);
      if (known === null || known.fate === 'refused' || known.fate === 'foretold') continue;
      if (pending.has(key) || pending.size < mostPending) pending.set(key, peer);
    }
    let news = false;
    const now = Date.now();
    for (const [key, peer] of [...pending].slice(0, mostJudged)) {
      const fate = await judge.judge(peer, progress.find(peer)?.run ?? peer.run, now);
      // A host that is tried once more is judged again by itself, anybody else when he fails again.
      if (fate !== 'pending' || peer.service !== 'outbound') pending.delete(key);
      if (progress.judged(peer, fate)) news = true;
    }
    return news;
  }

  /** `user`: who wants it so; null: its time is over. Null: nothing is rolled out any more. */
  async #complete(user: string | null): Promise<{ readonly revision: number | null } | null> {
    const { store, apply, log, completed } = this.#options;
    const before = store.current();
    const end = await store.completeRollOut(apply, user === null ? Date.now() : undefined);
    if (end === null) return null;
    const { rollOut, problem } = end;
    const { inside } = this.#ended('completed', user, null);
    const failing = `${inside.failing} of ${inside.peers} peers in the share failed`;
    log.record(systemNotice, `revision ${rollOut.revision} goes to all peers${by(user)}; ${failing}`);
    if (problem !== null) log.record(systemWarning, problem);
    await this.#saveOrWarn();
    if (before.rollOut !== null) completed({ ...before, ...before.rollOut.former, rollOut: null }, store.current());
    return { revision: null };
  }

  /** `reason`: null where somebody wants it so. */
  async #takeBack(user: string | null, reason: string | null): Promise<{ readonly revision: number | null } | null> {
    const { store, apply, log, queue } = this.#options;
    const author = ({ revision, share }: RollOut): Author => ({
      user: user ?? 'postern',
      comment: `Taken back: revision ${revision}, which was rolled out to ${share} % of the peers`,
    });
    const rollOut = store.rollOut();
    const committed = await store.takeBackRollOut(author, apply);
    if (rollOut === null || committed === null) return null;
    this.#ended('taken-back', user, reason);
    const { comment } = author(rollOut);
    log.record(commitChanges, process.pid, user ?? 'postern', comment);
    const title = `Revision ${rollOut.revision} is taken back from ${rollOut.share} % of the peers`;
    const back = `revision ${committed.number} has the former settings`;
    if (reason === null) log.record(systemNotice, `${title}${by(user)}; ${back}`);
    else {
      log.record(auditOnly, 'postern', 'administrator', '', 'gateway', 'commit', comment);
      log.record(systemWarning, `Alert: ${title}: ${reason}; ${back}`);
      const text = [
        `${reason}.`,
        '',
        ...(this.#progress?.unforeseen ?? []).slice(0, 4 * namedInAlert).map(peerText),
        '',
        `Revision ${committed.number} has the former settings, for everybody.`,
        'To try again: keep these peers by an exception ("exceptionconfig"), or tolerate so many by the bound of the roll-out.',
      ];
      await queue.notify({ title, text }).catch((error: unknown) => {
        log.record(systemWarning, `the alert could not be handed over: ${messageOf(error)}`);
      });
    }
    if (committed.problem !== null) log.record(systemWarning, committed.problem);
    await this.#saveOrWarn();
    return { revision: committed.number };
  }

  #ended(state: 'completed' | 'taken-back', endedBy: string | null, reason: string | null) {
    const progress = this.#progress;
    this.#running = null;
    if (progress === null) return { inside: { failing: 0, peers: 0 } };
    const ended = Date.now();
    progress.state = { ...progress.state, state, ended, endedBy, reason };
    progress.mark(ended);
    return { inside: progress.side('inside') };
  }

  /** After its end nothing may turn that into a failure. */
  async #saveOrWarn(): Promise<void> {
    try {
      await this.#save(true);
    } catch (error) {
      this.#options.log.record(systemWarning, `the figures of the roll-out cannot be kept: ${messageOf(error)}`);
    }
  }

  async #save(now: boolean): Promise<void> {
    if (this.#progress === null || (!now && Date.now() - this.#savedAt < saveEvery)) return;
    this.#savedAt = Date.now();
    await writeDurably(this.#file, `${JSON.stringify(this.#progress.save())}\n`);
  }
}

function judgeOf(rollOut: RollOut, snapshot: Snapshot, known: ReadonlySet<string>): RollOutJudge {
  const next = formerSettings(snapshot);
  return new RollOutJudge(rollOut, { former: snapshot.rollOut?.former ?? next, next }, known);
}

function nothingRolledOut(): PosternError {
  return new PosternError('not-found', 'nothing is being rolled out', {
    remedy: 'it went to all or was taken back meanwhile; the history tells',
  });
}

function by(user: string | null): string {
  return user === null ? '' : ` by ${user}`;
}

function beginText({ revision, share, until, bound }: RollOut, services: readonly string[], foretold: number): string {
  return (
    `revision ${revision} is rolled out to ${share} % of the peers (${services.join(', ')}) until ${new Date(until).toISOString()}; ` +
    `${foretold} peers in the share are foretold to fail; more than ${bound} others that do take it back`
  );
}

/** One sentence without its full stop. */
function reasonOf(progress: RollOutProgress): string {
  const { unforeseen, expected } = progress.judge();
  const named = progress.unforeseen.slice(0, namedInAlert);
  // Most often for one reason, which need not be said of each.
  const [why, ...others] = new Set(named.map(whyText));
  const who = others.length === 0 ? `${named.map(nameText).join(', ')}: ${why ?? ''}` : named.map(peerText).join('; ');
  const more = progress.unforeseen.length > namedInAlert ? '; and others' : '';
  const rate = expected > 0 ? ` (${expected.toFixed(1)} by the rate of the others)` : '';
  return `${unforeseen} ${unforeseen === 1 ? 'peer fails' : 'peers fail'} that nobody foretold${rate}: ${who}${more}`;
}

function peerText(peer: FailingPeer): string {
  return `${nameText(peer)}: ${whyText(peer)}${peer.count > 1 ? ` (${peer.count} times)` : ''}`;
}

function nameText({ name, address, service }: FailingPeer): string {
  const who = name === '' ? address : `${name} (${address})`;
  return `${who}${service === 'outbound' ? ', outgoing' : service === 'gui' ? ', web UI' : ''}`;
}

function whyText({ detail, explanation }: FailingPeer): string {
  return (explanation ?? detail).replace(/\.$/, '');
}

/** Of what a preview names: an address, or a network in its place. */
function addressIn(peer: string): string {
  const slash = peer.indexOf('/');
  return slash < 0 ? peer : peer.slice(0, slash);
}

function networkIn(peer: string): string {
  return networkOf(addressIn(peer));
}
