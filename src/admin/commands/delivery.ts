// delivernow, delete, hold, release: what an administrator does to messages in the queue.
import { PosternError } from '../../errors.ts';
import { audit, auditOnly } from '../../ledger/events.ts';
import type { Actor, AdminHost, QueueFilter } from '../host.ts';
import type { Command, CommandContext } from './command.ts';
import { askChoice, askValue, askYesNo, short } from './question.ts';
import { askFilter, checkAddress, checkDestination, checkMid, hostFilter } from './queue.ts';
import { formatCount } from './time.ts';

type Action = 'delete' | 'hold' | 'release';

/** `all messages`, `message 12`, `all messages to "example.com"`, `all messages from "a@example.com"`. */
export function describeFilter(filter: QueueFilter): string {
  if (filter.mid !== undefined) return `message ${filter.mid}`;
  if (filter.mids !== undefined) return `messages ${short(filter.mids.join(', '))}`;
  const parts: string[] = [];
  if (filter.destination !== undefined) parts.push(`being delivered to "${filter.destination}"`);
  if (filter.sender !== undefined) parts.push(`from "${filter.sender === '' ? '<>' : filter.sender}"`);
  if (filter.recipient !== undefined) {
    const domain = filter.recipient.startsWith('@');
    parts.push(domain ? `being delivered to "${filter.recipient.slice(1)}"` : `for "${filter.recipient}"`);
  }
  if (filter.held !== undefined) parts.push(filter.held ? 'on hold' : 'not on hold');
  return ['all messages', ...parts].join(' ');
}

const deliveries = (count: number): string => `${formatCount(count)} ${count === 1 ? 'delivery' : 'deliveries'}`;

/** What the word behind the command names, or the answer to the question. */
async function filterOf(context: CommandContext, action: Action): Promise<QueueFilter> {
  const { host, words } = context;
  const [first, ...rest] = words;
  if (rest.length > 0) {
    throw new PosternError('bad-usage', `${action} takes one word that names the messages`, {
      remedy: `Usage: ${action} ${wordsUsage}`,
    });
  }
  if (first !== undefined) {
    const mid = checkMid(first);
    if (mid.ok) return { mid: mid.value };
    if (/^all$/i.test(first)) return {};
    if (first === '<>') return { sender: '' };
    const address = checkAddress(first);
    return first.includes('@') && address.ok ? { recipient: address.value } : hostFilter(host, first.toLowerCase());
  }
  return askFilter(context, `Please select how you would like to ${action} messages:`, action, 0);
}

async function act(context: CommandContext, action: Action, done: string): Promise<void> {
  const { host, dialogue, actor, words } = context;
  const yes = words.at(-1)?.toLowerCase() === '-y';
  const filter = await filterOf({ ...context, words: yes ? words.slice(0, -1) : words }, action);
  if (!yes) {
    const question = `\nAre you sure you want to ${action} ${describeFilter(filter)}?`;
    if (!(await askYesNo(dialogue, question, action === 'release'))) return;
  }
  const count = await changeQueue(host, action, filter, actor);
  dialogue.print(`\n${deliveries(count)} ${done}.`);
}

/** Returns how many jobs (a message at a destination) were changed. */
export function changeQueue(
  host: AdminHost,
  action: Action | 'deliver',
  filter: QueueFilter,
  actor: Actor,
): Promise<number> {
  const { user, role, address, face } = actor;
  // The mail log has a line for each message that is changed, but for one that is only tried sooner.
  const event = action === 'deliver' ? audit : auditOnly;
  host.log.record(event, user, role, address, face, action, describeFilter(filter));
  switch (action) {
    case 'deliver':
      return host.queue.deliverNow(filter);
    case 'delete':
      return host.queue.delete(filter, user);
    case 'hold':
      return host.queue.hold(filter, user);
    case 'release':
      return host.queue.release(filter, user);
  }
}

const wordsUsage = '[MID | HOST | ADDRESS | ALL] [-y]';
const about = `A word behind the command names the messages: a message ID, a recipient host, a recipient address, or ALL; without one
it asks. It asks for a confirmation unless there is -y. Recipients of one message at one destination go together.`;

export const deleteMessages: Command = {
  name: 'delete',
  aliases: ['deleterecipients'],
  group: 'Queue',
  summary: 'remove messages from the queue, without a bounce',
  usage: `delete ${wordsUsage}`,
  help: `${about} What is deleted is gone; nobody is told. The mail log says who deleted it. An attempt that is under way goes on.`,
  words: 'own',
  complete: ['ALL'],
  run: (context) => act(context, 'delete', 'deleted'),
};

export const hold: Command = {
  name: 'hold',
  group: 'Queue',
  summary: 'keep messages in the queue without trying to deliver them',
  usage: `hold ${wordsUsage}`,
  help: `${about} A held message does not age out; "release" lets it go.`,
  words: 'own',
  complete: ['ALL'],
  run: (context) => act(context, 'hold', 'on hold'),
};

export const release: Command = {
  name: 'release',
  group: 'Queue',
  summary: 'let held messages go',
  usage: `release ${wordsUsage}`,
  help: `${about} What is released is due at once.`,
  words: 'own',
  complete: ['ALL'],
  run: (context) => act(context, 'release', 'released'),
};

export const delivernow: Command = {
  name: 'delivernow',
  aliases: ['deliver now', 'deliverynow'],
  group: 'Queue',
  summary: 'try the messages that wait for their next attempt at once',
  usage: 'delivernow [1 HOST | 2 MID | 3]',
  help: 'Makes the messages due now. A destination that is down is tried again as well. Held messages stay on hold.',
  words: 'answers',
  run: async ({ host, dialogue, actor }) => {
    const heading = '\nPlease choose an option for scheduling immediate delivery.';
    const way = await askChoice(dialogue, heading, ['By recipient host', 'By message ID', 'All messages'], 2);
    let filter: QueueFilter = {};
    if (way === 0) {
      const text = '\nPlease enter the recipient host to deliver to.';
      filter = await hostFilter(host, await askValue(dialogue, { text }, checkDestination));
    } else if (way === 1) {
      const text = '\nPlease enter the ID (MID) of the message to deliver.';
      filter = { mid: await askValue(dialogue, { text }, checkMid) };
    }
    const count = await changeQueue(host, 'deliver', filter, actor);
    dialogue.print(`\nScheduling ${deliveries(count)} now.`);
  },
};
