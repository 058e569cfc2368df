// Candidates against the revision in force: what one changes, whether it still fits, what it may be set to.
import { PosternError } from '../errors.ts';
import { type Candidate, type CandidateFiles, checkUser } from './candidates.ts';
import { differenceLines } from './difference.ts';
import { same } from './elements.ts';
import { type ConfigIssue, configurationError, type Locate, locateIssues } from './issue.ts';
import { readMaterial } from './material.ts';
import { type Merge, mergeConfigs } from './merge.ts';
import type { RevisionInfo } from './revisions.ts';
import type { GatewayConfig } from './schema.ts';

/** What a candidate is begun on. */
export interface Ground {
  readonly number: number;
  readonly time: number;
  readonly config: GatewayConfig;
}

/** The text that a configuration came from, for messages. */
export interface Origin {
  readonly source: string;
  readonly locate?: Locate;
}

export class Drafts {
  readonly #files: CandidateFiles;
  readonly #directory: string;
  readonly #now: () => number;

  constructor(files: CandidateFiles, dataDirectory: string, now: () => number) {
    this.#files = files;
    this.#directory = dataDirectory;
    this.#now = now;
  }

  users(): string[] {
    return this.#files.all().map((candidate) => candidate.user);
  }

  /** Without changes `config` and `base` are the same object. */
  of(user: string, present: Ground): Candidate {
    const { number, config, time } = present;
    return this.#files.get(user) ?? { user, baseNumber: number, base: config, config, time };
  }

  pending(user: string): string[] {
    const candidate = this.#files.get(user);
    return candidate === null ? [] : differenceLines(candidate.base, candidate.config);
  }

  remove(user: string): Promise<void> {
    return this.#files.remove(user);
  }

  /**
   * Keeps a valid configuration as the user's candidate; one that changes nothing is none. A candidate that was begun on
   * an older revision stays on it (`ground` moves it): its commit must see what others changed since. Throws
   * `bad-configuration` where a file that it names is wrong, unless the same was wrong before.
   */
  async put(user: string, config: GatewayConfig, present: Ground, origin?: Origin, ground?: Ground): Promise<string[]> {
    checkUser(user);
    const before = this.of(user, present);
    await this.#checkFiles(config, before.config, origin);
    const baseNumber = ground?.number ?? before.baseNumber;
    const base = ground?.config ?? before.base;
    if (same(config, base)) await this.remove(user);
    else await this.#files.put({ user, baseNumber, base, config: freeze(config), time: this.#now() });
    return this.pending(user);
  }

  /** A crash between the store of a revision and the removal of its candidate leaves one that has nothing to add. */
  async dropSettled(present: Ground): Promise<void> {
    for (const candidate of this.#files.all()) {
      const { config, conflicts } = mergeCandidate(candidate, present);
      if (conflicts.length === 0 && same(config, present.config)) await this.remove(candidate.user);
    }
  }

  async #checkFiles(config: GatewayConfig, before: GatewayConfig, origin?: Origin): Promise<void> {
    if (same(filesOf(config), filesOf(before))) return;
    const { issues } = await readMaterial(config, this.#directory);
    if (issues.length === 0) return;
    const known = new Set((await readMaterial(before, this.#directory)).issues.map((issue) => issue.reason));
    refuse(
      issues.filter((issue) => !known.has(issue.reason)),
      config,
      origin,
    );
  }
}

/** What `readMaterial` depends on. A list of recipients may be long: it is not read for an edit of something else. */
function filesOf(config: GatewayConfig): unknown {
  return [config.certificates, config.recipients.file, config.syslog.map(({ name, ca }) => [name, ca])];
}

/** Throws `bad-configuration` with all of them, if there are any. */
export function refuse(issues: readonly ConfigIssue[], config: GatewayConfig, origin?: Origin): void {
  if (issues.length === 0) return;
  throw configurationError(locateIssues(issues, config, origin?.locate), origin?.source ?? 'the configuration');
}

/** The candidate's changes upon the revision in force. */
export function mergeCandidate(candidate: Candidate, present: Ground, prefer?: 'mine' | 'theirs'): Merge {
  if (candidate.baseNumber === present.number) return { config: candidate.config, conflicts: [] };
  return mergeConfigs(candidate.base, candidate.config, present.config, prefer);
}

export function conflictError(
  candidate: Candidate,
  keys: readonly string[],
  history: readonly RevisionInfo[],
): PosternError {
  const since = history.filter((entry) => entry.number > candidate.baseNumber).toReversed();
  const who = [...new Set(since.map((entry) => entry.user))].join(', ') || 'another commit';
  const numbers = since.map((entry) => entry.number).join(', ');
  return new PosternError(
    'conflict',
    `${who} has changed, in revision ${numbers}, what you changed too (you began on revision ${candidate.baseNumber}): ` +
      keys.join('; '),
    { remedy: 'look at what changed, then keep your value, keep the committed one, or clear your changes' },
  );
}

export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
