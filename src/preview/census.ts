// Peers counted by what becomes of them: one pass over what was observed, in the order of peers.
import type { Outcome, Use } from '../ledger/observations/reader.ts';
import { alertName } from '../tls/names.ts';
import { wireVersionName } from '../tls/versions.ts';
import type { Move, Weight } from './report.ts';
import { type Answer, type Change, type Comparison, changes, compareAnswers, works } from './verdict.ts';

/** Both answers to one hello, and their comparison. */
export interface Judged {
  readonly from: Answer;
  readonly to: Answer;
  readonly comparison: Comparison;
}

/** A peer in a group. `hello`: its most used one there; 0: none. */
export interface Member {
  readonly peer: number;
  readonly hello: number;
  readonly connections: number;
  readonly messages: number;
  readonly last: number;
}

export interface Group {
  readonly change: Change;
  /** What the members have in common. */
  readonly judged: Judged;
  readonly sample: number;
  peers: number;
  connections: number;
  messages: number;
  /** Most messages first, once `finish` has run. */
  top: Member[];
  readonly hellos: Map<number, number>;
}

export interface Census {
  readonly totals: Record<Change, MutableWeight>;
  readonly clearText: MutableWeight;
  readonly unjudged: MutableWeight;
  readonly moves: Map<string, MutableWeight & Omit<Move, keyof Weight> & { lastPeer: number }>;
  readonly groups: Map<string, Group>;
  readonly mayRefuse: Member[];
  /** All that break or may refuse; only where they are asked for. */
  readonly foretold: Set<number> | null;
  mayRefuseCount: number;
  first: number;
  last: number;
}

export interface MutableWeight {
  peers: number;
  connections: number;
  messages: number;
}

const shown = 20;
/** Members gathered before the least are dropped. */
const gathered = 400;
/** Groups of one target; further reasons are counted in the totals only. */
const mostGroups = 200;
const mostHellos = 1_000;

const nothing = (): MutableWeight => ({ peers: 0, connections: 0, messages: 0 });

function emptyCensus(foretold: Set<number> | null): Census {
  return {
    totals: { breaks: nothing(), weaker: nothing(), starts: nothing(), better: nothing(), unchanged: nothing() },
    clearText: nothing(),
    unjudged: nothing(),
    moves: new Map(),
    groups: new Map(),
    mayRefuse: [],
    foretold,
    mayRefuseCount: 0,
    first: Number.POSITIVE_INFINITY,
    last: 0,
  };
}

export interface CensusInput {
  /** Of one target, in the order of peers. */
  readonly uses: readonly Use[];
  readonly outcomes: ReadonlyMap<number, Outcome>;
  /** Null: the hello is not there any more. */
  readonly judge: (hello: number, peer: number) => Judged | null;
  /** For a peer without TLS. */
  readonly clear: Judged;
  /** What sets apart peers with the same change: the reason, and what the hello offers. */
  readonly groupKey: (judged: Judged, hello: number) => string;
  /** Gets all peers that break or may refuse. */
  readonly foretold?: Set<number> | null;
}

export function takeCensus({ uses, outcomes, judge, clear, groupKey, foretold = null }: CensusInput): Census {
  const census = emptyCensus(foretold);
  for (let at = 0; at < uses.length; ) {
    const peer = uses[at]?.peer;
    let end = at + 1;
    while (end < uses.length && uses[end]?.peer === peer) end++;
    countPeer(census, uses.slice(at, end), outcomes, { judge, clear, groupKey });
    at = end;
  }
  for (const group of census.groups.values()) group.top = most(group.top);
  census.mayRefuse.splice(0, census.mayRefuse.length, ...most(census.mayRefuse));
  return census;
}

type Rules = Pick<CensusInput, 'judge' | 'clear' | 'groupKey'>;

/** One peer has one change: the worst that befalls what it really used. */
function countPeer(census: Census, uses: readonly Use[], outcomes: ReadonlyMap<number, Outcome>, rules: Rules): void {
  let worst: Change | null = null;
  let leading: { readonly judged: Judged; readonly use: Use } | null = null;
  let connections = 0;
  let messages = 0;
  let last = 0;
  let clearOnly = true;
  let unjudged = false;
  for (const use of uses) {
    census.first = Math.min(census.first, use.first);
    census.last = Math.max(census.last, use.last);
    const outcome = outcomes.get(use.outcome);
    if (outcome === undefined) continue;
    const judged = outcome.kind === 'clear' ? rules.clear : use.hello > 0 ? rules.judge(use.hello, use.peer) : null;
    if (outcome.kind === 'clear') {
      census.clearText.connections += use.connections;
      census.clearText.messages += use.messages;
    } else clearOnly = false;
    if (judged === null) {
      // Without a hello there was nothing to be judged.
      if (use.hello === 0 && outcome.kind === 'failed') continue;
      unjudged = true;
      census.unjudged.connections += use.connections;
      census.unjudged.messages += use.messages;
      continue;
    }
    // What failed before is no use that could become better or worse.
    const failed = outcome.kind === 'failed' && judged.comparison.change !== 'starts';
    const change = failed ? 'unchanged' : judged.comparison.change;
    if (!failed) addMove(census, judged, use);
    const { totals } = census;
    totals[change].connections += use.connections;
    totals[change].messages += use.messages;
    if (change === worst) {
      connections += use.connections;
      messages += use.messages;
      last = Math.max(last, use.last);
      if (leading !== null && use.connections > leading.use.connections) leading = { judged, use };
    } else if (worst === null || changes.indexOf(change) < changes.indexOf(worst)) {
      worst = change;
      connections = use.connections;
      messages = use.messages;
      last = use.last;
      leading = { judged, use };
    }
  }
  if (clearOnly) census.clearText.peers++;
  if (worst === null || leading === null) {
    if (unjudged) census.unjudged.peers++;
    return;
  }
  census.totals[worst].peers++;
  if (worst === 'breaks') census.foretold?.add(leading.use.peer);
  const { judged, use } = leading;
  const member: Member = { peer: use.peer, hello: use.hello, connections, messages, last };
  if (worst !== 'unchanged') addMember(census, worst, judged, member, rules.groupKey(judged, use.hello));
  addRefuser(census, uses, outcomes, rules);
}

function addMember(census: Census, change: Change, judged: Judged, member: Member, reason: string): void {
  const key = `${change} ${reason}`;
  let group = census.groups.get(key);
  if (group === undefined) {
    if (census.groups.size >= mostGroups) return;
    group = { change, judged, sample: member.hello, peers: 0, connections: 0, messages: 0, top: [], hellos: new Map() };
    census.groups.set(key, group);
  }
  group.peers++;
  group.connections += member.connections;
  group.messages += member.messages;
  group.top.push(member);
  if (group.top.length >= gathered) group.top = most(group.top);
  if (member.hello !== 0 && (group.hellos.has(member.hello) || group.hellos.size < mostHellos)) {
    group.hellos.set(member.hello, (group.hellos.get(member.hello) ?? 0) + member.connections);
  }
}

function most(members: readonly Member[]): Member[] {
  return members.toSorted((a, b) => b.messages - a.messages || b.connections - a.connections).slice(0, shown);
}

/**
 * Peers that once refused what the server had answered, and never completed a handshake of the version and suite that the
 * candidate would answer: no replay can say what they will do.
 */
function addRefuser(census: Census, uses: readonly Use[], outcomes: ReadonlyMap<number, Outcome>, rules: Rules): void {
  for (const use of uses) {
    const outcome = outcomes.get(use.outcome);
    if (outcome?.kind !== 'failed' || outcome.alert === null || use.hello <= 0) continue;
    const to = rules.judge(use.hello, use.peer)?.to;
    if (to?.outcome !== 'served') continue;
    const took = uses.some((other) => {
      const known = outcomes.get(other.outcome);
      return known?.kind === 'tls' && known.version === to.version && known.suite === to.suite;
    });
    if (took) continue;
    census.mayRefuseCount++;
    census.foretold?.add(use.peer);
    const { peer, hello, connections, messages, last } = use;
    census.mayRefuse.push({ peer, hello, connections, messages, last });
    if (census.mayRefuse.length >= gathered) {
      census.mayRefuse.splice(0, census.mayRefuse.length, ...most(census.mayRefuse));
    }
    return;
  }
}

function addMove(census: Census, judged: Judged, use: Use): void {
  const from = answerName(judged.from);
  const to = answerName(judged.to);
  const key = `${from} ${to} ${judged.comparison.change}`;
  let move = census.moves.get(key);
  if (move === undefined) {
    move = { from, to, change: judged.comparison.change, ...nothing(), lastPeer: 0 };
    census.moves.set(key, move);
  }
  move.connections += use.connections;
  move.messages += use.messages;
  if (move.lastPeer !== use.peer) move.peers++;
  move.lastPeer = use.peer;
}

/** `TLS v1.2`, `clear text`, `refused`. */
export function answerName(answer: Answer): string {
  if (answer.outcome === 'served') return wireVersionName(answer.version);
  return answer.outcome === 'clear' ? 'clear text' : 'refused';
}

/** Why it does not work, or what differs: the same for the members of a group. */
export function reasonOf({ to, comparison }: Judged): string {
  if (!works(to)) {
    if (to.outcome === 'closed') return 'the listener is gone';
    if (to.outcome === 'refused') return to.alert === null ? to.reason : alertName(to.alert);
    return to.outcome === 'no-hello' ? to.reason : '';
  }
  return comparison.differences.map(({ aspect, from, to: after }) => `${aspect}: ${from} → ${after}`).join(', ');
}

/** Both sides' answers where no hello is involved. */
export function judgedClear(from: Answer, to: Answer): Judged {
  return { from, to, comparison: compareAnswers(from, to) };
}
