// exceptionconfig: more TLS for single peers, until a day.
import { isIP } from 'node:net';
import { endOf, exceptionText } from '../../config/exceptions.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { withoutRows, withRows } from '../../config/tables.ts';
import { displayName, type TlsVersion, tlsVersions } from '../../tls/versions.ts';
import { editCandidate } from './candidate.ts';
import type { Command, CommandContext } from './command.ts';
import { accepted, askValue, type Checked, type Operation, operationMenu, refused, short } from './question.ts';

type Exception = GatewayConfig['exceptions'][number];

/** An exception that a preview proposes lasts so long, days. */
const usualDays = 90;
const day = 24 * 3600 * 1000;

/** One line each; `now`: ms since the epoch. */
export function exceptionLines(exceptions: readonly Exception[], now: number): string[] {
  return exceptions.map((exception) => {
    const end = endOf(exception);
    return `${exceptionText(exception)}${end !== null && end <= now ? ' - ENDED' : ''}`;
  });
}

function heading(exceptions: readonly Exception[]): string {
  if (exceptions.length === 0) return 'There are no exceptions.';
  return ['Exceptions:', ...exceptionLines(exceptions, Date.now()).map((line, index) => `${index + 1}. ${line}`)].join(
    '\n',
  );
}

async function create({ host, dialogue, actor }: CommandContext): Promise<void> {
  const peer = await askValue(
    dialogue,
    { text: '\nEnter the address or range of a client, or the domain of a destination.' },
    (answer) => (answer === '' ? refused('Enter one, such as 198.51.100.7 or partner.example.') : accepted(answer)),
  );
  const service = isIP(peer.split('/')[0] ?? '') === 0 ? 'outbound' : 'inbound';
  const list = tlsVersions.map((version, index) => `${index}. ${displayName(version)}`).join('\n');
  const versions = await askValue(
    dialogue,
    {
      text: `\nWhich versions does it get beside those of ${service} mail? Several with commas; nothing: none.\n${list}`,
    },
    parseVersions,
  );
  const ciphers = await askValue(
    dialogue,
    { text: '\nEnter its ciphers, in place of those of the service. Nothing: the same.' },
    accepted,
  );
  const owner = await askValue(dialogue, { text: '\nWho answers for it?' }, required);
  const reason = await askValue(dialogue, { text: '\nWhy is it needed?' }, required);
  const preset = new Date(Date.now() + usualDays * day).toISOString().slice(0, 10);
  const expires = await askValue(dialogue, { text: '\nWhat is its last day?', default: preset }, (answer) => {
    const end = endOf({ expires: answer });
    if (end === null) return refused('Enter a day, such as 2026-12-31.');
    return end <= Date.now() ? refused('That day is over.') : accepted(answer);
  });
  const exception: Exception = {
    peer,
    service,
    ...(versions.length === 0 ? {} : { versions }),
    ...(ciphers === '' ? {} : { ciphers }),
    owner,
    reason,
    expires,
  };
  await editCandidate(host, actor, (config) => withRows(config, 'exceptions', [exception]));
  dialogue.print(`\nException ${service === 'inbound' ? 'from' : 'to'} ${short(peer)} created.`);
}

function parseVersions(answer: string): Checked<TlsVersion[]> {
  const words = answer.split(/[\s,]+/).filter((word) => word !== '');
  const versions = words.map((word) => tlsVersions[Number(word)]);
  if (words.every((word) => /^[0-3]$/.test(word)) && versions.every((version) => version !== undefined)) {
    return accepted(tlsVersions.filter((version) => versions.includes(version)));
  }
  return refused('Enter numbers from 0 to 3, such as 0 or 0,1.');
}

const required = (answer: string): Checked<string> =>
  answer === '' ? refused('This is needed: it stands in the log when the exception ends.') : accepted(answer);

async function remove({ host, dialogue, actor }: CommandContext): Promise<void> {
  const { exceptions } = host.config.candidate(actor.user).config;
  const peer = await askValue(
    dialogue,
    { text: '\nEnter the number or the peer of the exception you want to delete.' },
    (answer): Checked<string> => {
      const found = exceptions[Number(answer) - 1]?.peer ?? exceptions.find((one) => one.peer === answer)?.peer;
      return found === undefined ? refused(`There is no exception "${short(answer)}".`) : accepted(found);
    },
  );
  await editCandidate(host, actor, (config) => withoutRows(config, 'exceptions', [peer]));
  dialogue.print(`\nException for ${peer} deleted.`);
}

export const exceptionconfig: Command = {
  name: 'exceptionconfig',
  group: 'Configuration',
  summary: 'old TLS versions or ciphers for single peers, until a day',
  usage: 'exceptionconfig',
  help: `An exception gives one client network (incoming mail) or one destination (outgoing mail) versions beside those of the service,
other ciphers, or both, until the end of its last day (UTC); nobody else gets anything else. When it ends it is gone by itself, and
the log says so; two weeks before it is told once a day.`,
  words: 'answers',
  complete: ['NEW', 'DELETE'],
  run: async (context) => {
    const { host, dialogue, user } = context;
    const present = () => host.config.candidate(user).config.exceptions;
    await operationMenu(
      dialogue,
      () => heading(present()),
      (): readonly Operation[] => [
        { key: 'NEW', text: 'Make an exception.', run: () => create(context) },
        ...(present().length === 0
          ? []
          : [{ key: 'DELETE', text: 'Delete an exception.', run: () => remove(context) }]),
      ],
    );
  },
};
