// Mail that the gateway writes itself: notices, alerts, TLS reports. Each is queued in the transaction of what it tells.
import type { Envelope } from '../smtp/envelope.ts';
import type { SpoolContext } from './context.ts';
import { nextId } from './ids.ts';
import { jobClass } from './store.ts';

/** Queues a message, given up as early as a bounce; its MID. Inside a transaction. `log`: its lines, once that is on disk. */
export function queueOwnMail(
  context: SpoolContext,
  envelope: Envelope,
  body: Uint8Array,
  log: (mid: number) => void,
): number {
  const now = context.now();
  const mid = nextId(context.ids, 'mid');
  const { sender, recipients } = envelope;
  context.store.insertMessage({ mid, received: now, envelope: JSON.stringify(envelope), body });
  const groups = new Map<string, number[]>();
  for (const [rid, { address }] of recipients.entries()) {
    const key = context.destinationOf(address, envelope);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [rid]);
    else group.push(rid);
  }
  for (const [destination, rids] of groups) {
    context.store.putJob({
      mid,
      destination,
      rids: JSON.stringify(rids),
      attempts: 0,
      next: now,
      since: now,
      class: jobClass.bounce,
      size: body.length,
      sender,
      recipients: JSON.stringify(rids.map((rid) => recipients[rid]?.address)),
      reason: '',
    });
  }
  context.after(() => {
    log(mid);
    context.countMessages(1);
    for (const destination of groups.keys()) {
      context.destinations.enqueue(context.destinations.add(destination, false));
    }
  });
  return mid;
}
