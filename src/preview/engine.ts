// A candidate against the running settings: what becomes of everybody who was seen in the last days. Runs in a thread of its own.
import type { Foretold } from '../config/rollout.ts';
import { dayLength } from '../config/units.ts';
import { ObservationReader, type Outcome, type Use } from '../ledger/observations/reader.ts';
import type { RehearsedHost } from '../ledger/observations/rehearsals.ts';
import type { ObservedService } from '../ledger/observations/tables.ts';
import { explainInbound } from '../tls/explain.ts';
import { type ClientHello, parseClientHello } from '../tls/hello.ts';
import { versionBits } from '../tls/versions.ts';
import { answerName, type Census, type Group, type Judged, judgedClear, reasonOf, takeCensus } from './census.ts';
import { answer, examine } from './examination.ts';
import { fateOf } from './fate.ts';
import { ReplayHelper } from './helper.ts';
import { offersOf } from './offers.ts';
import { type OutgoingObserved, outgoingPreview } from './outgoing-report.ts';
import { namePeer, type PastInput, usesOf } from './past.ts';
import { findRemedy } from './remedy.ts';
import type { Move, PeerGroup, PreviewReport, TargetPreview, Weight } from './report.ts';
import type { PreviewSettings } from './settings.ts';
import { countUnchanged, observedRange, TargetRun } from './target-run.ts';
import { Compiler, type Side, type Target, targetName } from './targets.ts';
import { type Answer, changes, compareAnswers } from './verdict.ts';
import { Verdicts } from './verdicts.ts';

export interface PreviewRequest {
  readonly running: PreviewSettings;
  readonly candidate: PreviewSettings;
  /** How far back, at most what is kept. */
  readonly days: number;
  /** Everybody who breaks is to be listed, not just those with most messages. */
  readonly foretold?: boolean;
}

export interface PreviewOptions {
  /** Figures so far; called when some exist and then every `reportEvery` ms. */
  readonly onProgress?: (report: PreviewReport) => void;
  readonly signal?: AbortSignal;
  /** What was in force in revisions: `TLS 1.2, 1.3 (revision 12)`; what cannot be told is left out. */
  readonly describeRevisions?: (revisions: readonly number[]) => Promise<ReadonlyMap<number, string>>;
  readonly now?: number;
}

/** How long a rehearsal is believed, ms. */
const rehearsalLife = 14 * 24 * 3600 * 1000;
/** Groups that are described, each with its named peers; the rest is in the totals. */
const mostGroups = 40;
const mostRemedies = 6;
const mostRevisions = 50;

/** Everything observed, as read at one moment. */
interface Observed {
  readonly uses: readonly Use[];
  readonly services: ReadonlyMap<number, ObservedService>;
  readonly outcomes: ReadonlyMap<number, Outcome>;
}

export class PreviewEngine {
  readonly #file: string;
  readonly #compiler = new Compiler();
  #reader: ObservationReader | null = null;
  #verdicts = new Verdicts(() => null);
  #observed: { readonly key: string; readonly value: Observed; readonly took: number; readonly at: number } | null =
    null;
  readonly #hellos = new Map<number, ClientHello | null>();
  /** Undefined: not needed yet. */
  #helper: ReplayHelper | null | undefined;

  /** `file`: ledger.db. It need not exist yet. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Throws `bad-configuration`, `bad-ciphers` or `bad-certificate` where one of the settings cannot be compiled. */
  async run(request: PreviewRequest, options: PreviewOptions = {}): Promise<PreviewReport> {
    const { running, candidate, days } = request;
    const now = options.now ?? Date.now();
    const targets = this.#compiler.targets(running, candidate);
    const reader = this.#open();
    if (reader === null) return this.#empty(request, targets);
    const since = dayStart(now) - (days - 1) * dayLength;
    const runs = targets.map((target) => new TargetRun(target, reader, since));
    const figures = () => runs.map((each) => each.figures());
    const [observed] = await Promise.all([
      this.#observe(reader, since, options.signal),
      examine(runs, {
        verdicts: this.#verdicts,
        helper: () => this.#helped(),
        signal: options.signal,
        onFigures: options.onProgress && (() => options.onProgress?.(report(false, days, figures(), null))),
      }),
    ]);
    options.signal?.throwIfAborted();
    const revisions = await options.describeRevisions?.(revisionsIn(observed));
    const past: PastInput = {
      reader,
      ...observed,
      offers: (hello) => offersOf(this.#hello(hello)),
      settings: (revision) => revisions?.get(revision) ?? `the settings of revision ${revision}`,
      days,
      now,
    };
    const [incoming, breaking] = request.foretold === true ? [new Set<number>(), new Set<number>()] : [null, null];
    const described = [];
    for (const run of runs) {
      described.push(await this.#describe(run, observed, past, { candidate, foretold: incoming }));
    }
    const rehearsed = rehearsals(reader, now - rehearsalLife);
    const domainOf = (peer: number) => reader.peer(peer)?.domain ?? '';
    const outgoing = outgoingPreview(running, candidate, { ...observed, rehearsed, domainOf }, past, breaking);
    const whole = report(true, days, described, outgoing);
    if (incoming === null || breaking === null) return whole;
    return { ...whole, foretold: foretoldBy(reader, incoming, breaking) };
  }

  close(): void {
    this.#helper?.close();
    this.#helper = undefined;
    this.#reader?.close();
    this.#reader = null;
  }

  #helped(): ReplayHelper | null {
    if (this.#helper === undefined) this.#helper = ReplayHelper.start(this.#file);
    return this.#helper;
  }

  #open(): ObservationReader | null {
    this.#reader ??= ObservationReader.open(this.#file);
    const reader = this.#reader;
    if (reader !== null) this.#verdicts = this.#verdictsOf(reader);
    return reader;
  }

  #verdictsFor: ObservationReader | null = null;

  #verdictsOf(reader: ObservationReader): Verdicts {
    if (this.#verdictsFor !== reader) {
      this.#verdictsFor = reader;
      this.#hellos.clear();
      this.#verdicts = new Verdicts((hello) => reader.hello(hello));
    }
    return this.#verdicts;
  }

  async #describe(
    run: TargetRun,
    observed: Observed,
    past: PastInput,
    { candidate, foretold }: { readonly candidate: PreviewSettings; readonly foretold: Set<number> | null },
  ): Promise<TargetPreview> {
    const { target } = run;
    const uses = observed.uses.filter(
      (use) =>
        observed.services.get(use.peer) === target.service &&
        (target.service === 'gui' || use.listener === target.listener),
    );
    if (!run.changed) return { ...run.figures(), ...countUnchanged(uses) };
    const special = await this.#judgeExceptions(target, uses, past);
    const census = takeCensus({
      uses,
      outcomes: observed.outcomes,
      judge: (hello, peer) => {
        const judged = special.get(`${peer} ${hello}`) ?? run.judged(hello);
        return judged?.to.outcome === 'no-hello' ? null : judged;
      },
      clear: judgedClear(clearAnswer(target.levelBefore, target.from), clearAnswer(target.level, target.to)),
      groupKey: (judged, hello) => `${reasonOf(judged)} ${hello === 0 ? '' : past.offers(hello)}`,
      foretold,
    });
    const groups = [...census.groups.values()]
      .sort(
        (a, b) => changes.indexOf(a.change) - changes.indexOf(b.change) || b.messages - a.messages || b.peers - a.peers,
      )
      .slice(0, mostGroups);
    const described: PeerGroup[] = [];
    let remedies = 0;
    for (const group of groups) {
      const wanted = group.change === 'breaks' && remedies++ < mostRemedies;
      described.push(await this.#describeGroup(group, run, past, wanted ? candidate : null));
    }
    return {
      ...run.figures(),
      observed: observedRange(census),
      totals: census.totals,
      clearText: census.clearText,
      unjudged: census.unjudged,
      moves: movesOf(census),
      groups: described,
      mayRefuse: census.mayRefuse.map((member) => namePeer(member, past)),
    };
  }

  /** Answers to peers that an exception gives other settings, before or after; by `peer hello`. */
  async #judgeExceptions(target: Target, uses: readonly Use[], past: PastInput): Promise<ReadonlyMap<string, Judged>> {
    const judged = new Map<string, Judged>();
    const { exceptions } = target;
    if (exceptions === null) return judged;
    const addresses = new Map<number, string>();
    for (const { peer, hello } of uses) {
      if (hello <= 0 || judged.has(`${peer} ${hello}`)) continue;
      const address = addresses.get(peer) ?? past.reader.peer(peer)?.address ?? '';
      addresses.set(peer, address);
      const [before, after] = [exceptions.from.find(address), exceptions.to.find(address)];
      if (before === null && after === null) continue;
      const from = await answer(before ?? target.from, hello, this.#verdicts);
      const to = await answer(after ?? target.to, hello, this.#verdicts);
      judged.set(`${peer} ${hello}`, { from, to, comparison: compareAnswers(from, to) });
    }
    return judged;
  }

  async #describeGroup(
    group: Group,
    run: TargetRun,
    past: PastInput,
    candidate: PreviewSettings | null,
  ): Promise<PeerGroup> {
    const { target } = run;
    const { change, judged, sample, peers, connections, messages } = group;
    const hellos = [...group.hellos].sort((a, b) => b[1] - a[1]).map(([hello]) => hello);
    const fate = change === 'breaks' ? fateOf(target, peers, inClear(group, past)) : null;
    return {
      change,
      peers,
      connections,
      messages,
      reason: reasonOf(judged),
      explanation: this.#explain(judged, sample, target),
      offers: sample === 0 ? 'use no TLS' : past.offers(sample),
      differences: judged.comparison.differences,
      fate: fate?.fate ?? null,
      fateText: fate?.text ?? '',
      named: group.top.map((member) => namePeer(member, past)),
      remedy:
        candidate === null
          ? null
          : await findRemedy(target, hellos, candidate, { compiler: this.#compiler, verdicts: this.#verdicts }),
    };
  }

  #explain({ to, comparison }: Judged, hello: number, target: Target): string {
    if (to.outcome === 'refused' && target.to.kind === 'tls' && hello !== 0) {
      const { settings, tls } = target.to;
      const service = target.service === 'gui' ? 'GUI HTTPS' : 'Inbound SMTP';
      const ours = { settings, keys: tls.keys, accepted: () => tls.accepted(), service };
      return explainInbound({ kind: 'openssl', reason: to.reason }, this.#hello(hello), ours) ?? to.reason;
    }
    if (to.outcome === 'refused') return 'Mail without TLS is refused there.';
    if (to.outcome === 'closed') return `${targetName(target)} is gone.`;
    const { differences } = comparison;
    return differences.length === 0
      ? ''
      : `Now ${answerName(to)}: ${differences.map(({ aspect, from, to: after }) => `${aspect} ${from} → ${after}`).join(', ')}.`;
  }

  #hello(id: number): ClientHello | null {
    const known = this.#hellos.get(id);
    if (known !== undefined) return known;
    const bytes = this.#reader?.hello(id) ?? null;
    const parsed = bytes === null ? null : parseClientHello(bytes);
    const hello = parsed?.status === 'complete' ? parsed.hello : null;
    if (this.#hellos.size >= 20_000) this.#hellos.clear();
    this.#hellos.set(id, hello);
    return hello;
  }

  /** Read again when the ledger has written since, but no oftener than its cost allows. */
  async #observe(reader: ObservationReader, since: number, signal: AbortSignal | undefined): Promise<Observed> {
    const key = `${reader.version()} ${since}`;
    const present = this.#observed;
    if (present !== null && (present.key === key || performance.now() < present.at + present.took * 10)) {
      if (present.key.endsWith(` ${since}`)) return present.value;
    }
    const started = performance.now();
    const value = { uses: await reader.uses(since, signal), services: reader.services(), outcomes: reader.outcomes() };
    const at = performance.now();
    this.#observed = { key, value, took: at - started, at };
    return value;
  }

  #empty({ running, candidate, days }: PreviewRequest, targets: readonly Target[]): PreviewReport {
    const nothing: Observed = { uses: [], services: new Map(), outcomes: new Map() };
    const outgoing = outgoingPreview(
      running,
      candidate,
      { ...nothing, rehearsed: () => null, domainOf: () => '' },
      null,
    );
    return report(
      true,
      days,
      targets.map((target) => new TargetRun(target, null, 0).figures()),
      outgoing,
    );
  }
}

/** Trial handshakes by peer and settings; each settings' are read once. */
function rehearsals(reader: ObservationReader, since: number): OutgoingObserved['rehearsed'] {
  const known = new Map<string, ReadonlyMap<string, RehearsedHost>>();
  return (peer, { versions, ciphers }) => {
    const settings = { versions: versionBits(versions), ciphers };
    const key = `${settings.versions} ${ciphers}`;
    const found = known.get(key) ?? reader.rehearsals(settings, since);
    known.set(key, found);
    if (found.size === 0) return null;
    const about = reader.peer(peer);
    return about === null ? null : (found.get(`${about.domain} ${about.name}`) ?? null);
  };
}

/** The rest of more than so many counts as not foretold. */
const mostForetold = 50_000;

function foretoldBy(reader: ObservationReader, incoming: Iterable<number>, outgoing: Iterable<number>): Foretold {
  const tell = (peers: Iterable<number>, by: 'address' | 'name') =>
    [...peers].slice(0, mostForetold).map((peer) => reader.peer(peer)?.[by] ?? '');
  return { incoming: tell(incoming, 'address'), outgoing: tell(outgoing, 'name') };
}

/** What a peer without TLS meets. */
function clearAnswer(level: Target['level'], side: Side): Answer {
  if (side.kind === 'closed') return { outcome: 'closed' };
  return level === 'required' ? { outcome: 'refused', alert: null, reason: 'TLS is required' } : { outcome: 'clear' };
}

function inClear(group: Group, { uses, outcomes }: PastInput): number {
  return group.top.filter(({ peer }) =>
    usesOf(peer, uses).some((use) => use.messages > 0 && outcomes.get(use.outcome)?.kind === 'clear'),
  ).length;
}

function movesOf({ moves }: Census): readonly Move[] {
  return [...moves.values()].map(({ lastPeer: _, ...move }) => move).sort((a, b) => b.connections - a.connections);
}

function report(
  complete: boolean,
  days: number,
  targets: readonly TargetPreview[],
  outgoing: PreviewReport['outgoing'] | null,
): PreviewReport {
  const nothing: Weight = { peers: 0, connections: 0, messages: 0 };
  const empty = { changed: false, totals: { works: nothing, breaks: nothing, unknown: nothing }, named: [] };
  const broken = targets.reduce((sum, { totals }) => sum + totals.breaks.peers, 0);
  return {
    complete,
    days,
    breaks: broken + (outgoing?.totals.breaks.peers ?? 0),
    targets,
    outgoing: outgoing ?? empty,
  };
}

/** Under which a peer refused us; the newest. */
function revisionsIn({ outcomes }: Observed): readonly number[] {
  const refused = [...outcomes.values()].filter(({ kind, alert }) => kind === 'failed' && alert !== null);
  return [...new Set(refused.map(({ revision }) => revision))].sort((a, b) => b - a).slice(0, mostRevisions);
}

function dayStart(time: number): number {
  return time - (time % dayLength);
}
