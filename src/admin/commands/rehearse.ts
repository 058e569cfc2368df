// rehearse: trial handshakes with the destinations of the last days, under the pending changes.
import { oneLine } from '../../config/quote.ts';
import type { Rehearsal, RehearsalRow } from '../host.ts';
import type { Command } from './command.ts';
import { daysOf, short } from './question.ts';
import { formatCount } from './time.ts';

const longestDetail = 300;
const outcomes: Readonly<Record<RehearsalRow['outcome'], string>> = {
  secure: 'secure',
  clear: 'CLEAR TEXT',
  waits: 'WAITS',
  unreachable: 'unreachable',
};

/** The table and what it comes to; most messages first. Texts of strangers are cut and on one line. */
export function rehearsalText({ rows, breaks, all }: Rehearsal, days: number): string {
  if (all === 0) return `No mail went anywhere in the last ${days} days: there is nothing to rehearse.`;
  const cells = rows.map((row) => ({
    domain: short(row.domain),
    messages: formatCount(row.messages),
    outcome: outcomes[row.outcome],
    found: row.protocol === '' ? '-' : `${row.protocol} ${row.cipher}`,
    today: row.today === '' ? '-' : row.today,
    row,
  }));
  const width = (key: 'domain' | 'messages' | 'outcome' | 'today', title: string) =>
    Math.max(title.length, ...cells.map((cell) => cell[key].length)) + 2;
  const widths = {
    domain: width('domain', 'Destination'),
    messages: width('messages', 'Messages'),
    outcome: width('outcome', 'Mail'),
    today: width('today', 'Today'),
  };
  const head = `${'Destination'.padEnd(widths.domain)}${'Messages'.padStart(widths.messages - 2)}  ${'Mail'.padEnd(widths.outcome)}${'Today'.padEnd(widths.today)}Rehearsed`;
  const lines = cells.flatMap(({ domain, messages, outcome, found, today, row }) => [
    `${domain.padEnd(widths.domain)}${messages.padStart(widths.messages - 2)}  ${outcome.padEnd(widths.outcome)}${today.padEnd(widths.today)}${found}`,
    ...detailsOf(row),
  ]);
  const missing = all - rows.length;
  const end = [
    `${formatCount(rows.length)} of ${formatCount(all)} destinations of the last ${days} days were tried${missing > 0 ? '; the rest was left out' : ''}.`,
    breaks === 0 ? 'Mail would reach every one that answered.' : `Mail to ${formatCount(breaks)} of them would wait.`,
  ];
  return [head, ...lines, '', ...end].join('\n');
}

function detailsOf({ host, address, group, certificate, reason }: RehearsalRow): string[] {
  const about = [
    host === '' ? '' : `${host} (${address})`,
    group,
    certificate === '' ? '' : `certificate: ${certificate}`,
  ];
  const text = about.filter((part) => part !== '').join(', ');
  return [
    ...(text === '' ? [] : [`    ${oneLine(text, longestDetail)}`]),
    ...(reason === '' ? [] : [`    ${oneLine(reason, longestDetail)}`]),
  ];
}

/** `[####      ] 12 of 30  partner.example` for a terminal, without its end of line. */
export function progressBar(told: number, all: number, domain: string): string {
  const width = 30;
  const done = all === 0 ? width : Math.round((told / all) * width);
  return `[${'#'.repeat(done)}${' '.repeat(width - done)}] ${told} of ${all}  ${short(domain)}`;
}

export const rehearseCommand: Command = {
  name: 'rehearse',
  group: 'Changes',
  summary: 'trial handshakes with the destinations of the last days under the pending changes',
  usage: 'rehearse [DAYS]',
  help: `Connects to the destinations that mail went to in the last days (7 unless you say otherwise), most mail first, as a delivery
under the pending configuration would: EHLO, STARTTLS, the handshake, QUIT; no mail is sent, and never more than one connection to a
host is open. Says what each would have against what it has today. Previews under the same settings then know it. Ctrl-C ends it.`,
  words: 'own',
  run: async ({ host, dialogue, user, words }) => {
    const days = daysOf(words[0], 7);
    const { interactive, signal } = dialogue;
    let told = 0;
    const rehearsal = await host.rehearse(host.config.candidate(user).config, {
      days,
      signal,
      onProgress: (row, count, all) => {
        // A line a tenth of the way is enough where nobody sits; a person sees each.
        const step = Math.max(1, Math.ceil(all / (interactive ? 40 : 10)));
        if (count < told + step && count < all) return;
        told = count;
        dialogue.print(progressBar(count, all, row.domain));
      },
    });
    dialogue.print(`\n${rehearsalText(rehearsal, days)}`);
    await dialogue.drained();
  },
};
