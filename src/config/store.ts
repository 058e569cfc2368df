// The configuration's life: revisions, a candidate per administrator, commit in three steps (prepare, store, activate).

import { join } from 'node:path';
import { messageOf, PosternError } from '../errors.ts';
import { ensureDemoCertificate } from '../tls/certificates.ts';
import { type Candidate, CandidateFiles, checkUser } from './candidates.ts';
import { assembleSnapshot } from './compile.ts';
import { defaultConfig } from './defaults.ts';
import { differenceLines } from './difference.ts';
import { same } from './elements.ts';
import { type ConfigApply, Handover } from './handover.ts';
import { type ConfigIssue, configurationError, type Locate, locateIssues } from './issue.ts';
import { changedFiles, type FileStamp, type Material, readMaterial } from './material.ts';
import { mergeConfigs } from './merge.ts';
import { RevisionFiles, type RevisionInfo } from './revisions.ts';
import type { GatewayConfig } from './schema.ts';
import type { CertificateSettings, Snapshot } from './snapshot.ts';
import { requireValid } from './validate.ts';
import { printConfig, readConfigWithPlaces } from './yaml.ts';

export interface StoreOptions {
  /** YAML of the first revision of a new data directory. Ignored, with a warning, where there is a configuration. */
  readonly initial?: string;
  /** What `initial` is called in messages. Default `gateway.yaml`. */
  readonly source?: string;
  /** Default: read from (or made in) `certificates` in the data directory when it is first needed. */
  readonly demo?: CertificateSettings;
  /** Revisions kept. */
  readonly keep?: number;
  /** ms since the epoch. */
  readonly now?: () => number;
  /** ms for each of `prepare`, `activate` and `abandon`. */
  readonly deadline?: number;
}

export interface Revision extends RevisionInfo {
  readonly config: GatewayConfig;
}

export interface CommitOptions {
  /** False: the configuration that this one replaces is not offered for rollback (it stays in the history). */
  readonly saveForRollback?: boolean;
}

export interface Committed extends Revision {
  /** What went wrong after it was stored (a silent thread); the revision is in force all the same. */
  readonly problem: string | null;
}

export interface Imported {
  /** What an upgrade of an older format changed. */
  readonly changes: readonly string[];
  /** What a commit would change. */
  readonly pending: readonly string[];
}

export type { ConfigApply } from './handover.ts';

const keptRevisions = 1000;
/** Fits, in UTF-8 and with every character escaped, into the head line of a revision. */
const longestComment = 1000;

export class ConfigStore {
  /** What an administrator should hear about the data directory: damaged files, an ignored `initial`. */
  readonly warnings: string[] = [];
  /** What the upgrade of `initial` changed. */
  readonly changes: string[] = [];
  readonly #directory: string;
  readonly #now: () => number;
  readonly #handover: Handover;
  readonly #revisions: RevisionFiles;
  readonly #candidates: CandidateFiles;
  #demo: CertificateSettings | null;
  #present: Revision;
  #snapshot: Snapshot | null = null;
  #stamps: readonly FileStamp[] = [];
  /** Everything that changes something waits for its turn here. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    directory: string,
    options: StoreOptions,
    parts: { revisions: RevisionFiles; candidates: CandidateFiles; present: Revision },
  ) {
    this.#directory = directory;
    this.#now = options.now ?? Date.now;
    this.#handover = new Handover(options.deadline ?? 15_000, this.warnings);
    this.#demo = options.demo ?? null;
    this.#revisions = parts.revisions;
    this.#candidates = parts.candidates;
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
    const store = new ConfigStore(dataDirectory, options, { revisions, candidates, present });
    store.warnings.push(...revisions.warnings, ...candidates.warnings);
    if (revisions.next !== present.number + 1) store.warnings.push(`revision ${present.number} is in force`);
    if (options.initial !== undefined) {
      store.warnings.push(
        `${options.source ?? 'gateway.yaml'} was not read: the data directory has a configuration (revision ` +
          `${present.number}); use "config import" to change it`,
      );
    }
    await store.#dropSettledCandidates();
    return store;
  }

  static async #create(
    dataDirectory: string,
    options: StoreOptions,
    revisions: RevisionFiles,
    candidates: CandidateFiles,
  ): Promise<ConfigStore> {
    const source = options.source ?? 'gateway.yaml';
    const read =
      options.initial === undefined
        ? { config: requireValid(defaultConfig()), changes: [], locate: undefined }
        : readConfigWithPlaces(options.initial, source);
    const material = await readMaterial(read.config, dataDirectory);
    refuse(material.issues, read.config, source, read.locate);
    const entry = {
      number: 1,
      time: (options.now ?? Date.now)(),
      user: 'postern',
      comment:
        options.initial === undefined ? 'Initial configuration (all defaults)' : `Initial configuration (${source})`,
      offersPrevious: true,
    };
    const info = await revisions.append(entry, read.config);
    const present = { ...info, config: freeze(read.config) };
    const store = new ConfigStore(dataDirectory, options, { revisions, candidates, present });
    store.changes.push(...read.changes);
    store.warnings.push(...revisions.warnings, ...candidates.warnings);
    return store;
  }

  /** The revision in force. Its configuration is frozen. */
  committed(): Revision {
    return this.#present;
  }

  /** The user's uncommitted configuration; without changes, the committed one. */
  candidate(user: string): Candidate {
    const { number, config, time } = this.#present;
    return this.#candidates.get(user) ?? { user, baseNumber: number, base: config, config, time };
  }

  /** Users with uncommitted changes. */
  users(): string[] {
    return this.#candidates.all().map((candidate) => candidate.user);
  }

  /** What the user's candidate changes, a line a key. Empty: there is nothing to commit. */
  pending(user: string): string[] {
    const candidate = this.#candidates.get(user);
    return candidate === null ? [] : differenceLines(candidate.base, candidate.config);
  }

  /** Keys that the user and a commit since have both changed. A commit would be refused. */
  conflicts(user: string): readonly string[] {
    return this.#merge(this.candidate(user)).conflicts;
  }

  /**
   * Changes the candidate: `change` gets a copy of its configuration and returns the new one (it may change the copy).
   * Refuses what is invalid, certificates and other files it names included, with `bad-configuration`; then nothing is
   * changed. Returns `pending(user)`.
   */
  edit(user: string, change: (config: GatewayConfig) => GatewayConfig): Promise<string[]> {
    return this.#exclusive(async () => {
      const changed = change(structuredClone(this.candidate(user).config));
      return this.#putCandidate(user, requireValid(changed));
    });
  }

  /**
   * Makes a YAML document the candidate; what it leaves out gets its default, not its present value. Throws
   * `bad-configuration` with the line, key, reason and remedy of everything that is wrong; then nothing is changed.
   */
  importText(user: string, text: string, source = 'the document'): Promise<Imported> {
    return this.#exclusive(async () => {
      const { config, changes, locate } = readConfigWithPlaces(text, source);
      return { changes, pending: await this.#putCandidate(user, config, source, locate) };
    });
  }

  /** A revision (default: the one in force) as a complete YAML document. */
  async exportText(number = this.#present.number): Promise<string> {
    const revision = await this.revision(number);
    return printConfig(revision.config, { heading: headingOf(revision) });
  }

  /** Forgets the user's uncommitted changes. */
  clear(user: string): Promise<void> {
    return this.#exclusive(() => this.#candidates.remove(user));
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
      return this.#putCandidate(user, requireValid(config));
    });
  }

  /**
   * Puts the candidate upon the revision in force, so that it can be committed: where both changed a key, the value of
   * `keep` stands. Returns `pending(user)`.
   */
  resolve(user: string, keep: 'mine' | 'theirs'): Promise<string[]> {
    return this.#exclusive(async () => {
      const candidate = this.candidate(user);
      const { config } = mergeConfigs(candidate.base, candidate.config, this.#present.config, keep);
      return this.#putCandidate(user, requireValid(config));
    });
  }

  /**
   * Merges the candidate with what was committed since it was begun, compiles, has it prepared, stores it (from there on
   * it is committed), has it activated. Throws `not-found` (nothing pending), `conflict` (naming keys and who changed
   * them), `bad-configuration`, whatever `prepare` threw, `io` or `disk-full`; then nothing is changed.
   */
  commit(user: string, comment: string, apply: ConfigApply, options: CommitOptions = {}): Promise<Committed> {
    return this.#exclusive(async () => {
      const candidate = this.#candidates.get(user);
      if (candidate === null) throw new PosternError('not-found', 'There is no data to commit.');
      const { config, conflicts } = this.#merge(candidate);
      if (conflicts.length > 0) throw this.#conflictError(candidate, conflicts);
      requireValid(config);
      const number = this.#revisions.next;
      const { snapshot, stamps } = await this.#compile(config, number);
      await this.#handover.prepare(apply, snapshot);
      let info: RevisionInfo;
      try {
        const offersPrevious = options.saveForRollback ?? true;
        const entry = { number, time: this.#now(), user, comment: cleanComment(comment), offersPrevious };
        info = await this.#revisions.append(entry, config);
      } catch (error) {
        await this.#handover.abandon(apply, number);
        throw error;
      }
      this.#present = { ...info, config: freeze(config) };
      this.#snapshot = snapshot;
      this.#stamps = stamps;
      const problems = [await this.#handover.activate(apply, number), await this.#settle(user)];
      return { ...this.#present, problem: problems.filter((text) => text !== null).join('; ') || null };
    });
  }

  /** The snapshot of the revision in force; compiled when it is first asked for. */
  snapshot(): Promise<Snapshot> {
    return this.#exclusive(async () => {
      if (this.#snapshot === null) {
        const { snapshot, stamps } = await this.#compile(this.#present.config, this.#present.number);
        this.#snapshot = snapshot;
        this.#stamps = stamps;
      }
      return this.#snapshot;
    });
  }

  /** As `snapshot`, without waiting: from the moment a commit is stored, the new one. Throws before the first `snapshot`. */
  current(): Snapshot {
    if (this.#snapshot === null) throw new PosternError('not-running', 'the configuration is not compiled yet');
    return this.#snapshot;
  }

  /** Any configuration, compiled: for a preview or a rehearsal of a candidate. */
  async compile(config: GatewayConfig, number = this.#revisions.next): Promise<Snapshot> {
    return (await this.#compile(requireValid(config), number)).snapshot;
  }

  /**
   * Looks whether a certificate, recipient list or authority file has changed since it was read; if so, compiles the
   * revision in force anew and hands it over under its own number. False: nothing has. Throws where the new files are
   * wrong; the old ones stay in use, and the next call tries again.
   */
  reload(apply: ConfigApply): Promise<boolean> {
    return this.#exclusive(async () => {
      if (this.#snapshot === null || (await changedFiles(this.#stamps)).length === 0) return false;
      const { config, number } = this.#present;
      const { snapshot, stamps } = await this.#compile(config, number);
      if (same(snapshot, this.#snapshot)) {
        this.#stamps = stamps;
        return false;
      }
      await this.#handover.prepare(apply, snapshot);
      this.#snapshot = snapshot;
      this.#stamps = stamps;
      const problem = await this.#handover.activate(apply, number);
      if (problem !== null) this.warnings.push(problem);
      return true;
    });
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(
      () => undefined,
      () => undefined, // its caller gets the error; the next in line must not
    );
    return result;
  }

  #merge(candidate: Candidate): { config: GatewayConfig; conflicts: readonly string[] } {
    if (candidate.baseNumber === this.#present.number) return { config: candidate.config, conflicts: [] };
    return mergeConfigs(candidate.base, candidate.config, this.#present.config);
  }

  #conflictError(candidate: Candidate, keys: readonly string[]): PosternError {
    const since = this.history().filter((entry) => entry.number > candidate.baseNumber);
    const who = [...new Set(since.map((entry) => entry.user))].join(', ');
    const numbers = since.map((entry) => entry.number).toReversed();
    return new PosternError(
      'conflict',
      `since you began (revision ${candidate.baseNumber}), ${who === '' ? 'another commit' : who} changed what you ` +
        `changed too, in revision ${numbers.join(', ')}: ${keys.join('; ')}`,
      { remedy: 'look at what changed, then keep your value, keep the committed one, or clear your changes' },
    );
  }

  /** `config` is valid. A candidate that changes nothing is none. */
  async #putCandidate(
    user: string,
    config: GatewayConfig,
    source = 'the configuration',
    locate?: Locate,
  ): Promise<string[]> {
    checkUser(user);
    const before = this.candidate(user);
    const material = await readMaterial(config, this.#directory);
    const known = await this.#knownTroubles(before.config, material);
    refuse(
      material.issues.filter((issue) => !known.has(issue.reason)),
      config,
      source,
      locate,
    );
    // Whatever was begun on an older revision stays on it: a later commit must still see who changed what.
    const fresh = this.#candidates.get(user) === null;
    const { number, config: present } = this.#present;
    const base = fresh ? { baseNumber: number, base: present } : before;
    if (same(config, base.base)) await this.#candidates.remove(user);
    else {
      const candidate = {
        user,
        baseNumber: base.baseNumber,
        base: base.base,
        config: freeze(config),
        time: this.#now(),
      };
      await this.#candidates.put(candidate);
    }
    return this.pending(user);
  }

  /** What is wrong with the files already: it does not keep anybody from changing something else. */
  async #knownTroubles(config: GatewayConfig, material: Material): Promise<ReadonlySet<string>> {
    if (material.issues.length === 0) return new Set();
    return new Set((await readMaterial(config, this.#directory)).issues.map((issue) => issue.reason));
  }

  async #compile(config: GatewayConfig, number: number): Promise<{ snapshot: Snapshot; stamps: readonly FileStamp[] }> {
    this.#demo ??= await ensureDemoCertificate(join(this.#directory, 'certificates'), config.hostname);
    const material = await readMaterial(config, this.#directory);
    refuse(material.issues, config, 'the configuration');
    return { snapshot: assembleSnapshot(config, number, material, this.#demo), stamps: material.stamps };
  }

  /** After the store: nothing here may turn the commit into a failure. */
  async #settle(user: string): Promise<string | null> {
    try {
      await this.#candidates.remove(user);
      await this.#revisions.prune();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** A crash between the store of a revision and the removal of its candidate leaves one that has nothing to add. */
  async #dropSettledCandidates(): Promise<void> {
    for (const candidate of this.#candidates.all()) {
      const { config, conflicts } = this.#merge(candidate);
      if (conflicts.length === 0 && same(config, this.#present.config)) await this.#candidates.remove(candidate.user);
    }
  }
}

function refuse(issues: readonly ConfigIssue[], config: GatewayConfig, source: string, locate?: Locate): void {
  if (issues.length > 0) throw configurationError(locateIssues(issues, config, locate), source);
}

function headingOf(revision: Revision): string {
  const time = new Date(revision.time).toISOString();
  return `Postern configuration: revision ${revision.number}, ${time}, by ${revision.user}`;
}

/** One line, bounded. */
function cleanComment(comment: string): string {
  return comment
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .toWellFormed()
    .trim()
    .slice(0, longestComment);
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
