// How mail workers ask the control thread about MTA-STS policies.
import type { MessagePort } from 'node:worker_threads';
import { ExpiringMap } from '../dns/cache.ts';
import { PosternError } from '../errors.ts';
import type { StsSource, StsVerdict } from '../tls/mta-sts.ts';

interface Answer {
  readonly domain: string;
  readonly verdict: StsVerdict;
}

const mostAnswers = 20_000;
/** A worker asks anew after so many ms; DNS has its own memory behind it. */
const answerFor = 30_000;
/** DNS and a fetch have deadlines of their own, some seconds. */
const longestWait = 90_000;

/** A worker's end. Where no answer comes it rejects, temporarily: mail waits rather than go out with less. */
export class StsClient implements StsSource {
  readonly #port: MessagePort;
  readonly #answers = new ExpiringMap<StsVerdict>(mostAnswers);
  readonly #waiting = new Map<string, { promise: Promise<StsVerdict>; settle: (verdict: StsVerdict | null) => void }>();

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', ({ domain, verdict }: Answer) => {
      this.#answers.set(domain, verdict, performance.now() + answerFor);
      this.#waiting.get(domain)?.settle(verdict);
    });
    port.unref();
  }

  lookUp(domain: string): StsVerdict | Promise<StsVerdict> {
    const known = this.#answers.get(domain, performance.now());
    if (known !== undefined) return known;
    const waiting = this.#waiting.get(domain);
    if (waiting !== undefined) return waiting.promise;
    const { promise, resolve, reject } = Promise.withResolvers<StsVerdict>();
    const settle = (verdict: StsVerdict | null): void => {
      clearTimeout(timer);
      this.#waiting.delete(domain);
      if (verdict !== null) resolve(verdict);
      else reject(new PosternError('timeout', `nobody tells the MTA-STS policy of ${domain}`, { temporary: true }));
    };
    const timer = setTimeout(() => settle(null), longestWait);
    this.#waiting.set(domain, { promise, settle });
    this.#port.postMessage(domain);
    return promise;
  }

  /** Other settings: what was answered under the old ones is asked anew. */
  clear(): void {
    this.#answers.clear();
  }
}

/** The other end. */
export function answerOn(port: MessagePort, policies: StsSource): void {
  port.on('message', async (domain: string) => {
    port.postMessage({ domain, verdict: await policies.lookUp(domain) } satisfies Answer);
  });
}
