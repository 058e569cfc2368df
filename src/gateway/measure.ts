// How the threads and the machine are, for `status`.
import { statfs } from 'node:fs/promises';
import type { GatewayStatus, ThreadStatus } from '../admin/host.ts';
import type { LedgerStatus } from '../ledger/ledger.ts';
import type { SpoolQueries } from '../spool/protocol.ts';
import type { MailWorkerStatus } from './mail-worker.ts';
import type { ThreadHandle } from './thread-handle.ts';
import type { ThreadPool } from './thread-pool.ts';

/** A thread that does not say how it is within this (ms) is shown as silent. */
const statusTimeout = 2_000;

/** What is asked of the threads and the system. Never rejects for a thread: one that does not answer is silent. */
export async function measure(
  { mail, spool, ledger: ledgerThread }: ThreadPool,
  dataDirectory: string,
): Promise<Omit<GatewayStatus, 'started' | 'revision' | 'waiting' | 'rollOut' | 'reminders'>> {
  const [workers, queue, ledger, disk] = await Promise.all([
    Promise.all(mail.map((thread) => ask<MailWorkerStatus>(thread))),
    ask<ReturnType<SpoolQueries['status']>>(spool),
    ask<Pick<LedgerStatus, 'history' | 'security'> & Pick<GatewayStatus, 'collectors'>>(ledgerThread),
    statfs(dataDirectory),
  ]);
  const sum = (pick: (status: MailWorkerStatus) => number) =>
    workers.reduce((total, worker) => total + (worker === null ? 0 : pick(worker)), 0);
  const state = (thread: ThreadHandle, answer: unknown): ThreadStatus => ({
    role: thread.role,
    index: thread.index,
    revision: thread.revision,
    state: answer === null ? 'silent' : 'running',
  });
  const { user, system } = process.cpuUsage();
  return {
    threads: [
      ...mail.map((thread, index) => state(thread, workers[index] ?? null)),
      state(spool, queue),
      state(ledgerThread, ledger),
    ],
    connections: {
      incoming: sum((worker) => worker.incoming),
      outgoing: sum((worker) => worker.outgoing),
      incomingTotal: sum((worker) => worker.incomingTotal),
      outgoingTotal: sum((worker) => worker.outgoingTotal),
    },
    counters: {
      accepted: sum((worker) => worker.accepted),
      refused: sum((worker) => worker.refused),
      delivered: sum((worker) => worker.delivered),
      deferred: sum((worker) => worker.deferred),
      bounced: sum((worker) => worker.bounced),
    },
    queue: queue ?? { messages: 0, jobs: 0, held: 0, bytesFree: 0, full: false, oldest: null },
    disk: { free: disk.bavail * disk.bsize, total: disk.blocks * disk.bsize },
    cpu: (user + system) / 1e6,
    memory: process.memoryUsage.rss(),
    collectors: ledger?.collectors ?? [],
    dnssec: workers.find((worker) => worker?.dnssec)?.dnssec ?? null,
    history: ledger?.history ?? null,
    security: ledger?.security ?? [],
  };
}

async function ask<T>(thread: ThreadHandle): Promise<T | null> {
  try {
    return (await thread.query('status', [], statusTimeout)) as T;
  } catch {
    return null; // shown as silent
  }
}
