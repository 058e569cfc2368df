// showrecipients, hoststatus: the queue, with reasons and next tries.

import { parseDomain } from '../../config/names.ts';
import { destinationOf } from '../../delivery/route.ts';
import type { AdminHost, QueueFilter, QueueRow } from '../host.ts';
import type { Command, CommandContext } from './command.ts';
import { accepted, askChoice, askValue, type Checked, refused, short } from './question.ts';
import { formatCount, formatSize, formatSpan, formatTime } from './time.ts';

const batch = 200;
/** What one query returns at most. */
const listLimit = 1000;
const shownRecipients = 20;
const destinationLimit = 1000;

/** A MID: a whole number. */
export function checkMid(answer: string): Checked<number> {
  const digits = answer.replace(/^mid\s*/i, '');
  return /^[0-9]{1,15}$/.test(digits) ? accepted(Number(digits)) : refused(`"${short(answer)}" is not a message ID.`);
}

/** An envelope address, with or without angle brackets; `<>` is the null sender. */
export function checkAddress(answer: string): Checked<string> {
  const address = answer.replace(/^<(.*)>$/, '$1').toLowerCase();
  if (answer === '<>') return accepted('');
  if (address === '' || address.length > 320) return refused('Enter an address, such as user@example.com.');
  return accepted(address);
}

/** A destination: a domain, or a host of a route as `showrecipients` names it. */
export function checkDestination(answer: string): Checked<string> {
  if (answer === '') return refused('Enter a domain, such as example.com.');
  if (answer.length > 300) return refused('That is too long for a host.');
  const parsed = parseDomain(answer);
  return accepted(parsed.ok ? parsed.value : answer.toLowerCase());
}

/**
 * What a recipient host means in the queue: one of its destinations by name, else all messages that have a recipient at the
 * domain, whatever route they take.
 */
export async function hostFilter(host: AdminHost, wanted: string): Promise<QueueFilter> {
  const rows = await host.queue.destinations(destinationLimit);
  const named = rows.find((row) => row.destination.toLowerCase() === wanted);
  return named === undefined ? { recipient: `@${wanted}` } : { destination: named.destination };
}

/** Three lines a message: the row, why it waits, its recipients. */
export function describeRow(row: QueueRow, now: number): string {
  const sender = row.sender === '' ? '<>' : row.sender;
  const lines = [
    `${String(row.mid).padEnd(14)}${formatSize(row.size).padEnd(11)}${String(row.attempts).padEnd(9)}${sender}`,
    `${''.padEnd(14)}to ${row.destination}: ${nextTry(row, now)}`,
  ];
  if (row.reason !== '') lines.push(`${''.padEnd(14)}${row.reason}`);
  for (const recipient of row.recipients.slice(0, shownRecipients)) lines.push(`${''.padEnd(34)}${recipient}`);
  const more = row.recipients.length - shownRecipients;
  if (more > 0) lines.push(`${''.padEnd(34)}and ${more} more`);
  return lines.join('\n');
}

function nextTry(row: QueueRow, now: number): string {
  const age = `received ${formatSpan(now - row.received)} ago`;
  if (row.held) return `on hold, ${age}`;
  if (row.next === null) return `under way now, ${age}`;
  return row.next <= now ? `due now, ${age}` : `next try in ${formatSpan(row.next - now)}, ${age}`;
}

export async function askFilter(
  { host, dialogue }: CommandContext,
  heading: string,
  what: string,
  preset: number,
): Promise<QueueFilter> {
  const choices = [
    'By recipient host.',
    'By Envelope From address.',
    'By recipient address.',
    'By message ID.',
    'All.',
  ];
  const way = await askChoice(dialogue, `\n${heading}`, choices, preset);
  const ask = <T>(text: string, check: (answer: string) => Checked<T>) =>
    askValue(dialogue, { text: `\n${text} you wish to ${what}.` }, check);
  switch (way) {
    case 0:
      return hostFilter(host, await ask('Please enter the hostname for the messages', checkDestination));
    case 1:
      return { sender: await ask('Please enter the Envelope From address for the messages', checkAddress) };
    case 2:
      return { recipient: await ask('Please enter the recipient address of the messages', checkAddress) };
    case 3:
      return { mid: await ask('Please enter the ID (MID) of the message', checkMid) };
    default:
      return {};
  }
}

/** Whole messages only: the next batch begins behind a message, and one to several destinations has several rows. */
async function nextRows(host: AdminHost, filter: QueueFilter, after: number) {
  const rows = await host.queue.list(filter, after, batch);
  const last = rows.at(-1)?.mid;
  if (rows.length < batch || last === undefined) return { rows, more: false };
  const whole = rows.filter((row) => row.mid !== last);
  if (whole.length > 0) return { rows: whole, more: true };
  return { rows: await host.queue.list({ ...filter, mid: last }, after, listLimit), more: true };
}

/** Prints the rows that match; at a terminal a screen at a time. Returns how many. */
async function printRows({ host, dialogue }: CommandContext, filter: QueueFilter): Promise<number> {
  let after = 0;
  let shown = 0;
  let used = 0;
  for (;;) {
    const { rows, more } = await nextRows(host, filter, after);
    const now = Date.now();
    for (const row of rows) {
      const text = describeRow(row, now);
      const height = text.split('\n').length;
      if (dialogue.interactive && used > 0 && used + height >= dialogue.rows - 1) {
        const answer = await dialogue.ask({ text: '-- Press Enter for more, Q to stop --', inline: true, plain: true });
        if (/^q/i.test(answer)) return shown;
        used = 0;
      }
      dialogue.print(text);
      used += height;
      shown++;
    }
    await dialogue.drained();
    if (!more) return shown;
    after = rows.at(-1)?.mid ?? after;
  }
}

export const showrecipients: Command = {
  name: 'showrecipients',
  group: 'Queue',
  summary: 'the messages in the queue: reason, next try, recipients',
  usage: 'showrecipients [1 HOST | 2 SENDER | 3 RECIPIENT | 4 MID | 5]',
  help: `A message that goes to several destinations is shown once for each. A host is a recipient domain, or a destination as the
list names it. Attempts are those that reached the point of trying.
At a terminal the list is shown a screen at a time.`,
  words: 'answers',
  run: async (context) => {
    const { dialogue } = context;
    const filter = await askFilter(context, 'Please select how you would like to show messages:', 'show', 4);
    dialogue.print(`\n${'MID'.padEnd(14)}${'Size'.padEnd(11)}${'Attempts'.padEnd(9)}Sender / Recipients`);
    const shown = await printRows(context, filter);
    dialogue.print(shown === 0 ? 'There are no messages.' : `${formatCount(shown)} shown.`);
  },
};

export const hoststatus: Command = {
  name: 'hoststatus',
  group: 'Monitoring',
  summary: 'one destination: up or down, why, how much waits for it',
  usage: 'hoststatus HOST',
  help: 'The host is a recipient domain, or a host of a route as "showrecipients" names it. ALL lists every destination in the queue.',
  words: 'answers',
  run: async ({ host, dialogue }) => {
    const wanted = await askValue(dialogue, { text: '\nRecipient host:' }, checkDestination);
    const now = Date.now();
    const rows = await host.queue.destinations(destinationLimit);
    if (wanted === 'all') {
      const lines = rows.map(
        (row) =>
          `${row.destination.padEnd(40)}${row.state.padEnd(6)}${formatCount(row.jobs).padStart(10)}  ${row.reason}`,
      );
      const heading = `${'Destination'.padEnd(40)}${'State'.padEnd(6)}${'Waiting'.padStart(10)}  Reason`;
      dialogue.print(`\n${heading}\n${lines.length === 0 ? 'The queue is empty.' : lines.join('\n')}`.trimEnd());
      await dialogue.drained();
      return;
    }
    const key = destinationOf(wanted, await host.config.snapshot());
    const named = rows.find((row) => row.destination.toLowerCase() === wanted);
    const found = named ?? rows.find((row) => row.destination === key);
    const oldest = (await host.queue.list({ destination: found?.destination ?? key }, 0, 1))[0];
    const next = found?.next ?? null;
    dialogue.print(
      [
        '',
        `Host mail status for: '${wanted}'`,
        ...(named === undefined && key !== wanted ? [`Delivered to:         ${key}`] : []),
        `Status as of:         ${formatTime(now)}`,
        `Host up/down:         ${found === undefined ? 'unknown (nothing waits for it)' : found.state}`,
        '',
        'Gauges:',
        '  Queue',
        `    Messages Waiting              ${formatCount(found?.jobs ?? 0).padStart(10)}`,
        '',
        `Oldest Message        ${oldest === undefined ? 'No Messages' : formatSpan(now - oldest.received)}`,
        `Next Try              ${found === undefined ? '-' : next === null ? 'under way, or on hold' : next <= now ? 'due now' : formatTime(next)}`,
        ...(found === undefined || found.reason === '' ? [] : ['', 'Last error:', found.reason]),
      ].join('\n'),
    );
  },
};
