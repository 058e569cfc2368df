// tlsreports: what others failed at when they sent to us, and our own reports to others (RFC 8460).

import { parseDomain } from '../../config/names.ts';
import { dayLength, parseDay } from '../../config/units.ts';
import { PosternError } from '../../errors.ts';
import { audit } from '../../ledger/events.ts';
import type { ReportRow } from '../../ledger/tls-reports/outgoing.ts';
import type { ReceivedRow, ReceivedStory, ReceivedSums } from '../../ledger/tls-reports/received.ts';
import type { Actor, AdminHost } from '../host.ts';
import type { Command } from './command.ts';
import { short } from './question.ts';
import { formatCount, formatTime } from './time.ts';

const usualDays = 14;
const mostDays = 400;
const shown = 20;

export const dayText = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** `2026-11-30`, `today`, `yesterday` → the begin of the day (UTC). Throws `bad-usage`. */
export function parseReportDay(text: string, now: number): number {
  const today = now - (now % dayLength);
  if (/^today$/i.test(text)) return today;
  if (/^yesterday$/i.test(text)) return today - dayLength;
  const day = parseDay(text);
  if (day !== null) return day;
  throw new PosternError('bad-usage', `"${short(text)}" is no day`, {
    remedy: 'Write it such as 2026-11-30, or yesterday.',
    issues: [{ pointer: '/day', detail: 'is no day' }],
  });
}

/** Sends what of a day has not been sent. Throws `bad-usage`, `bad-configuration`. */
export async function sendTlsReports(
  host: AdminHost,
  actor: Actor,
  { day: text, domain = null }: { readonly day: string; readonly domain?: string | null },
): Promise<readonly ReportRow[]> {
  const day = parseReportDay(text, Date.now());
  const parsed = domain === null ? null : parseDomain(domain);
  if (parsed?.ok === false) {
    const issues = [{ pointer: '/domain', detail: parsed.reason }];
    throw new PosternError('bad-usage', parsed.reason, { remedy: parsed.remedy, issues });
  }
  const rows = await host.sendTlsReports(day, parsed?.value ?? null);
  const { user, role, address, face } = actor;
  const about = `${dayText(day)}${parsed === null ? '' : ` to ${parsed.value}`}`;
  host.log.record(audit, user, role, address, face, 'tlsReports', `sent now: about ${about}, ${rows.length} domains`);
  return rows;
}

const words: Readonly<Record<ReportRow['state'], string>> = {
  due: 'waits',
  sent: 'sent',
  none: 'not wanted',
  failed: 'given up',
};

function sentText(rows: readonly ReportRow[]): string {
  if (rows.length === 0) return 'There is nothing to send.';
  return rows
    .map((row) => {
      const when = row.state === 'due' ? ` until ${formatTime(row.next)}` : '';
      return `${dayText(row.day)}  ${row.domain}: ${words[row.state]}${when}${row.detail === '' ? '' : `: ${row.detail}`}`;
    })
    .join('\n');
}

function sumsText({ days, organizations, results, hosts }: ReceivedSums, count: number): string {
  if (days.length === 0) return `No reports about the last ${count} days count. "tlsreports list" shows what came.`;
  const blocks = [
    ['Day         in order      failed', days.map(({ day, ok, failed }) => row(dayText(day), ok, failed))],
    ['Reported by', organizations.map(({ name, ok, failed }) => row(name, ok, failed))],
    ['What failed', results.map(({ name, count: times }) => row(name, null, times))],
    ['Mail hosts', hosts.map(({ name, count: times }) => row(name === '' ? '(not told)' : name, null, times))],
  ] as const;
  return blocks
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.slice(0, shown).join('\n')}`)
    .join('\n\n');
}

function row(name: string, ok: number | null, failed: number): string {
  const counts = `${ok === null ? '' : formatCount(ok).padStart(12)}${formatCount(failed).padStart(12)}`;
  return `${short(name).padEnd(ok === null ? 44 : 32)}${counts}`;
}

function listText(rows: readonly ReceivedRow[]): string {
  if (rows.length === 0) return 'No reports have come.';
  return rows
    .map(({ id, time, organization, start, ok, failed, sender, signature, counted, problem }) => {
      const from = `${formatTime(time)}  ${String(id).padStart(5)}  `;
      if (problem !== '') return `${from}cannot be read (from ${short(sender)}): ${problem}`;
      const told = `${short(organization)} about ${dayText(start)}: ${formatCount(ok)} in order, ${formatCount(failed)} failed`;
      return `${from}${told}${counted ? '' : ` (does not count: ${signature})`}`;
    })
    .join('\n');
}

function storyText({ row: told, policies }: ReceivedStory): string {
  const head = [
    `Report:     ${told.reportId}`,
    `Reported by ${told.organization} (${told.contact})`,
    `About:      ${dayText(told.start)} to ${dayText(told.end)}`,
    `Came:       ${formatTime(told.time)} by ${told.via}, from ${told.sender}; ${told.signature}`,
    ...(told.problem === '' ? [] : [`Problem:    ${told.problem}`]),
  ];
  const parts = policies.map(({ type, domain, lines, ok, failed, failures }) =>
    [
      `${domain} (${type}): ${formatCount(ok)} in order, ${formatCount(failed)} failed`,
      ...lines.map((line) => `  | ${line}`),
      ...failures.map(({ result, count, sender, host, address, reason }) => {
        const where = [sender === '' ? '' : `from ${sender}`, host === '' ? '' : `to ${host}`, address].filter(Boolean);
        return `  ${formatCount(count)} x ${result} ${where.join(' ')}${reason === '' ? '' : `: ${reason}`}`;
      }),
    ].join('\n'),
  );
  return [head.join('\n'), ...parts].join('\n\n');
}

const usage = 'tlsreports [DAYS] | list | show NUMBER | sent [DAY] | send DAY [DOMAIN]';

function wrongUse(): PosternError {
  return new PosternError('bad-usage', 'tlsreports does not know these words', { remedy: `Usage: ${usage}` });
}

export const tlsreports: Command = {
  name: 'tlsreports',
  group: 'Monitoring',
  summary: 'what others failed at when they sent to us over TLS, and our reports to them',
  usage,
  help: `Without words, or with a number of days: the sums of what others reported (RFC 8460). list: the last reports that came; show: one of
them whole. sent: what became of our own reports; send: those about a day that is over, now instead of in the hours after it.`,
  words: 'own',
  complete: ['list', 'show', 'sent', 'send'],
  run: async ({ host, dialogue, actor, words: given }) => {
    const [first = String(usualDays), second, third, ...rest] = given;
    const word = first.toLowerCase();
    if (rest.length > 0 || (third !== undefined && word !== 'send')) throw wrongUse();
    const now = Date.now();
    if (word === 'send' && second !== undefined) {
      const rows = await sendTlsReports(host, actor, { day: second, domain: third ?? null });
      dialogue.print(`\n${sentText(rows)}`);
    } else if (word === 'sent') {
      const day = second === undefined ? null : parseReportDay(second, now);
      dialogue.print(`\n${sentText(await host.history.tlsReports(day, 1000))}`);
    } else if (word === 'show' && second !== undefined && /^\d{1,15}$/.test(second)) {
      const story = await host.history.receivedTlsReport(Number(second));
      if (story === null) throw new PosternError('not-found', `there is no TLS report ${second}`);
      dialogue.print(`\n${storyText(story)}`);
    } else if (word === 'list' && second === undefined) {
      const { items } = await host.history.receivedTlsReports({}, { limit: 100 });
      dialogue.print(`\n${listText(items)}`);
    } else if (second === undefined && /^[1-9]\d{0,2}$/.test(word) && Number(word) <= mostDays) {
      const to = now - (now % dayLength) + dayLength;
      const sums = await host.history.receivedTlsSums({ from: to - Number(word) * dayLength, to });
      dialogue.print(`\n${sumsText(sums, Number(word))}`);
    } else throw wrongUse();
    await dialogue.drained();
  },
};
