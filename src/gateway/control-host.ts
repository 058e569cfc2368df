// What the administrator's commands see of the program.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { People } from '../admin/auth/people.ts';
import type {
  Actor,
  AdminHistory,
  AdminHost,
  AdminQueue,
  CommitChoice,
  CommitResult,
  GatewayStatus,
  PreviewChoice,
  Rehearsal,
  RehearseChoice,
  RollOutView,
  RollOutWish,
  VerifyRequest,
} from '../admin/host.ts';
import { changesWebAccess, checkWebChange, helloLife } from '../admin/lock-out.ts';
import { rehearseDestinations, rehearsedHosts } from '../admin/rehearsal.ts';
import type { Waiting } from '../config/confirmation.ts';
import type { Foretold } from '../config/rollout.ts';
import { largestBound, largestShare, longestRollOut, smallestShare } from '../config/rollout-limits.ts';
import type { GatewayConfig } from '../config/schema.ts';
import type { Snapshot } from '../config/snapshot.ts';
import type { ConfigApply, ConfigStore } from '../config/store.ts';
import { TlsSides } from '../delivery/sides.ts';
import { type Verdict, verifyDomains } from '../delivery/verify.ts';
import type { MailResolver } from '../dns/resolver.ts';
import { createResolver } from '../dns/stub.ts';
import { PosternError } from '../errors.ts';
import { auditOnly, commitChanges, type EventSink, systemWarning } from '../ledger/events.ts';
import type { ReportRow } from '../ledger/tls-reports/outgoing.ts';
import type { StsPolicies } from '../mta-sts/policies.ts';
import type { PreviewReport } from '../preview/report.ts';
import { previewSettings } from '../preview/settings.ts';
import { ReportReceiver, type Taken } from '../tls-reports/receiver.ts';
import { ReportSender } from '../tls-reports/sender.ts';
import { signReport } from '../tls-reports/sign.ts';
import { versionLine } from '../version.ts';
import { probeNewAddresses } from './binding.ts';
import { CommitWatch } from './commit-watch.ts';
import { Confirmations } from './confirmations.ts';
import { measure } from './measure.ts';
import type { PreviewThread } from './preview.ts';
import { Reminders } from './reminders.ts';
import { remoteHistory, remoteQueue } from './remote.ts';
import { RollOuts } from './roll-outs.ts';
import { takeOver } from './take-over.ts';
import type { ThreadPool } from './thread-pool.ts';

/** A preview looks at observations that are this old at the most, and waits for their being written this long, ms. */
const historyAge = 1_000;
const historyPatience = 1_000;
/** What a roll-out is compared with is foretold from so many days. */
const foretoldDays = 30;
/** For what may cut off the one who commits it, ms. */
const confirmWebChange = 10 * 60_000;

export interface ControlHostOptions {
  readonly dataDirectory: string;
  readonly store: ConfigStore;
  readonly pool: ThreadPool;
  readonly log: EventSink;
  readonly preview: PreviewThread;
  readonly policies: StsPolicies;
  /** Control's own parts in a commit, beside the threads'; fewer while it starts. */
  readonly parts: () => readonly CommitPart[];
}

/** Takes part in commits on the main thread. */
export interface CommitPart {
  prepare(snapshot: Snapshot): Promise<void>;
  activate(): void;
  abandon(): void;
}

export class ControlHost implements AdminHost {
  readonly config: ConfigStore;
  readonly log: EventSink;
  readonly logDirectory: string;
  readonly queue: AdminQueue;
  readonly history: AdminHistory;
  readonly people: People;
  readonly #pool: ThreadPool;
  readonly #preview: PreviewThread;
  readonly #policies: StsPolicies;
  readonly dataDirectory: string;
  readonly #started = Date.now();
  readonly #apply: ConfigApply;
  readonly #reminders: Reminders;
  readonly #watch: CommitWatch;
  readonly #reports: ReportSender;
  readonly reportReceiver: ReportReceiver;
  #historyWritten = Number.NEGATIVE_INFINITY;
  readonly #confirmations: Confirmations;
  readonly #rollOuts: RollOuts;

  constructor({ dataDirectory, store, pool, log, preview, policies, parts }: ControlHostOptions) {
    this.config = store;
    this.log = log;
    this.logDirectory = join(dataDirectory, 'logs');
    this.people = People.open(dataDirectory, { log, life: () => store.current().timeouts });
    this.#pool = pool;
    this.#preview = preview;
    this.#policies = policies;
    this.dataDirectory = dataDirectory;
    this.queue = remoteQueue(pool);
    this.history = remoteHistory(pool);
    this.#apply = {
      prepare: async (snapshot: Snapshot) => {
        await probeNewAddresses(snapshot, store.current());
        for (const part of parts()) await part.prepare(snapshot);
        await pool.prepare(snapshot);
      },
      activate: (revision) => {
        for (const part of parts()) part.activate();
        return pool.activate(revision);
      },
      abandon: (revision) => {
        for (const part of parts()) part.abandon();
        pool.abandon(revision);
      },
    };
    this.#reminders = new Reminders(dataDirectory, (text) => log.record(systemWarning, text));
    this.#watch = new CommitWatch({
      history: this.history,
      queue: this.queue,
      log,
      preview: (running, candidate) => preview.run({ running, candidate, days: 30 }),
    });
    const reporting = { history: this.history, log, resolver: createResolver, snapshot: () => store.current() };
    this.#reports = new ReportSender({
      ...reporting,
      submit: (submission) => this.queue.submit(submission),
      sign: signReport,
    });
    this.reportReceiver = new ReportReceiver(reporting);
    this.#confirmations = new Confirmations(store, this.#apply, log);
    this.#rollOuts = new RollOuts({
      dataDirectory,
      store,
      apply: this.#apply,
      log,
      queue: this.queue,
      history: this.history,
      completed: (before, after) => {
        void this.#watch.begin(before, after);
        if (store.waiting() !== null) this.#confirmations.begun();
      },
    });
  }

  hostname(): string {
    return this.config.committed().config.hostname;
  }

  version(): string {
    return versionLine;
  }

  async commit(actor: Actor, comment: string, choice: CommitChoice): Promise<CommitResult> {
    const { keep, force = false, rollOut } = choice;
    const { user, role, address, face } = actor;
    const warnings: string[] = [];
    let { confirmWithin } = choice;
    let before = this.config.current();
    let foretold: Foretold = { incoming: [], outgoing: [] };
    if (rollOut !== undefined) {
      checkWish(rollOut);
      // Its answers are remembered: within the commit the same question takes a moment.
      await this.preview(this.config.candidate(user).config, { days: foretoldDays });
    }
    const apply: ConfigApply = {
      ...this.#apply,
      // The snapshot that will be in force is what is looked at, after all merging.
      prepare: async (next) => {
        const hellos = this.people.users.lastHellos(Date.now() - helloLife);
        const present = this.config.current();
        before = present;
        warnings.push(...(await checkWebChange({ next, present, actor, hellos, force })));
        confirmWithin ??= rollOut === undefined && changesWebAccess(next, present) ? confirmWebChange : 0;
        if (rollOut !== undefined) foretold = await this.#foretell(present, next);
        await this.#apply.prepare(next);
      },
    };
    const committed = await this.config.commit(user, comment, apply, {
      saveForRollback: keep,
      confirmWithin: () => confirmWithin ?? 0,
      ...(rollOut === undefined ? {} : { rollOut: { bound: 0, ...rollOut, foretold: () => foretold } }),
    });
    this.log.record(commitChanges, process.pid, user, comment);
    this.log.record(auditOnly, user, role, address, face, 'commit', comment);
    if (committed.problem !== null) this.log.record(systemWarning, committed.problem);
    if (committed.problem !== null) warnings.push(committed.problem);
    if (rollOut !== undefined) this.#rollOuts.begun();
    else void this.#watch.begin(before, this.config.current());
    const waiting = this.config.waiting();
    const confirmBy = waiting?.revisions.includes(committed.number) === true ? new Date(waiting.until) : null;
    if (confirmBy !== null) this.#confirmations.begun();
    const rollOutUntil = rollOut === undefined ? null : new Date(committed.time + rollOut.duration);
    return { time: new Date(committed.time), revision: committed.number, warnings, confirmBy, rollOutUntil };
  }

  async #foretell(present: Snapshot, next: Snapshot): Promise<Foretold> {
    const [running, candidate] = [previewSettings(present), previewSettings(next)];
    const report = await this.#preview.run({ running, candidate, days: foretoldDays, foretold: true });
    return report.foretold ?? { incoming: [], outgoing: [] };
  }

  rollOut(): RollOutView | null {
    return this.#rollOuts.view();
  }

  endRollOut(actor: Actor, how: 'all' | 'back'): Promise<number | null> {
    return this.#rollOuts.end(actor, how);
  }

  confirm(actor: Actor): Promise<Waiting> {
    return this.#confirmations.confirm(actor);
  }

  async takeBack(actor: Actor): Promise<number | null> {
    return (await this.#confirmations.takeBack(actor))?.number ?? null;
  }

  async stop(): Promise<void> {
    this.#watch.stop();
    this.#confirmations.stop();
    this.#rollOuts.stop();
    await this.#reports.stop();
  }

  sendTlsReports(day: number, domain: string | null): Promise<readonly ReportRow[]> {
    return this.#reports.send(day, domain);
  }

  async takeTlsReport(body: Buffer, client: string): Promise<Taken> {
    return await this.reportReceiver.take({ via: 'https', body, client });
  }

  async preview(config: GatewayConfig, { days, ...call }: PreviewChoice): Promise<PreviewReport> {
    const running = previewSettings(this.config.current());
    const candidate = previewSettings(await this.config.compile(config));
    await this.#writeHistory();
    return await this.#preview.run({ running, candidate, days }, call);
  }

  async rehearse(config: GatewayConfig, { days, ...call }: RehearseChoice): Promise<Rehearsal> {
    const snapshot = await this.config.compile(config);
    const known = await this.history.destinations(days, snapshot.limits.rehearsalDestinations);
    const rehearsal = await rehearseDestinations(snapshot, known, { ...call, sts: this.#policies });
    await this.history.keepRehearsals(rehearsedHosts(snapshot, rehearsal.rows));
    return rehearsal;
  }

  /** What was seen until now counts; while one clicks it is not written at each click. */
  async #writeHistory(): Promise<void> {
    const now = performance.now();
    if (now - this.#historyWritten < historyAge) return;
    this.#historyWritten = now;
    const late = sleep(historyPatience, undefined, { ref: false });
    await Promise.race([this.history.write().catch(() => undefined), late]);
  }

  /** Certificate, recipient and authority files that have changed, exceptions that have ended. Throws where new files are wrong. */
  reload(): Promise<void> {
    return takeOver({ store: this.config, apply: this.#apply, reminders: this.#reminders, log: this.log });
  }

  verifyTls(
    { domains, dane, detail, signal }: VerifyRequest,
    tell: (verdict: Verdict, told: number) => void,
  ): Promise<readonly Verdict[]> {
    const snapshot = this.config.current();
    // Asked anew each time: whoever verifies has just changed something.
    const resolver = createResolver(snapshot);
    const tls = new TlsSides(snapshot);
    return verifyDomains(domains, { snapshot, resolver, sts: this.#policies, tls, dane, detail, signal }, tell);
  }

  lookUp(): Pick<MailResolver, 'ask' | 'trusted'> {
    return createResolver(this.config.current());
  }

  async status(): Promise<GatewayStatus> {
    return {
      started: this.#started,
      revision: this.config.current().revision,
      waiting: this.config.waiting(),
      rollOut: this.config.rollOut() === null ? null : this.rollOut(),
      reminders: this.#reminders.warnings,
      ...(await measure(this.#pool, this.dataDirectory)),
    };
  }
}

function checkWish({ share, duration, bound = 0 }: RollOutWish): void {
  const wrong =
    share < smallestShare || share > largestShare || Number.isNaN(share)
      ? `the share is from ${smallestShare} to ${largestShare} %`
      : duration <= 0 || duration > longestRollOut || Number.isNaN(duration)
        ? 'a roll-out lasts from a moment to 30 days'
        : !Number.isSafeInteger(bound) || bound < 0 || bound > largestBound
          ? `the bound is a whole number from 0 to ${largestBound}`
          : null;
  if (wrong !== null)
    throw new PosternError('bad-usage', wrong, { remedy: 'commit with other values, or without a share' });
}
