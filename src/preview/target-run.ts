// One target of a preview: its hellos, and what was found about them so far.
import type { HelloUse, ObservationReader, Use } from '../ledger/observations/reader.ts';
import { unkeptHello } from '../ledger/observations/tables.ts';
import type { Census, Judged } from './census.ts';
import type { TargetPreview, Weight } from './report.ts';
import type { Side, Target } from './targets.ts';
import { type changes, compareAnswers } from './verdict.ts';

/** One target: its hellos, and what was found about them so far. */
export class TargetRun {
  readonly target: Target;
  readonly changed: boolean;
  readonly hellos: readonly HelloUse[];
  readonly #unkept: Weight;
  readonly #judged = new Map<number, Judged>();
  readonly #totals: Record<(typeof changes)[number], { peers: number; connections: number; messages: number }> = {
    breaks: { peers: 0, connections: 0, messages: 0 },
    weaker: { peers: 0, connections: 0, messages: 0 },
    starts: { peers: 0, connections: 0, messages: 0 },
    better: { peers: 0, connections: 0, messages: 0 },
    unchanged: { peers: 0, connections: 0, messages: 0 },
  };

  constructor(target: Target, reader: ObservationReader | null, since: number) {
    this.target = target;
    this.changed =
      sideKey(target.from) !== sideKey(target.to) || target.level !== target.levelBefore || target.exceptionsChanged;
    const uses = (reader?.helloUses(target.service, since) ?? []).filter(
      ({ listener }) => target.service === 'gui' || listener === target.listener,
    );
    this.hellos = uses.filter(({ hello }) => hello > 0);
    const unkept = uses.find(({ hello }) => hello === unkeptHello);
    this.#unkept = { peers: 0, connections: unkept?.connections ?? 0, messages: unkept?.messages ?? 0 };
  }

  judge({ hello, connections, messages }: HelloUse, answers: Pick<Judged, 'from' | 'to'>): void {
    // A helper may have been as fast.
    if (this.#judged.has(hello)) return;
    const comparison = compareAnswers(answers.from, answers.to);
    this.#judged.set(hello, { ...answers, comparison });
    const total = this.#totals[comparison.change];
    total.connections += connections;
    total.messages += messages;
  }

  /** Null: not examined. */
  judged(hello: number): Judged | null {
    return this.#judged.get(hello) ?? null;
  }

  isJudged(hello: number): boolean {
    return this.#judged.has(hello);
  }

  figures(): TargetPreview {
    const { service, listener } = this.target;
    return {
      service,
      listener,
      changed: this.changed,
      observed: null,
      hellos: { known: this.hellos.length, examined: this.changed ? this.#judged.size : this.hellos.length },
      totals: structuredClone(this.#totals),
      clearText: { peers: 0, connections: 0, messages: 0 },
      unjudged: this.changed ? this.#unkept : { peers: 0, connections: 0, messages: 0 },
      moves: [],
      groups: [],
      mayRefuse: [],
    };
  }
}

/** Where nothing changes, everybody stays what they are. */
export function countUnchanged(uses: readonly Use[]): Pick<TargetPreview, 'totals' | 'observed'> {
  const unchanged = { peers: 0, connections: 0, messages: 0 };
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  let peer = 0;
  for (const use of uses) {
    unchanged.connections += use.connections;
    unchanged.messages += use.messages;
    if (use.peer !== peer) unchanged.peers++;
    ({ peer } = use);
    first = Math.min(first, use.first);
    last = Math.max(last, use.last);
  }
  const none = { peers: 0, connections: 0, messages: 0 };
  return {
    totals: { breaks: none, weaker: none, starts: none, better: none, unchanged },
    observed: observedRange({ first, last }),
  };
}

function sideKey(side: Side): string {
  return side.kind === 'tls' ? side.key : side.kind;
}

/** Days on which anybody was seen. */
export function observedRange({ first, last }: Pick<Census, 'first' | 'last'>): TargetPreview['observed'] {
  if (last === 0) return null;
  return { first: new Date(first).toISOString(), last: new Date(last).toISOString() };
}
