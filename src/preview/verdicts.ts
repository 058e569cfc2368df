// Verdicts by replay, remembered by (hello, compiled settings).
import { replayHello, type Verdict } from '../tls/replay.ts';
import type { TlsSide } from './targets.ts';

/** Settings remembered, each with at most so many hellos. A verdict takes some 100 bytes. */
const mostSettings = 16;
const mostHellos = 50_000;

export class Verdicts {
  readonly #known = new Map<string, Map<number, Verdict>>();
  readonly #bytesOf: (hello: number) => Uint8Array | null;

  /** `bytesOf`: the neutral form by its number, null where it is not kept any more. */
  constructor(bytesOf: (hello: number) => Uint8Array | null) {
    this.#bytesOf = bytesOf;
  }

  known(side: TlsSide, hello: number): Verdict | undefined {
    return this.#known.get(side.key)?.get(hello);
  }

  async of(side: TlsSide, hello: number): Promise<Verdict> {
    const verdicts = this.#of(side.key);
    const known = verdicts.get(hello);
    if (known !== undefined) return known;
    const bytes = this.#bytesOf(hello);
    const verdict: Verdict =
      bytes === null
        ? { outcome: 'no-hello', reason: 'the hello is not kept any more' }
        : await replayHello(bytes, side.tls, side.alpn === null ? {} : { alpn: side.alpn });
    if (verdicts.size < mostHellos) verdicts.set(hello, verdict);
    return verdict;
  }

  #of(key: string): Map<number, Verdict> {
    const known = this.#known.get(key) ?? new Map<number, Verdict>();
    // The last used stands last.
    this.#known.delete(key);
    this.#known.set(key, known);
    const oldest = this.#known.keys().next();
    if (this.#known.size > mostSettings && oldest.done !== true) this.#known.delete(oldest.value);
    return known;
  }
}
