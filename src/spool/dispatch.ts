// Which due jobs go to which worker. Destinations take turns; each has a window of attempts at a time, and one that is down a
// single probe. The attempt is recorded in the transaction under way, the job is posted once that is on disk.
import type { Channel } from './channel.ts';
import type { SpoolContext } from './context.ts';
import type { Destination } from './destinations.ts';
import type { Job } from './protocol.ts';
import { recordedNext } from './schedule.ts';

/** Jobs of one destination before the next has its turn; more where few wait for theirs. */
const quantum = 10;
/** Jobs and body bytes that one transaction may hand out, so that new mail never waits long for it. */
const jobsPerTurn = 200;
const bytesPerTurn = 8 * 1024 * 1024;

/** Returns true where more could have gone out at once. */
export function dispatch(context: SpoolContext, channels: readonly Channel[]): boolean {
  const { destinations } = context;
  const now = context.now();
  destinations.wake(now);
  let room = 0;
  for (const channel of channels) room += channel.room;
  let jobs = Math.min(room, jobsPerTurn);
  let bytes = bytesPerTurn;
  // Half of what the workers can hold is the most one destination gets: slow ones must leave room for the others.
  const share = Math.max(4, Math.floor((room + context.flights.size) / 2));
  const most = Math.min(share, 2 * context.snapshot().limits.destinationConnections);
  // Each destination is asked once; those that join meanwhile wait for the next turn.
  let turns = destinations.waiting;
  const each = Math.max(quantum, Math.floor(jobs / Math.max(1, turns)));
  while (jobs > 0 && bytes > 0 && turns-- > 0) {
    const destination = destinations.next();
    if (destination === undefined) return false;
    const taken = serve(context, destination, channels, { most, now, wanted: Math.min(each, jobs) });
    jobs -= taken.jobs;
    bytes -= taken.bytes;
  }
  return room > 0 && destinations.waiting > 0;
}

interface Taken {
  jobs: number;
  bytes: number;
}

function serve(
  context: SpoolContext,
  destination: Destination,
  channels: readonly Channel[],
  { most, wanted: share, now }: { readonly most: number; readonly wanted: number; readonly now: number },
): Taken {
  const { destinations, store, flights } = context;
  const taken: Taken = { jobs: 0, bytes: 0 };
  const down = destination.failures > 0;
  if (down && destination.jobs === destination.held && destination.inFlight === 0 && now >= destination.probeAt) {
    // Nobody waits for it any more: let the next message find out.
    recovered(context, destination);
    return taken;
  }
  if (down && now < destination.probeAt) {
    destinations.sleep(destination, destination.probeAt);
    return taken;
  }
  const allowed = Math.min(down ? 1 : destination.window, most) - destination.inFlight;
  if (allowed <= 0) return taken; // the outcome of an attempt brings it back
  const wanted = Math.min(allowed, share);
  // Those under way may stand among the due ones (a first attempt is recorded as due at once).
  const limit = wanted + destination.inFlight + 1;
  const rows = store.due(destination.key, limit);
  for (const { mid, next } of rows) {
    if (flights.has(mid, destination.key)) continue;
    if (next > now) {
      destinations.sleep(destination, next);
      return taken;
    }
    if (taken.jobs === wanted) break;
    const bytes = hand(context, destination, mid, channels, now);
    taken.jobs++;
    taken.bytes += bytes;
  }
  if (taken.jobs === wanted && rows.length === limit) destinations.enqueue(destination);
  return taken;
}

/** It is not known to be down any more. */
export function recovered(context: SpoolContext, destination: Destination): void {
  destination.failures = 0;
  destination.probeAt = 0;
  destination.reason = '';
  context.announce({ destination: destination.key, state: 'up', reason: '' });
  context.destinations.enqueue(destination);
  context.destinations.forget(destination);
}

/** Records the attempt and hands the job to a worker. Returns the bytes of the body that go with it. */
function hand(
  context: SpoolContext,
  destination: Destination,
  mid: number,
  channels: readonly Channel[],
  now: number,
): number {
  const { store, flights } = context;
  const row = store.job(mid, destination.key);
  const message = store.message(mid);
  const channel = choose(channels, destination.key);
  if (row === undefined || channel === undefined) return 0;
  if (message === undefined) {
    store.deleteJob(mid, destination.key);
    context.after(() => context.destinations.remove(destination.key, false));
    return 0;
  }
  const attempt = row.attempts + 1;
  store.recordAttempt(
    mid,
    row.destination,
    attempt,
    recordedNext(attempt, now, context.snapshot().retry, context.random()),
  );
  const job: Job = {
    mid,
    destination: row.destination,
    envelope: message.envelope,
    rids: JSON.parse(row.rids) as number[],
    body: message.file === null ? (message.body ?? new Uint8Array(0)) : { file: message.file, size: message.size },
    received: message.received,
    attempt,
  };
  // Counted at once, so that the same transaction does not hand it out twice; `undo` takes it back.
  channel.room--;
  destination.inFlight++;
  flights.start(channel.id, mid, destination.key, now);
  context.undo(() => {
    channel.room++;
    destination.inFlight--;
    flights.end(mid, destination.key);
    context.destinations.enqueue(destination);
  });
  context.after(() => channel.job(job));
  return message.file === null ? message.size : 0;
}

/** The worker that a destination has connections with, while it has room: the hash says which; else the one with most room. */
function choose(channels: readonly Channel[], key: string): Channel | undefined {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  const home = channels[(hash >>> 0) % channels.length];
  if (home !== undefined && home.room > 0) return home;
  let best: Channel | undefined;
  for (const channel of channels)
    if (channel.room > 0 && (best === undefined || channel.room > best.room)) best = channel;
  return best;
}

/** These attempts will not be reported any more; their jobs go on as recorded. */
export function release(context: SpoolContext, keys: readonly string[]): void {
  for (const key of keys) {
    const destination = context.destinations.get(key);
    if (destination === undefined) continue;
    destination.inFlight = Math.max(0, destination.inFlight - 1);
    context.destinations.enqueue(destination);
  }
}
