// `message-tracking/messages` in the reference's words.
import { PosternError } from '../../errors.ts';
import type { MessageState, TrackedMessage, TrackingFilter } from '../../ledger/protocol.ts';
import type { AdminHost } from '../host.ts';
import { spanOf } from './reference-summary.ts';

interface TrackingQuery {
  readonly filter: TrackingFilter;
  /** What the history cannot look for: checked message by message. */
  readonly checks: readonly ((message: TrackedMessage) => boolean)[];
  readonly offset: number;
  readonly limit: number;
}

const mostRows = 100;
const mostOffset = 100_000;
/** ms that are looked for one answer. */
const longest = 10_000;
const batch = 1000;

type Query = Readonly<Record<string, string>>;

const operators: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  is: (value, wanted) => value === wanted,
  begins_with: (value, wanted) => value.startsWith(wanted),
  ends_with: (value, wanted) => value.endsWith(wanted),
  contains: (value, wanted) => value.includes(wanted),
  does_not_contain: (value, wanted) => !value.includes(wanted),
};

const texts: readonly (readonly [string, (message: TrackedMessage) => readonly string[]])[] = [
  ['envelopeSender', ({ sender }) => [sender]],
  ['envelopeRecipient', ({ recipients }) => recipients],
  ['subject', ({ subject }) => [subject ?? '']],
];

/** They say where to look and in which order; there is one place and one order. */
const passedOver = new Set(['ciscoHost', 'searchOption', 'device_type', 'orderBy', 'orderDir']);

/** Throws `bad-request`: also for a parameter that is not known, because an answer without its filter would be wrong. */
export function parseTrackingQuery(query: Query): TrackingQuery {
  const { from, to } = spanOf(query);
  const known = new Set([
    ...passedOver,
    'startDate',
    'endDate',
    'offset',
    'limit',
    'messageIdHeader',
    'senderIp',
    'ciscoMid',
  ]);
  for (const [name] of texts) known.add(`${name}filterOperator`).add(`${name}filterValue`);
  known.add('deliveryStatus').add('hardBounced').add('delivered');
  for (const name of Object.keys(query)) {
    if (!known.has(name)) {
      throw new PosternError('bad-request', `the parameter "${name.slice(0, 64)}" is not known here`, {
        remedy: `there are ${[...known].join(', ')}`,
      });
    }
  }
  const checks = texts.flatMap(([name, of]) => textCheck(query, name, of) ?? []);
  const state = stateOf(query);
  const filter: TrackingFilter = {
    from,
    to,
    ...(state === undefined ? {} : { state }),
    ...(query['messageIdHeader'] === undefined ? {} : { messageId: query['messageIdHeader'] }),
    ...(query['senderIp'] === undefined ? {} : { peer: query['senderIp'] }),
    ...(query['ciscoMid'] === undefined ? {} : { mid: wholeNumber(query, 'ciscoMid', Number.MAX_SAFE_INTEGER, 0) }),
  };
  return {
    filter,
    checks,
    offset: wholeNumber(query, 'offset', mostOffset, 0),
    limit: wholeNumber(query, 'limit', mostRows, mostRows),
  };
}

function textCheck(query: Query, name: string, of: (message: TrackedMessage) => readonly string[]) {
  const wanted = query[`${name}filterValue`]?.toLowerCase();
  const word = query[`${name}filterOperator`] ?? 'is';
  const operator = Object.hasOwn(operators, word) ? operators[word] : undefined;
  if (operator === undefined) {
    throw new PosternError('bad-request', `${name}filterOperator is not one that is known`, {
      remedy: `there are ${Object.keys(operators).join(', ')}`,
    });
  }
  if (wanted === undefined || wanted === '') return undefined;
  const every = word === 'does_not_contain';
  return (message: TrackedMessage): boolean => {
    const values = of(message).map((value) => value.toLowerCase());
    return every ? values.every((value) => operator(value, wanted)) : values.some((value) => operator(value, wanted));
  };
}

function stateOf(query: Query): MessageState | undefined {
  const isTrue = (name: string) => query[name]?.toLowerCase() === 'true';
  if (isTrue('hardBounced')) return 'bounced';
  if (isTrue('delivered')) return 'delivered';
  const wanted = query['deliveryStatus'];
  if (wanted === undefined) return undefined;
  const states: Readonly<Record<string, MessageState>> = {
    DELIVERED: 'delivered',
    HARD_BOUNCED: 'bounced',
    DROPPED: 'deleted',
    ABORTED: 'aborted',
    PROCESSING: 'queued',
  };
  const state = Object.hasOwn(states, wanted) ? states[wanted] : undefined;
  if (state !== undefined) return state;
  throw new PosternError('bad-request', 'deliveryStatus is not one that is known', {
    remedy: `there are ${Object.keys(states).join(', ')}`,
  });
}

function wholeNumber(query: Query, name: string, most: number, preset: number): number {
  const text = query[name];
  if (text === undefined) return preset;
  const number = Number(text);
  if (/^[0-9]{1,16}$/.test(text) && number <= most) return number;
  throw new PosternError('bad-request', `${name} is not a whole number up to ${most}`);
}

/** The history has pages, the reference an offset: what lies before it is passed over. */
export async function findTracked(host: AdminHost, query: TrackingQuery): Promise<TrackedMessage[]> {
  const { filter, checks, offset, limit } = query;
  const found: TrackedMessage[] = [];
  let passed = 0;
  const end = Date.now() + longest;
  for (let cursor: string | null = ''; cursor !== null && found.length < limit && Date.now() < end; ) {
    const page = await host.history.trackMessages(filter, { limit: batch, ...(cursor === '' ? {} : { cursor }) });
    for (const message of page.items) {
      if (!checks.every((check) => check(message))) continue;
      if (passed < offset) passed++;
      else if (found.length < limit) found.push(message);
    }
    cursor = page.next;
  }
  return found;
}

const statusWords: Readonly<Record<MessageState, string>> = {
  queued: 'Queued for Delivery',
  delivered: 'Delivered',
  partial: 'Partially Delivered',
  bounced: 'Hard Bounced',
  aborted: 'Aborted',
  rejected: 'Rejected',
  deleted: 'Dropped',
  dropped: 'Dropped',
};

export async function trackedAttributes(host: AdminHost, message: TrackedMessage) {
  const { mid, icid, sender, recipients, subject, messageId, peer } = message;
  const story = await host.history.trackMessage(mid);
  const incoming = story?.incoming ?? null;
  const to = [...(story?.recipients ?? recipients)];
  return {
    hostName: host.hostname(),
    mid: [mid],
    icid,
    allIcid: [icid],
    dcid: (story?.outgoing ?? []).map(({ dcid }) => dcid),
    direction: incoming?.action === 'RELAY' || incoming === null ? 'outgoing' : 'incoming',
    sender,
    senderDomain: sender.slice(sender.lastIndexOf('@') + 1),
    senderIp: peer ?? 'N/A',
    senderGroup: incoming?.senderGroup ?? 'N/A',
    friendly_from: [sender],
    replyTo: 'N/A',
    sbrs: 'None',
    recipient: to,
    recipientMap: { [mid]: to },
    subject: subject ?? '',
    finalSubject: { [mid]: subject ?? '' },
    messageID: { [mid]: messageId === null ? '' : `<${messageId.replace(/^<|>$/g, '')}>` },
    messageStatus: { [mid]: statusWords[message.state] },
    mailPolicy: ['DEFAULT'],
    isCompleteData: 'N/A',
    timestamp: timestamp(message.time),
  };
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `25 Nov 2026 22:45:07 (GMT +00:00)`. */
function timestamp(time: number): string {
  const date = new Date(time);
  const day = String(date.getUTCDate()).padStart(2, '0');
  const clock = date.toISOString().slice(11, 19);
  return `${day} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()} ${clock} (GMT +00:00)`;
}
