// Asks DNS what `tls/dane.ts` wants to know about one host.
import { messageOf } from '../errors.ts';
import { answerKey, type DaneAnswer, type DaneHost, type DaneVerdict, decideDane } from '../tls/dane.ts';
import type { Found } from './lookup.ts';
import type { MailResolver } from './resolver.ts';

export interface DaneFinding {
  readonly verdict: DaneVerdict;
  /** The first of the answers it rests on ends then; ms of the monotonic clock. 0: it is to be asked again at once. */
  readonly until: number;
}

/** Never rejects. Without a trusted resolver nothing is secure: no question is asked. */
export async function lookUpDane(host: DaneHost, resolver: MailResolver): Promise<DaneFinding> {
  if (!resolver.trusted) {
    return { verdict: { kind: 'none', why: 'there is no resolver that is trusted for DNSSEC' }, until: 0 };
  }
  const answers = new Map<string, DaneAnswer>();
  let until = Number.POSITIVE_INFINITY;
  for (;;) {
    const step = decideDane(host, answers);
    if (step.kind === 'decided') return { verdict: step.verdict, until };
    const answer = await answerOf(resolver.ask(step.name, step.type));
    until = Math.min(until, answer.until);
    answers.set(answerKey(step.type, step.name), answer);
  }
}

async function answerOf(asked: Promise<Found>): Promise<DaneAnswer & { readonly until: number }> {
  try {
    const found = await asked;
    const { secure, name, until } = found;
    if (found.kind !== 'records') return { kind: 'none', secure, name, until };
    const tlsa = found.records.flatMap((record) => {
      if (record.type !== 'TLSA') return [];
      const { usage, selector, matchingType, certificate } = record.data;
      return [{ usage, selector, matchingType, data: certificate }];
    });
    return { kind: 'records', secure, name, tlsa, until };
  } catch (error) {
    return { kind: 'failed', reason: messageOf(error), until: 0 };
  }
}
