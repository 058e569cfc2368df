// Groups by replay, for the ledger: what a client met, answered once more. Few at a time: log lines are made in the same thread.
import { setTimeout as sleep } from 'node:timers/promises';
import { Share } from '../config/share.ts';
import type { Snapshot } from '../config/snapshot.ts';
import type { DerivedAnswer, GroupQuestion, GroupSource } from '../ledger/observations/groups.ts';
import { isLegacyVersion } from '../tls/contexts.ts';
import { peekHello } from '../tls/peek.ts';
import { replayHello } from '../tls/replay.ts';
import { type PreviewSettings, previewSettings } from './settings.ts';
import { Compiler, type Target, type TlsSide } from './targets.ts';

/** ms between two replays, each of which takes about one. */
const pause = 50;
/** That wait for their turn, and who waits for each. */
const mostQueued = 200;
const mostTold = 100;
const mostKnown = 50_000;

interface Waiting {
  readonly side: TlsSide;
  readonly bytes: Uint8Array;
  readonly told: ((answer: DerivedAnswer) => void)[];
}

interface Settings {
  readonly settings: PreviewSettings;
  /** Null: to be compiled. */
  targets: readonly Target[] | null;
}

const unknown: DerivedAnswer = { version: null, suite: null, group: null };

export class ReplayedGroups implements GroupSource {
  readonly #compiler = new Compiler();
  #usual: Settings;
  /** During a roll-out: of the peers outside the share. */
  #former: (Settings & { readonly share: Share }) | null = null;
  /** By context and hello. */
  readonly #known = new Map<string, DerivedAnswer>();
  readonly #queue = new Map<string, Waiting>();
  readonly #ended = new AbortController();
  #working = false;

  constructor(snapshot: Snapshot) {
    this.#usual = { settings: previewSettings(snapshot), targets: null };
    this.apply(snapshot);
  }

  apply(snapshot: Snapshot): void {
    const { rollOut } = snapshot;
    this.#usual = { settings: previewSettings(snapshot), targets: null };
    this.#former = rollOut && { settings: rollOut.former, targets: null, share: new Share(rollOut) };
  }

  derive(question: GroupQuestion, tell: (answer: DerivedAnswer) => void): void {
    const side = this.#sideOf(question);
    if (side === null) return;
    const peek = peekHello(question.bytes);
    const old = side.tls.legacy !== null && peek.status === 'complete' && isLegacyVersion(peek.highest);
    const key = `${old ? side.contexts.legacy : side.contexts.modern} ${question.hello}`;
    const known = this.#known.get(key);
    if (known !== undefined) {
      tell(known);
      return;
    }
    const waiting = this.#queue.get(key);
    if (waiting !== undefined) {
      if (waiting.told.length < mostTold) waiting.told.push(tell);
    } else if (this.#queue.size < mostQueued) {
      this.#queue.set(key, { side, bytes: question.bytes, told: [tell] });
      void this.#work();
    }
  }

  stop(): void {
    this.#ended.abort();
    this.#queue.clear();
  }

  #sideOf({ service, listener, address }: GroupQuestion): TlsSide | null {
    const met = this.#former === null || this.#former.share.holds(address) ? this.#usual : this.#former;
    try {
      met.targets ??= this.#compiler.targets(met.settings, met.settings);
    } catch {
      met.targets = []; // a mail worker would have refused such settings; nothing is derived under them
    }
    const target = met.targets.find((one) => one.service === service && one.listener === listener);
    const side = target?.exceptions?.to.find(address) ?? target?.to;
    return side?.kind === 'tls' ? side : null;
  }

  /** Never rejects. */
  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (let next = this.#queue.entries().next(); next.done !== true; next = this.#queue.entries().next()) {
      const [key, { side, bytes, told }] = next.value;
      const answer = await answerOf(side, bytes);
      if (this.#ended.signal.aborted) return;
      this.#queue.delete(key);
      if (this.#known.size >= mostKnown) this.#known.clear();
      this.#known.set(key, answer);
      for (const tell of told) tell(answer);
      await sleep(pause, undefined, { ref: false, signal: this.#ended.signal }).catch(() => undefined); // it is looked at above
    }
    this.#working = false;
  }
}

async function answerOf(side: TlsSide, bytes: Uint8Array): Promise<DerivedAnswer> {
  try {
    const verdict = await replayHello(bytes, side.tls, side.alpn === null ? {} : { alpn: side.alpn });
    return verdict.outcome === 'served' ? verdict : unknown;
  } catch {
    return unknown; // not answered in time
  }
}
