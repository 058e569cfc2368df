// Two answers of the server to one hello, compared: is the new one better, weaker, none any more?
import { groupName } from '../tls/names.ts';
import type { Verdict } from '../tls/replay.ts';
import { type Suite, suiteById, suiteName } from '../tls/suites.ts';
import { wireVersionName } from '../tls/versions.ts';

/** What becomes of a peer under the candidate. `starts`: to work. */
export const changes = ['breaks', 'weaker', 'starts', 'better', 'unchanged'] as const;
export type Change = (typeof changes)[number];

export type Aspect = 'version' | 'cipher suite' | 'group' | 'forward secrecy' | 'post-quantum' | 'encryption';

/** What differs, and in which direction. `from` and `to` in words: `TLS v1.3`, `x25519`, `yes`. */
export interface Difference {
  readonly aspect: Aspect;
  readonly better: boolean;
  readonly from: string;
  readonly to: string;
}

/** `clear`: no TLS is offered here, or the peer asks for none. `closed`: there is no such listener any more. */
export type Answer = Verdict | { readonly outcome: 'clear' } | { readonly outcome: 'closed' };

export interface Comparison {
  readonly change: Change;
  readonly differences: readonly Difference[];
}

const unchanged: Comparison = { change: 'unchanged', differences: [] };

export function compareAnswers(from: Answer, to: Answer): Comparison {
  const worked = works(from);
  if (worked !== works(to)) return { change: worked ? 'breaks' : 'starts', differences: [] };
  if (!worked) return unchanged;
  if (from.outcome === 'clear' || to.outcome === 'clear') {
    if (from.outcome === to.outcome) return unchanged;
    const better = from.outcome === 'clear';
    return {
      change: better ? 'better' : 'weaker',
      differences: [{ aspect: 'encryption', better, from: encryption(from), to: encryption(to) }],
    };
  }
  return from.outcome === 'served' && to.outcome === 'served' ? compareServed(from, to) : unchanged;
}

/** Mail can come in with this answer. */
export function works(answer: Answer): boolean {
  return answer.outcome === 'served' || answer.outcome === 'clear';
}

function encryption(answer: Answer): string {
  return answer.outcome === 'served' ? wireVersionName(answer.version) : 'clear text';
}

type Served = Extract<Verdict, { readonly outcome: 'served' }>;

function compareServed(from: Served, to: Served): Comparison {
  const differences = [
    difference('version', from.version, to.version, wireVersionName(from.version), wireVersionName(to.version)),
    difference('cipher suite', suiteRank(from.suite), suiteRank(to.suite), suiteName(from.suite), suiteName(to.suite)),
    difference(
      'forward secrecy',
      Number(isForwardSecret(from)),
      Number(isForwardSecret(to)),
      yes(isForwardSecret(from)),
      yes(isForwardSecret(to)),
    ),
    difference(
      'post-quantum',
      Number(isPostQuantum(from)),
      Number(isPostQuantum(to)),
      yes(isPostQuantum(from)),
      yes(isPostQuantum(to)),
    ),
    groupDifference(from, to),
  ].filter((found) => found !== null);
  if (differences.length === 0) return unchanged;
  return { change: differences.some(({ better }) => !better) ? 'weaker' : 'better', differences };
}

function difference(aspect: Aspect, before: number, after: number, from: string, to: string): Difference | null {
  return before === after ? null : { aspect, better: after > before, from, to };
}

/** Only where both have one, and neither or both are post-quantum: that one counts by itself. */
function groupDifference(from: Served, to: Served): Difference | null {
  if (from.group === null || to.group === null || isPostQuantum(from) !== isPostQuantum(to)) return null;
  return difference('group', groupBits(from.group), groupBits(to.group), groupName(from.group), groupName(to.group));
}

function yes(value: boolean): string {
  return value ? 'yes' : 'no';
}

/** Authenticated encryption before CBC, then the length of the key. */
function suiteRank(id: number): number {
  const suite = suiteById(id);
  if (suite === undefined) return 0;
  const bits = Number(/\((\d+)\)/.exec(suite.enc)?.[1] ?? 0);
  return (isAuthenticated(suite) ? 1000 : 0) + bits;
}

function isAuthenticated({ mac, enc }: Suite): boolean {
  return mac === 'AEAD' || enc.startsWith('CHACHA20');
}

/** What is recorded today stays unreadable for whoever gets the certificate's key later. */
export function isForwardSecret({ version, suite }: Served): boolean {
  const exchange = suiteById(suite)?.kx;
  return version >= 0x0304 || exchange === 'ECDH' || exchange === 'DH';
}

const postQuantumGroups: ReadonlySet<number> = new Set([512, 513, 514, 4587, 4588, 4589]);

/** What is recorded today stays unreadable for the owner of a quantum computer. */
export function isPostQuantum({ group }: Served): boolean {
  return group !== null && postQuantumGroups.has(group);
}

/** Bits of security (NIST SP 800-57 part 1, table 2). */
const bitsOfGroups: ReadonlyMap<number, number> = new Map([
  [24, 192],
  [25, 256],
  [30, 224],
  [256, 112],
  [4589, 192],
]);

function groupBits(group: number): number {
  return bitsOfGroups.get(group) ?? 128;
}
