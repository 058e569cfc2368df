// tlsverify, daneverify: whether mail to a domain would go out over TLS, and how, without sending any.
import { parseDomain } from '../../config/names.ts';
import { PosternError } from '../../errors.ts';
import type { Command, CommandContext } from './command.ts';
import { accepted, askValue, refused, sentence, short } from './question.ts';

const mostDomains = 1000;

interface Request {
  readonly domains: readonly string[];
  readonly detail: boolean;
}

/** `example.com example.net --detail`; without a domain one is asked for. */
async function requestOf({ dialogue, words }: CommandContext, name: string): Promise<Request> {
  const detail = words.some((word) => /^(--?)?detail$/i.test(word));
  const named = words.filter((word) => !/^(--?)?detail$/i.test(word));
  const option = named.find((word) => word.startsWith('-'));
  if (option !== undefined) {
    throw new PosternError('bad-usage', `${name} has no option "${short(option)}"`, {
      remedy: `Usage: ${name} [DOMAIN...] [--detail]`,
    });
  }
  if (named.length === 0) {
    const text = `\nEnter the domain you wish to verify${name === 'daneverify' ? ' for DANE' : ''}.`;
    const domain = await askValue(dialogue, { text }, (answer) => {
      const parsed = parseDomain(answer);
      return parsed.ok ? accepted(parsed.value) : refused(`${sentence(parsed.reason)}\n${sentence(parsed.remedy)}`);
    });
    return { domains: [domain], detail };
  }
  return { domains: checkDomains(named), detail };
}

/** Each domain once, as DNS knows it. Throws what is wrong with the first that is none. */
export function checkDomains(words: readonly string[]): readonly string[] {
  if (words.length > mostDomains) throw new PosternError('bad-usage', `that are more than ${mostDomains} domains`);
  const domains = words.map((word, index) => {
    const parsed = parseDomain(word);
    if (parsed.ok) return parsed.value;
    const { reason: detail, remedy } = parsed;
    throw new PosternError('bad-usage', detail, { remedy, issues: [{ pointer: `/domains/${index}`, detail, remedy }] });
  });
  return [...new Set(domains)];
}

async function verify(context: CommandContext, name: 'tlsverify' | 'daneverify'): Promise<void> {
  const { host, dialogue } = context;
  const { domains, detail } = await requestOf(context, name);
  const many = domains.length > 1;
  const verdicts = await host.verifyTls(
    { domains, detail, dane: name === 'daneverify', signal: dialogue.signal },
    ({ domain, lines }, told) => {
      const heading = many ? `[${told}/${domains.length}] ${domain}\n` : '';
      dialogue.print(`\n${heading}${lines.join('\n')}`);
    },
  );
  if (many) {
    const failed = verdicts.filter((verdict) => !verdict.ok).map((verdict) => verdict.domain);
    const count = `${verdicts.length - failed.length} of ${domains.length} succeeded`;
    dialogue.print(`\n${count}${failed.length === 0 ? '.' : `; failed: ${failed.toSorted().join(', ')}`}`);
  }
  if (verdicts.some((verdict) => !verdict.ok)) {
    throw new PosternError('tls', many ? 'not every domain can be reached as it should' : 'the verification failed');
  }
}

const about = `A connection is made as a delivery would make it: EHLO, STARTTLS, the handshake, EHLO, QUIT; no mail is sent. With --detail
every host and address is tried, each TLS version by itself, and suite, group, chain, names, TLSA records and the policy are shown.
Several domains are tried side by side.`;

export const tlsverify: Command = {
  name: 'tlsverify',
  group: 'Monitoring',
  summary: 'whether mail to a domain would go out over TLS, and how',
  usage: 'tlsverify [DOMAIN...] [--detail]',
  help: about,
  words: 'own',
  run: (context) => verify(context, 'tlsverify'),
};

export const daneverify: Command = {
  name: 'daneverify',
  group: 'Monitoring',
  summary: 'whether the hosts of a domain keep what their TLSA records promise',
  usage: 'daneverify [DOMAIN...] [--detail]',
  help: `${about} DANE is demanded here whatever the configuration says.`,
  words: 'own',
  run: (context) => verify(context, 'daneverify'),
};
