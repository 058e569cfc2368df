// Replays what the targets of a preview need, most used hellos first, together with a helper where there is one.
import { setImmediate } from 'node:timers/promises';
import type { HelloUse } from '../ledger/observations/reader.ts';
import type { ReplayHelper } from './helper.ts';
import type { TargetRun } from './target-run.ts';
import type { Side, TlsSide } from './targets.ts';
import type { Answer } from './verdict.ts';
import type { Verdicts } from './verdicts.ts';

export interface ExaminationOptions {
  readonly verdicts: Verdicts;
  /** Asked once there is enough to do for two; null: there is none. */
  readonly helper: () => ReplayHelper | null;
  readonly signal?: AbortSignal | undefined;
  /** Called when some figures exist, and then every `reportEvery` ms. */
  readonly onFigures?: (() => void) | undefined;
}

interface Job {
  readonly run: TargetRun;
  readonly use: HelloUse;
}

const firstReport = 150;
const reportEvery = 300;
const breathEvery = 10;
/** Fewer hellos than this are not worth a second thread, ms of its start considered. */
const enoughForTwo = 200;
/** Hellos that the helper is given at a time, and how many such parts it has: what it does not answer is done twice. */
const part = 16;
const parts = 2;

/** Every changed target of `runs` has its hellos judged. */
export async function examine(runs: readonly TargetRun[], options: ExaminationOptions): Promise<void> {
  const { verdicts } = options;
  const jobs = runs
    .filter((run) => run.changed)
    .flatMap((run) => run.hellos.map((use) => ({ run, use })))
    .sort((a, b) => b.use.connections - a.use.connections);
  const helped = new Helped(jobs, verdicts);
  const unknown = jobs.filter(({ run, use }) => !helped.isKnown(run, use.hello)).length;
  if (unknown >= enoughForTwo) helped.begin(options.helper());
  try {
    await work(helped, options);
  } finally {
    helped.end();
  }
}

async function work(helped: Helped, { verdicts, signal, onFigures }: ExaminationOptions): Promise<void> {
  let report = performance.now() + firstReport;
  let breath = performance.now() + breathEvery;
  for (let job = helped.next(); job !== undefined; job = helped.next()) {
    signal?.throwIfAborted();
    if (!job.run.isJudged(job.use.hello)) await judge(job, verdicts);
    const now = performance.now();
    // A replay has nothing to wait for, so that without this the thread would hear of no abort (measured), and of no helper.
    if (now > breath) {
      await setImmediate();
      breath = performance.now() + breathEvery;
    }
    if (onFigures === undefined || now < report) continue;
    report = now + reportEvery;
    onFigures();
  }
}

async function judge({ run, use }: Job, verdicts: Verdicts): Promise<void> {
  run.judge(use, {
    from: await answer(run.target.from, use.hello, verdicts),
    to: await answer(run.target.to, use.hello, verdicts),
  });
}

/** One side's answer to a hello. */
export async function answer(side: Side, hello: number, verdicts: Verdicts): Promise<Answer> {
  if (side.kind === 'closed') return { outcome: 'closed' };
  if (side.kind === 'clear') return { outcome: 'clear' };
  return await verdicts.of(side, hello);
}

/** Jobs that two share: each takes the first that nobody has; at the end those of the helper are done by whoever is faster. */
class Helped {
  readonly #jobs: readonly Job[];
  readonly #verdicts: Verdicts;
  #at = 0;
  #outstanding: Job[] = [];

  constructor(jobs: readonly Job[], verdicts: Verdicts) {
    this.#jobs = jobs;
    this.#verdicts = verdicts;
  }

  isKnown({ target }: TargetRun, hello: number): boolean {
    return [target.from, target.to].every((side) => side.kind !== 'tls' || this.#verdicts.has(side, hello));
  }

  next(): Job | undefined {
    return this.#jobs[this.#at++] ?? this.#outstanding.pop();
  }

  begin(helper: ReplayHelper | null): void {
    if (helper !== null) for (let count = 0; count < parts; count++) void this.#feed(helper);
  }

  /** The helper gets no more. */
  end(): void {
    this.#at = this.#jobs.length;
    this.#outstanding = [];
  }

  async #feed(helper: ReplayHelper): Promise<void> {
    for (let jobs = this.#take(); jobs.length > 0; jobs = this.#take()) {
      const sides = [...new Set(jobs.flatMap(({ run: { target } }) => [target.from, target.to]).filter(isTls))];
      const hellos = jobs.map(({ use }) => use.hello);
      const answers = await helper.ask(sides, hellos);
      if (answers === null) return;
      for (const [index, { run, use }] of jobs.entries()) {
        for (const [at, side] of sides.entries()) {
          const verdict = answers[index]?.[at];
          if (verdict !== undefined) this.#verdicts.put(side, use.hello, verdict);
        }
        if (this.isKnown(run, use.hello)) await judge({ run, use }, this.#verdicts);
      }
      this.#outstanding = this.#outstanding.filter((job) => !jobs.includes(job));
    }
  }

  /** Of one target: so that nothing is replayed under settings that it has not. */
  #take(): readonly Job[] {
    const run = this.#jobs[this.#at]?.run;
    const jobs: Job[] = [];
    while (jobs.length < part && run !== undefined && this.#jobs[this.#at]?.run === run) {
      const job = this.#jobs[this.#at++];
      if (job !== undefined && !this.isKnown(run, job.use.hello)) jobs.push(job);
      else if (job !== undefined) this.#outstanding.push(job);
    }
    this.#outstanding.push(...jobs);
    return jobs;
  }
}

function isTls(side: Side): side is TlsSide {
  return side.kind === 'tls';
}
