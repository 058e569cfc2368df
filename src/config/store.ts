// The configuration's life: revisions, a candidate per administrator, commit in three steps (prepare, store, activate).

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { messageOf, PosternError } from '../errors.ts';
import { type Candidate, CandidateFiles } from './candidates.ts';
import { type Compiled, withoutEnded } from './compile.ts';
import { SnapshotCompiler, withFormer } from './compiler.ts';
import { openConfirmation, type Waiting } from './confirmation.ts';
import { differenceLines } from './difference.ts';
import { conflictError, Drafts, freeze, mergeCandidate } from './drafts.ts';
import { same } from './elements.ts';
import { firstRevision } from './first-revision.ts';
import { type ConfigApply, Handover } from './handover.ts';
import { changedFiles, type FileStamp } from './material.ts';
import { mergeConfigs } from './merge.ts';
import type { RecordFile } from './record-file.ts';
import { RevisionFiles, type RevisionInfo } from './revisions.ts';
import { checkRollOut, openRollOut, type RollOut } from './rollout.ts';
import type { GatewayConfig } from './schema.ts';
import type { Snapshot } from './snapshot.ts';
import type {
  Author,
  CommitOptions,
  Committed,
  Imported,
  ReloadReason,
  Revision,
  RollOutEnd,
  StoreOptions,
  TakenBack,
} from './store-types.ts';
import { requireValid } from './validate.ts';
import { printConfig, readConfigWithPlaces } from './yaml.ts';

export type { ConfigApply } from './handover.ts';
export type * from './store-types.ts';

interface Parts {
  readonly revisions: RevisionFiles;
  readonly candidates: CandidateFiles;
  readonly confirmation: RecordFile<Waiting>;
  readonly rollOut: RecordFile<RollOut>;
  readonly present: Revision;
}

const keptRevisions = 1000;

export class ConfigStore {
  /** What an administrator should hear about the data directory: damaged files, an ignored `initial`. */
  readonly warnings: string[] = [];
  /** What the upgrade of `initial` changed. */
  readonly changes: string[] = [];
  readonly #now: () => number;
  readonly #handover: Handover;
  readonly #revisions: RevisionFiles;
  readonly #drafts: Drafts;
  readonly #confirmation: RecordFile<Waiting>;
  readonly #rollOut: RecordFile<RollOut>;
  readonly #compiler: SnapshotCompiler;
  #present: Revision;
  #snapshot: Snapshot | null = null;
  #stamps: readonly FileStamp[] = [];
  /** Everything that changes something waits for its turn here. */
  #turn: Promise<unknown> = Promise.resolve();
  readonly #watchers = new Set<() => void>();

  private constructor(directory: string, options: StoreOptions, parts: Parts) {
    this.#now = options.now ?? Date.now;
    this.#compiler = new SnapshotCompiler(directory, this.#now, options.demo ?? null);
    this.#handover = new Handover(options.deadline ?? 15_000, this.warnings);
    this.#revisions = parts.revisions;
    this.#drafts = new Drafts(parts.candidates, directory, this.#now);
    this.#confirmation = parts.confirmation;
    this.#rollOut = parts.rollOut;
    this.#present = parts.present;
  }

  /**
   * Opens `config/` in the data directory; the caller holds the directory's lock. A new one gets revision 1: `initial`, or
   * all defaults. Throws `bad-configuration` where `initial` is refused (nothing is stored then), `io` where no revision
   * can be read although there were some.
   */
  static async open(dataDirectory: string, options: StoreOptions = {}): Promise<ConfigStore> {
    const revisions = await RevisionFiles.open(
      join(dataDirectory, 'config', 'revisions'),
      options.keep ?? keptRevisions,
    );
    const candidates = await CandidateFiles.open(join(dataDirectory, 'config', 'candidates'));
    const found = revisions.empty ? null : await revisions.newest();
    if (found === null && !revisions.empty) {
      throw new PosternError('io', `no revision of the configuration can be read: ${revisions.warnings.join('; ')}`, {
        remedy: 'restore config/revisions from a backup, or begin with a new data directory',
      });
    }
    const present = found === null ? null : { ...found.info, config: found.config };
    if (present === null) return ConfigStore.#create(dataDirectory, options, revisions, candidates);
    const warnings: string[] = [];
    const records = await openRecords(dataDirectory, present.number, warnings);
    const store = new ConfigStore(dataDirectory, options, { revisions, candidates, ...records, present });
    store.warnings.push(...revisions.warnings, ...candidates.warnings, ...warnings);
    if (revisions.next !== present.number + 1) store.warnings.push(`revision ${present.number} is in force`);
    if (options.initial !== undefined) {
      store.warnings.push(
        `${options.source ?? 'gateway.yaml'} was not read: the data directory has a configuration (revision ` +
          `${present.number}); use "config import" to change it`,
      );
    }
    await store.#drafts.dropSettled(present);
    return store;
  }

  static async #create(
    dataDirectory: string,
    options: StoreOptions,
    revisions: RevisionFiles,
    candidates: CandidateFiles,
  ): Promise<ConfigStore> {
    const { present, changes } = await firstRevision(dataDirectory, options, revisions);
    const records = await openRecords(dataDirectory, present.number, []);
    const store = new ConfigStore(dataDirectory, options, { revisions, candidates, ...records, present });
    store.changes.push(...changes);
    store.warnings.push(...revisions.warnings, ...candidates.warnings);
    return store;
  }

  /** The revision in force. Its configuration is frozen. */
  committed(): Revision {
    return this.#present;
  }

  /** The user's uncommitted configuration; without changes, the committed one. */
  candidate(user: string): Candidate {
    return this.#drafts.of(user, this.#present);
  }

  /** Users with uncommitted changes. */
  users(): string[] {
    return this.#drafts.users();
  }

  /** What the user's candidate changes, a line a key. Empty: there is nothing to commit. */
  pending(user: string): string[] {
    return this.#drafts.pending(user);
  }

  /** Keys that the user and a commit since have both changed. A commit would be refused. */
  conflicts(user: string): readonly string[] {
    return mergeCandidate(this.candidate(user), this.#present).conflicts;
  }

  /**
   * Changes the candidate: `change` gets a copy of its configuration and returns the new one (it may change the copy).
   * Refuses what is invalid, certificates and other files it names included, with `bad-configuration`; then nothing is
   * changed. Returns `pending(user)`.
   */
  edit(user: string, change: (config: GatewayConfig) => GatewayConfig): Promise<string[]> {
    return this.#exclusive(async () => {
      const changed = change(structuredClone(this.candidate(user).config));
      return this.#drafts.put(user, requireValid(changed), this.#present);
    });
  }

  /**
   * Makes a YAML document the candidate; what it leaves out gets its default, not its present value. Throws
   * `bad-configuration` with the line, key, reason and remedy of everything that is wrong; then nothing is changed.
   */
  importText(user: string, text: string, source = 'the document'): Promise<Imported> {
    return this.#exclusive(async () => {
      const { config, changes, locate } = readConfigWithPlaces(text, source);
      return { changes, pending: await this.#drafts.put(user, config, this.#present, { source, locate }) };
    });
  }

  /** A revision (default: the one in force) as a complete YAML document. */
  async exportText(number = this.#present.number): Promise<string> {
    const revision = await this.revision(number);
    return printConfig(revision.config, { heading: headingOf(revision) });
  }

  /** Forgets the user's uncommitted changes. */
  clear(user: string): Promise<void> {
    return this.#exclusive(() => this.#drafts.remove(user));
  }

  /** Newest first; at most the number kept. */
  history(): RevisionInfo[] {
    return this.#revisions.history();
  }

  /** Throws `not-found`, or `io` where its file is damaged. */
  async revision(number: number): Promise<Revision> {
    if (number === this.#present.number) return { ...this.#present, ...this.#info(number) };
    return { config: freeze(await this.#revisions.read(number)), ...this.#info(number) };
  }

  #info(number: number): RevisionInfo {
    const info = this.history().find((entry) => entry.number === number);
    return info ?? { number, time: this.#present.time, user: this.#present.user, comment: '', offered: true };
  }

  /** What `to` changed against `from`, a line a key. */
  async diff(from: number, to: number): Promise<string[]> {
    return differenceLines((await this.revision(from)).config, (await this.revision(to)).config);
  }

  /** Makes an old revision the user's candidate, in place of what was pending. Returns what a commit would change. */
  rollback(user: string, number: number): Promise<string[]> {
    return this.#exclusive(async () => {
      const { config } = await this.revision(number);
      return this.#drafts.put(user, requireValid(config), this.#present, undefined, this.#present);
    });
  }

  /**
   * Puts the candidate upon the revision in force, so that it can be committed: where both changed a key, the value of
   * `keep` stands. Returns `pending(user)`.
   */
  resolve(user: string, keep: 'mine' | 'theirs'): Promise<string[]> {
    return this.#exclusive(async () => {
      const candidate = this.candidate(user);
      const { config } = mergeCandidate(candidate, this.#present, keep);
      return this.#drafts.put(user, requireValid(config), this.#present, undefined, this.#present);
    });
  }

  /**
   * Merges the candidate with what was committed since it was begun, compiles, has it prepared, stores it (from there on
   * it is committed), has it activated. Throws `not-found` (nothing pending), `conflict` (naming keys and who changed
   * them, or the roll-out that runs), `bad-configuration`, whatever `prepare` threw, `io` or `disk-full`; then nothing is changed.
   */
  commit(user: string, comment: string, apply: ConfigApply, options: CommitOptions = {}): Promise<Committed> {
    return this.#exclusive(async () => {
      const candidate = this.candidate(user);
      if (candidate.config === candidate.base) throw new PosternError('not-found', 'There is no data to commit.');
      const merge = mergeCandidate(candidate, this.#present);
      if (merge.conflicts.length > 0) throw conflictError(candidate, merge.conflicts, this.history());
      this.#mayCommit(options);
      const committed = await this.#put(requireValid(merge.config), { user, comment }, apply, options);
      return withProblem(committed, await this.#dropDraft(user));
    });
  }

  /** One roll-out at a time: with two nobody could say which of them made a peer fail. */
  #mayCommit({ rollOut }: CommitOptions): void {
    const running = this.#rollOut.value;
    if (running !== null) {
      throw new PosternError('conflict', `revision ${running.revision} is being rolled out to ${running.share} %`, {
        remedy: 'have it go to all or take it back first: "rollout all" or "rollout back" in the shell',
      });
    }
    if (rollOut === undefined || this.#confirmation.value === null) return;
    throw new PosternError('conflict', 'a commit waits for its confirmation', {
      remedy: 'confirm it or take it back first: the roll-out would be compared with settings that may not last',
    });
  }

  /** What waits for a confirmation; null: nothing does. */
  waiting(): Waiting | null {
    return this.#confirmation.value;
  }

  /** What waits is confirmed; what did, or null. Throws `io`, `disk-full`. */
  confirm(): Promise<Waiting | null> {
    return this.#exclusive(async () => {
      const waiting = this.#confirmation.value;
      await this.#confirmation.put(null);
      return waiting;
    });
  }

  /**
   * Takes back what the revisions that wait have changed, as a new revision; what others committed since stays. Null: none waits
   * (any more). `until`: only where their time is over by then, ms. Throws as `commit` does; then they still wait.
   */
  takeBack(
    author: (waiting: Waiting) => Author,
    apply: ConfigApply,
    until = Number.POSITIVE_INFINITY,
  ): Promise<TakenBack | null> {
    return this.#exclusive(async () => {
      const waiting = this.#confirmation.value;
      if (waiting === null || waiting.until > until) return null;
      let config = this.#present.config;
      // The newest first, so that each finds what it left behind.
      for (const number of waiting.revisions.toReversed()) {
        const before = await this.#replacedBy(number);
        if (before !== null) config = mergeConfigs((await this.revision(number)).config, before, config).config;
      }
      const changed = !same(config, this.#present.config);
      const committed = changed
        ? await this.#put(requireValid(structuredClone(config)), author(waiting), apply, {})
        : null;
      await this.#confirmation.put(null);
      return { waiting, committed };
    });
  }

  /** The revision in force, where it is rolled out to a share; null: everybody has it. */
  rollOut(): RollOut | null {
    return this.#rollOut.value;
  }

  /**
   * What is rolled out goes to all: the same revision, without a share. Null: nothing is. `until`: only where its time is over by
   * then, ms. Throws where it cannot be prepared, `io`, `disk-full`; then it still is rolled out.
   */
  completeRollOut(apply: ConfigApply, until = Number.POSITIVE_INFINITY): Promise<RollOutEnd | null> {
    return this.#exclusive(async () => {
      const rollOut = this.#rollOut.value;
      if (rollOut === null || rollOut.until > until) return null;
      const { config, number } = this.#present;
      const { snapshot, stamps } = await this.#compiler.compile(config, number);
      await this.#handover.prepare(apply, snapshot);
      try {
        const { revision, user, confirmWithin } = rollOut;
        const since = this.#now();
        if (confirmWithin > 0) {
          await this.#confirmation.put({ revisions: [revision], user, since, until: since + confirmWithin });
        }
        await this.#rollOut.put(null);
      } catch (error) {
        await this.#confirmation.put(null).catch(() => undefined); // it is tried again, and put again
        await this.#handover.abandon(apply, number);
        throw error;
      }
      this.#snapshot = snapshot;
      this.#stamps = stamps;
      return { rollOut, problem: await this.#handover.activate(apply, number) };
    });
  }

  /** What is rolled out is taken back from everybody, as a new revision. Null: nothing is. Throws as `commit` does. */
  takeBackRollOut(author: (rollOut: RollOut) => Author, apply: ConfigApply): Promise<Committed | null> {
    return this.#exclusive(async () => {
      const rollOut = this.#rollOut.value;
      if (rollOut === null) return null;
      const { config } = await this.revision(rollOut.replaces);
      return await this.#put(requireValid(structuredClone(config)), author(rollOut), apply, {});
    });
  }

  /** Null: it is not kept any more. */
  async #replacedBy(number: number): Promise<GatewayConfig | null> {
    const before = this.history().find((entry) => entry.number < number);
    return before === undefined ? null : (await this.revision(before.number)).config;
  }

  /** Prepare, store, activate. A valid configuration becomes the revision in force. */
  async #put(config: GatewayConfig, author: Author, apply: ConfigApply, options: CommitOptions): Promise<Committed> {
    const { user, comment } = author;
    const number = this.#revisions.next;
    const { rollOut: choice } = options;
    if (choice !== undefined) checkRollOut(this.#present.config, config);
    const { snapshot: next, stamps } = await this.#compiler.compile(config, number);
    const secret = randomBytes(16).toString('hex');
    const snapshot = choice === undefined ? next : withFormer(next, { ...choice, secret }, this.current());
    await this.#handover.prepare(apply, snapshot);
    const waiting = this.#confirmation.value;
    let info: RevisionInfo;
    try {
      const time = this.#now();
      const { saveForRollback: offersPrevious = true } = options;
      const confirmWithin = options.confirmWithin?.() ?? 0;
      if (choice !== undefined) {
        const { share, bound, duration } = choice;
        const times = { since: time, until: time + duration, confirmWithin };
        const foretold = choice.foretold();
        const replaces = this.#present.number;
        await this.#rollOut.put({ revision: number, replaces, user, ...times, share, secret, bound, foretold });
      } else if (confirmWithin > 0) {
        const revisions = [...(waiting?.revisions ?? []), number];
        await this.#confirmation.put({ revisions, user, since: time, until: time + confirmWithin });
      }
      info = await this.#revisions.append({ number, time, user, comment, offersPrevious }, config);
    } catch (error) {
      // What they say of a revision that never came is ignored.
      await this.#confirmation.put(waiting).catch(() => undefined);
      if (choice !== undefined) await this.#rollOut.put(null).catch(() => undefined);
      await this.#handover.abandon(apply, number);
      throw error;
    }
    this.#present = { ...info, config: freeze(config) };
    this.#snapshot = snapshot;
    this.#stamps = choice === undefined ? stamps : [...stamps, ...this.#stamps];
    // Of an older revision: it is over, and a file that stays would be ignored.
    if (choice === undefined) await this.#rollOut.forget().catch(() => undefined);
    const problem = await this.#handover.activate(apply, number);
    return withProblem({ ...this.#present, problem }, await this.#settle());
  }

  /** The snapshot of the revision in force; compiled when it is first asked for. */
  snapshot(): Promise<Snapshot> {
    return this.#exclusive(async () => {
      if (this.#snapshot === null) {
        const { snapshot, stamps } = await this.#compilePresent();
        this.#snapshot = snapshot;
        this.#stamps = stamps;
      }
      return this.#snapshot;
    });
  }

  /** The revision in force, with the former one for those outside the share of a roll-out. */
  async #compilePresent(): Promise<Compiled> {
    const { config, number } = this.#present;
    const next = await this.#compiler.compile(config, number);
    const rollOut = this.#rollOut.value;
    if (rollOut === null) return next;
    try {
      const former = await this.#compiler.compile((await this.revision(rollOut.replaces)).config, rollOut.replaces);
      const snapshot = withFormer(next.snapshot, rollOut, former.snapshot);
      return { snapshot, stamps: [...next.stamps, ...former.stamps] };
    } catch (error) {
      if (this.#snapshot !== null) throw error;
      // At the start: who waits until both are right serves nobody.
      this.warnings.push(
        `revision ${rollOut.revision} is rolled out no more: the former settings cannot be used (${messageOf(error)}), everybody has the new ones`,
      );
      await this.#rollOut.forget().catch(() => undefined); // it would be tried again at the next start
      return next;
    }
  }

  /** As `snapshot`, without waiting: from the moment a commit is stored, the new one. Throws before the first `snapshot`. */
  current(): Snapshot {
    if (this.#snapshot === null) throw new PosternError('not-running', 'the configuration is not compiled yet');
    return this.#snapshot;
  }

  /** Any configuration, compiled: for a preview or a rehearsal of a candidate. */
  async compile(config: GatewayConfig, number = this.#revisions.next): Promise<Snapshot> {
    return (await this.#compiler.compile(requireValid(config), number)).snapshot;
  }

  /**
   * Looks whether a certificate, recipient list or authority file has changed since it was read, or an exception has ended; if so,
   * compiles the revision in force anew and hands it over under its own number. Returns why; empty: there was no reason. Throws
   * where the new files are wrong; the old ones stay in use, and the next call tries again. Throws `timeout` where they are in use,
   * but a thread is silent.
   */
  reload(apply: ConfigApply): Promise<readonly ReloadReason[]> {
    return this.#exclusive(async () => {
      if (this.#snapshot === null) return [];
      const reasons: ReloadReason[] = [];
      const exceptions = [...this.#snapshot.exceptions, ...(this.#snapshot.rollOut?.former.exceptions ?? [])];
      if (exceptions.some(({ until }) => until <= this.#now())) reasons.push('exceptions');
      if ((await changedFiles(this.#stamps)).length > 0) reasons.push('files');
      if (reasons.length === 0) return [];
      let compiled: Compiled;
      try {
        compiled = await this.#compilePresent();
      } catch (error) {
        // A wrong file keeps nothing in force that has ended.
        await this.#replace(await this.#withoutEnded(this.#snapshot), apply);
        throw error;
      }
      const changes = !same(compiled.snapshot, this.#snapshot);
      if (changes) await this.#replace(compiled.snapshot, apply);
      this.#stamps = compiled.stamps;
      return changes ? reasons : [];
    });
  }

  /** Another snapshot of the same revision. */
  async #replace(snapshot: Snapshot, apply: ConfigApply): Promise<void> {
    if (snapshot === this.#snapshot) return;
    await this.#handover.prepare(apply, snapshot);
    this.#snapshot = snapshot;
    const problem = await this.#handover.activate(apply, this.#present.number);
    if (problem !== null) throw new PosternError('timeout', problem, { temporary: true });
  }

  async #withoutEnded(snapshot: Snapshot): Promise<Snapshot> {
    const now = this.#now();
    const next = withoutEnded(snapshot, this.#present.config, now);
    const replaces = this.#rollOut.value?.replaces;
    if (next.rollOut === null || replaces === undefined) return next;
    const former = withoutEnded(next.rollOut.former, (await this.revision(replaces)).config, now);
    return former === next.rollOut.former ? next : { ...next, rollOut: { ...next.rollOut, former } };
  }

  /** Calls `listener` after whatever may have changed something: a candidate, the revision in force. Returns what ends it. */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    const tell = () => {
      for (const watcher of this.#watchers) watcher();
    };
    // Its caller gets an error; the next in line must not.
    this.#turn = result.then(tell, tell);
    return result;
  }

  /** As `#settle`: what was pending is committed. */
  async #dropDraft(user: string): Promise<string | null> {
    try {
      await this.#drafts.remove(user);
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** After the store: nothing here may turn the commit into a failure. */
  async #settle(): Promise<string | null> {
    try {
      await this.#drafts.dropSettled(this.#present);
      await this.#revisions.prune();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }
}

async function openRecords(dataDirectory: string, present: number, warnings: string[]) {
  const directory = join(dataDirectory, 'config');
  return {
    confirmation: await openConfirmation(directory, present, warnings),
    rollOut: await openRollOut(directory, present, warnings),
  };
}

function withProblem(committed: Committed, problem: string | null): Committed {
  const problems = [committed.problem, problem].filter((text) => text !== null);
  return { ...committed, problem: problems.join('; ') || null };
}

function headingOf(revision: Revision): string {
  const time = new Date(revision.time).toISOString();
  return `Postern configuration: revision ${revision.number}, ${time}, by ${revision.user}`;
}
