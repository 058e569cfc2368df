// Verdicts by replay, remembered by hello and the context that answers it: where a candidate changes old versions only, whatever
// new clients get is known already.
import { isLegacyVersion } from '../tls/contexts.ts';
import { peekHello } from '../tls/peek.ts';
import { replayHello, type Verdict } from '../tls/replay.ts';
import type { TlsSide } from './targets.ts';

/** Contexts remembered, each with at most so many hellos. A verdict takes some 100 bytes. */
const mostContexts = 24;
const mostHellos = 50_000;

const gone: Verdict = { outcome: 'no-hello', reason: 'the hello is not kept any more' };

export class Verdicts {
  readonly #known = new Map<string, Map<number, Verdict>>();
  /** Hello → its highest version is 1.1 or lower. */
  readonly #old = new Map<number, boolean>();
  readonly #bytesOf: (hello: number) => Uint8Array | null;

  /** `bytesOf`: the neutral form by its number, null where it is not kept any more. */
  constructor(bytesOf: (hello: number) => Uint8Array | null) {
    this.#bytesOf = bytesOf;
  }

  has(side: TlsSide, hello: number): boolean {
    return this.#of(side, hello).has(hello);
  }

  /** What another has found out. */
  put(side: TlsSide, hello: number, verdict: Verdict): void {
    const verdicts = this.#of(side, hello);
    if (verdicts.size < mostHellos) verdicts.set(hello, verdict);
  }

  async of(side: TlsSide, hello: number): Promise<Verdict> {
    const verdicts = this.#of(side, hello);
    const known = verdicts.get(hello);
    if (known !== undefined) return known;
    const bytes = this.#bytesOf(hello);
    const verdict =
      bytes === null ? gone : await replayHello(bytes, side.tls, side.alpn === null ? {} : { alpn: side.alpn });
    if (verdicts.size < mostHellos) verdicts.set(hello, verdict);
    return verdict;
  }

  /** As `acceptTls` and `replayHello` choose the context. */
  #isOld(hello: number): boolean {
    const known = this.#old.get(hello);
    if (known !== undefined) return known;
    const peek = peekHello(this.#bytesOf(hello) ?? new Uint8Array());
    const old = peek.status === 'complete' && isLegacyVersion(peek.highest);
    if (this.#old.size < mostHellos) this.#old.set(hello, old);
    return old;
  }

  /** Those of the context that answers the hello. */
  #of(side: TlsSide, hello: number): Map<number, Verdict> {
    const old = side.tls.legacy !== null && this.#isOld(hello);
    const key = old ? side.contexts.legacy : side.contexts.modern;
    const known = this.#known.get(key) ?? new Map<number, Verdict>();
    // The last used stands last.
    this.#known.delete(key);
    this.#known.set(key, known);
    const oldest = this.#known.keys().next();
    if (this.#known.size > mostContexts && oldest.done !== true) this.#known.delete(oldest.value);
    return known;
  }
}
