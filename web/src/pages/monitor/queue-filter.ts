// What the queue is searched by, and what tells its rows apart.
import type { QueueRow } from '../../../../src/admin/api/schemas/queue.ts';

export const queueFields = ['sender', 'recipient', 'destination', 'mid'] as const;

export function rowKey({ mid, destination }: Pick<QueueRow, 'mid' | 'destination'>): string {
  return `${mid} ${destination}`;
}

export type Filter = Readonly<Partial<Record<'sender' | 'recipient' | 'destination', string>>> & {
  readonly mid?: number;
};

export function filterOf({ mid, ...texts }: Readonly<Record<(typeof queueFields)[number], string>>): Filter {
  const given = Object.entries(texts).filter(([, value]) => value !== '');
  return { ...Object.fromEntries(given), ...(/^[0-9]{1,15}$/.test(mid) ? { mid: Number(mid) } : {}) };
}
