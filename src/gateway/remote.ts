// The queue and the history as control asks for them: each question goes to the thread that has the answer.
import type { AdminHistory, AdminQueue } from '../admin/host.ts';
import type { HistoryQueries } from '../ledger/protocol.ts';
import type { SpoolQueries } from '../spool/protocol.ts';
import type { ThreadPool } from './thread-pool.ts';

/** ms. */
const forgetTimeout = 30 * 60_000;

export function remoteQueue(pool: ThreadPool): AdminQueue {
  const ask = (name: keyof SpoolQueries) =>
    ((...args: readonly unknown[]) => pool.spool.query(name, args)) as AdminQueue[typeof name];
  return {
    list: ask('list'),
    destinations: ask('destinations'),
    status: ask('status'),
    alerts: ask('alerts'),
    notify: ask('notify'),
    submit: ask('submit'),
    deliverNow: ask('deliverNow'),
    delete: ask('delete'),
    hold: ask('hold'),
    release: ask('release'),
  } as AdminQueue;
}

/** All open pages ask for the present every second; the ledger is asked once for all of them. */
const overviewAge = 900;

export function remoteHistory(pool: ThreadPool): AdminHistory {
  let overview: { readonly at: number; readonly answer: ReturnType<AdminHistory['overview']> } | null = null;
  const ask = (name: keyof HistoryQueries) =>
    ((...args: readonly unknown[]) => pool.ledger.query(name, args)) as AdminHistory[typeof name];
  return {
    trackMessages: ask('trackMessages'),
    trackMessage: ask('trackMessage'),
    tlsConnections: ask('tlsConnections'),
    failures: ask('failures'),
    series: ask('series'),
    overview: () => {
      const now = performance.now();
      if (overview === null || now - overview.at > overviewAge) {
        const answer = ask('overview')() as ReturnType<AdminHistory['overview']>;
        overview = { at: now, answer };
        // What failed is asked again.
        answer.catch(() => {
          overview = null;
        });
      }
      return overview.answer;
    },
    audit: ask('audit'),
    // Of a long history: minutes.
    forgetAddress: (address) => pool.ledger.query('forgetAddress', [address], forgetTimeout) as Promise<number>,
    destinations: ask('destinations'),
    keepRehearsals: ask('keepRehearsals'),
    unplannedTlsReports: ask('unplannedTlsReports'),
    planTlsReports: ask('planTlsReports'),
    dueTlsReports: ask('dueTlsReports'),
    tlsReports: ask('tlsReports'),
    tlsReportDay: ask('tlsReportDay'),
    settleTlsReport: ask('settleTlsReport'),
    keepTlsReport: ask('keepTlsReport'),
    noteBadTlsReport: ask('noteBadTlsReport'),
    receivedTlsReports: ask('receivedTlsReports'),
    receivedTlsReport: ask('receivedTlsReport'),
    receivedTlsSums: ask('receivedTlsSums'),
    takeRollOut: ask('takeRollOut'),
    write: ask('write'),
  } as AdminHistory;
}
