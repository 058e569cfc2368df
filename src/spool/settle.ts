// What an attempt, old age or the administrator did to the recipients of a job: rows, notices and log lines. All of one
// outcome in one transaction: what is delivered is on disk before the body is forgotten, a bounce before its cause is.
import { bounced, mailNotice, messageFinished } from '../ledger/events.ts';
import type { SpoolContext } from './context.ts';
import { expiredText, notify } from './notices.ts';
import type { JobOutcome, RecipientOutcome } from './protocol.ts';
import { isExpired, lifetimeOf, retryWait } from './schedule.ts';
import { envelopeOf, type JobRow, jobClass, type MessageRow } from './store.ts';

/** A job as it stands in the database, or would (a first attempt under way has a row in `active` only). */
interface Standing {
  readonly row: JobRow;
  readonly stored: boolean;
}

const reasonLimit = 500;

/** Applies a worker's report. One about a job that is gone (deleted, reported before) changes nothing. */
export function settle(context: SpoolContext, outcome: JobOutcome): void {
  const { mid, destination } = outcome;
  const standing = standingJob(context, mid, destination);
  const now = context.now();
  endFlight(context, outcome);
  if (standing === undefined) return;
  const { row } = standing;
  if (outcome.untried !== undefined || outcome.reroute !== undefined) {
    const said = outcome.recipients[0]?.reply ?? '';
    replace(context, standing, {
      ...row,
      destination: outcome.reroute ?? destination,
      attempts: Math.max(0, row.attempts - 1),
      next: row.next === null ? null : (outcome.untried ?? now),
      reason: said === '' ? row.reason : said.slice(0, reasonLimit),
    });
    return;
  }
  const message = context.store.messageHead(mid);
  if (message === undefined) {
    lostMessage(context, standing);
    return;
  }
  apply(context, standing, message, outcome.recipients, now);
}

/** Too old: its recipients bounce with 5.4.7. */
export function expire(context: SpoolContext, mid: number, destination: string): void {
  const standing = standingJob(context, mid, destination);
  if (standing === undefined) return;
  const message = context.store.messageHead(mid);
  if (message === undefined) lostMessage(context, standing);
  else apply(context, standing, message, [], context.now());
}

/** All recipients of a job bounce for a reason of ours. */
export function giveUp(context: SpoolContext, mid: number, destination: string, status: string, text: string): void {
  const standing = standingJob(context, mid, destination);
  if (standing === undefined) return;
  const message = context.store.messageHead(mid);
  if (message === undefined) {
    lostMessage(context, standing);
    return;
  }
  const rids = JSON.parse(standing.row.rids) as number[];
  const outcomes = rids.map((rid): RecipientOutcome => ({ rid, result: 'bounced', status, reply: text, host: '' }));
  logBounces(context, message, outcomes, text, text);
  apply(context, standing, message, outcomes, context.now());
}

/** The sender is told that the message waits. */
export function tellDelay(context: SpoolContext, mid: number, destination: string): void {
  const row = context.store.job(mid, destination);
  if (row === undefined) return;
  context.store.classify(mid, destination, jobClass.noticed);
  const message = context.store.messageHead(mid);
  if (message === undefined) return;
  const envelope = envelopeOf(message);
  const reply = row.reason === '' ? 'the message has not been accepted yet' : row.reason;
  const recipients = (JSON.parse(row.rids) as number[]).map((rid): RecipientOutcome => {
    return { rid, result: 'deferred', status: statusIn(row.reason) ?? '4.4.7', reply, host: '' };
  });
  const { retry } = context.snapshot();
  notify(context, 'delayed', message, envelope, recipients, row.since + lifetimeOf(false, retry));
}

/** Removes a job without any notice (the administrator deletes it). */
export function remove(context: SpoolContext, row: JobRow): void {
  const message = context.store.messageHead(row.mid);
  replace(context, { row, stored: true }, null);
  finish(context, row.mid, message?.file ?? null);
}

/** Turns a first attempt under way into a job in its own right: due now, its attempt counted. */
export function demote(context: SpoolContext, mid: number): JobRow | undefined {
  const destination = context.store.active(mid);
  if (destination === undefined) return undefined;
  const standing = standingJob(context, mid, destination);
  if (standing === undefined || standing.stored) {
    context.store.deleteActive(mid); // a row without its message
    return undefined;
  }
  replace(context, standing, standing.row);
  return standing.row;
}

/** Everybody has it (the worker said so, and logged it): the message and whatever jobs it has go. */
export function forget(context: SpoolContext, mid: number): void {
  const { store } = context;
  for (const row of store.jobsOf(mid)) {
    endFlight(context, { mid, destination: row.destination, recipients: [] });
    replace(context, { row, stored: true }, null);
  }
  store.deleteActive(mid);
  const message = store.messageHead(mid);
  if (message === undefined) return;
  store.deleteMessage(mid);
  context.after(() => {
    context.countMessages(-1);
    if (message.file !== null) context.removeFile(message.file);
  });
}

function standingJob(context: SpoolContext, mid: number, destination: string): Standing | undefined {
  const row = context.store.job(mid, destination);
  if (row !== undefined) return { row, stored: true };
  if (context.store.active(mid) !== destination) return undefined;
  const message = context.store.messageHead(mid);
  if (message === undefined) return undefined;
  const { sender, recipients } = envelopeOf(message);
  return {
    stored: false,
    row: {
      mid,
      destination,
      rids: JSON.stringify(recipients.map((_, rid) => rid)),
      attempts: 1,
      next: context.now(),
      since: message.received,
      class: sender === '' ? jobClass.bounce : jobClass.normal,
      size: message.size,
      sender,
      recipients: JSON.stringify(recipients.map(({ address }) => address)),
      reason: '',
    },
  };
}

/** The attempt is over; the destination may have the next one. */
function endFlight(context: SpoolContext, { mid, destination, untried, recipients }: JobOutcome): void {
  const reached = untried === undefined && recipients.some(({ host }) => host !== '');
  context.after(() => {
    const known = context.destinations.get(destination);
    const flew = context.flights.end(mid, destination);
    if (known === undefined) return;
    if (flew) known.inFlight = Math.max(0, known.inFlight - 1);
    if (reached) known.window = Math.min(known.window * 2, 1000);
    if (untried !== undefined && known.failures > 0) known.probeAt = Math.max(known.probeAt, untried);
    context.destinations.enqueue(known);
    context.destinations.forget(known);
  });
}

/** The job's recipients after `outcomes`; those not named are as deferred as before. */
function apply(
  context: SpoolContext,
  standing: Standing,
  message: MessageRow,
  outcomes: readonly RecipientOutcome[],
  now: number,
): void {
  const { row } = standing;
  const { retry } = context.snapshot();
  const envelope = envelopeOf(message);
  const bounce = envelope.sender === '';
  const named = new Map(outcomes.map((outcome) => [outcome.rid, outcome]));
  const delivered: RecipientOutcome[] = [];
  const failed: RecipientOutcome[] = [];
  const waiting: number[] = [];
  let reason = row.reason;
  for (const rid of JSON.parse(row.rids) as number[]) {
    const outcome = named.get(rid);
    if (outcome?.result === 'delivered') delivered.push(outcome);
    else if (outcome?.result === 'bounced') failed.push(outcome);
    else {
      waiting.push(rid);
      if (outcome !== undefined) reason = outcome.reply.slice(0, reasonLimit);
    }
  }
  // A held message is the administrator's: it does not grow too old.
  if (waiting.length > 0 && row.next !== null && isExpired(row.since, bounce, now, retry)) {
    const last = reason === '' ? 'timeout' : reason;
    const expired = waiting.splice(0).map((rid): RecipientOutcome => {
      return { rid, result: 'bounced', status: '5.4.7', reply: `${expiredText}; last error: ${last}`, host: '' };
    });
    logBounces(context, message, expired, expiredText, last);
    failed.push(...expired);
  }
  if (waiting.length === 0) {
    replace(context, standing, null);
  } else {
    replace(context, standing, {
      ...row,
      rids: JSON.stringify(waiting),
      recipients: JSON.stringify(waiting.map((rid) => envelope.recipients[rid]?.address ?? '')),
      next: row.next === null ? null : now + retryWait(row.attempts, retry, context.random()),
      reason,
    });
  }
  notify(context, 'failed', message, envelope, failed);
  const relayed = delivered.filter(({ dsnPassed }) => dsnPassed !== true);
  notify(context, 'relayed', message, envelope, relayed);
  if (waiting.length === 0) finish(context, message.mid, message.file);
}

/** Puts `next` where the job was (null: nothing), and tells memory after the commit. */
function replace(context: SpoolContext, { row, stored }: Standing, next: JobRow | null): void {
  const { store, destinations } = context;
  if (!stored) store.deleteActive(row.mid);
  else if (next?.destination !== row.destination) store.deleteJob(row.mid, row.destination);
  let put = next;
  let merged = false;
  if (put !== null && put.destination !== row.destination) {
    const other = store.job(put.mid, put.destination);
    if (other !== undefined) {
      merged = true;
      put = merge(other, put);
    }
  }
  if (put !== null) store.putJob(put);
  context.after(() => {
    const same = stored && put?.destination === row.destination;
    if (stored && !same) destinations.remove(row.destination, row.next === null);
    if (put === null) return;
    const held = put.next === null;
    const destination = same || merged ? destinations.demand(put.destination) : destinations.add(put.destination, held);
    if (same && held !== (row.next === null)) destinations.hold(destination, held ? 1 : -1);
    if (put.next !== null) destinations.sleep(destination, put.next);
  });
}

/** Two jobs of a message whose destinations became one. */
function merge(one: JobRow, other: JobRow): JobRow {
  const join = (a: string, b: string) =>
    JSON.stringify([...(JSON.parse(a) as unknown[]), ...(JSON.parse(b) as unknown[])]);
  return { ...one, rids: join(one.rids, other.rids), recipients: join(one.recipients, other.recipients) };
}

/** Nothing left to do for the message: forget it. */
function finish(context: SpoolContext, mid: number, file: string | null): void {
  if (context.store.hasJob(mid)) return;
  context.store.deleteMessage(mid);
  context.after(() => {
    context.countMessages(-1);
    if (file !== null) context.removeFile(file);
    context.log.record(messageFinished, mid);
  });
}

/** A job whose message row is gone can only be dropped; it takes damage to the database to get here. */
function lostMessage(context: SpoolContext, standing: Standing): void {
  replace(context, standing, null);
  context.after(() => context.log.record(mailNotice, `MID ${standing.row.mid} has no message any more: job dropped`));
}

function logBounces(
  context: SpoolContext,
  message: MessageRow,
  outcomes: readonly RecipientOutcome[],
  text: string,
  reply: string,
): void {
  const { sender, recipients } = envelopeOf(message);
  context.after(() => {
    for (const { rid, status } of outcomes) {
      const address = recipients[rid]?.address ?? '';
      context.log.record(bounced, 0, message.mid, sender, address, rid, status, text, '000', reply);
    }
  });
}

/** The enhanced status code in a reply, if there is one. */
function statusIn(reply: string): string | undefined {
  return /\b4\.\d{1,3}\.\d{1,3}\b/.exec(reply)?.[0];
}
