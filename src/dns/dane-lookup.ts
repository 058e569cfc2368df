// Asks DNS what `tls/dane.ts` wants to know about one host.
import { messageOf } from '../errors.ts';
import { answerKey, type DaneAnswer, type DaneHost, type DaneVerdict, decideDane } from '../tls/dane.ts';
import type { Found } from './lookup.ts';
import type { MailResolver } from './resolver.ts';

/** Never rejects. Without a trusted resolver nothing is secure: no question is asked. */
export async function lookUpDane(host: DaneHost, resolver: MailResolver): Promise<DaneVerdict> {
  if (!resolver.trusted) return { kind: 'none', why: 'there is no resolver that is trusted for DNSSEC' };
  const answers = new Map<string, DaneAnswer>();
  for (;;) {
    const step = decideDane(host, answers);
    if (step.kind === 'decided') return step.verdict;
    answers.set(answerKey(step.type, step.name), await answerOf(resolver.ask(step.name, step.type)));
  }
}

async function answerOf(asked: Promise<Found>): Promise<DaneAnswer> {
  try {
    const found = await asked;
    const { secure, name } = found;
    if (found.kind !== 'records') return { kind: 'none', secure, name };
    const tlsa = found.records.flatMap((record) => {
      if (record.type !== 'TLSA') return [];
      const { usage, selector, matchingType, certificate } = record.data;
      return [{ usage, selector, matchingType, data: certificate }];
    });
    return { kind: 'records', secure, name, tlsa };
  } catch (error) {
    return { kind: 'failed', reason: messageOf(error) };
  }
}
