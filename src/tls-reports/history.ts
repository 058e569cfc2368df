// What sending and receiving reports ask of the ledger thread.
import type { HistoryQueries } from '../ledger/protocol.ts';

type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

export type SendingHistory = Remote<
  Pick<
    HistoryQueries,
    'unplannedTlsReports' | 'planTlsReports' | 'dueTlsReports' | 'tlsReports' | 'tlsReportDay' | 'settleTlsReport'
  >
>;

export type ReceivingHistory = Remote<Pick<HistoryQueries, 'keepTlsReport' | 'noteBadTlsReport'>>;
export type { KeptReport } from '../ledger/tls-reports/received.ts';
