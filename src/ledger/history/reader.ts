// All that is read from ledger.db for administrators, with arguments checked: they come from pages and programs.
import type { DatabaseSync } from 'node:sqlite';
import { PosternError } from '../../errors.ts';
import type {
  AuditFilter,
  AuditRow,
  FailureRow,
  FailuresRequest,
  MessageStory,
  Page,
  PageRequest,
  Range,
  Series,
  SeriesRequest,
  TlsConnectionsReport,
  TlsConnectionsRequest,
  TrackedMessage,
  TrackingFilter,
} from '../protocol.ts';
import { Reports } from './reports.ts';
import { Tracking } from './tracking.ts';

const mostOfPage = 1000;

export class HistoryReader {
  readonly #tracking: Tracking;
  readonly #reports: Reports;

  constructor(database: DatabaseSync) {
    this.#tracking = new Tracking(database);
    this.#reports = new Reports(database);
  }

  trackMessages(filter: TrackingFilter, page: PageRequest): Page<TrackedMessage> {
    checkPage(page);
    return this.#tracking.search(filter, page);
  }

  trackMessage(mid: number): MessageStory | null {
    return this.#tracking.story(mid);
  }

  tlsConnections(request: TlsConnectionsRequest): TlsConnectionsReport {
    checkPage(request);
    checkRange(request);
    return this.#reports.tlsConnections(request, Date.now());
  }

  failures(request: FailuresRequest): Page<FailureRow> {
    checkPage(request);
    checkRange(request);
    return this.#reports.failures(request);
  }

  series(request: SeriesRequest): Series {
    checkRange(request);
    return this.#reports.series(request, Date.now());
  }

  audit(filter: AuditFilter, page: PageRequest): Page<AuditRow> {
    checkPage(page);
    return this.#reports.audit(filter, page);
  }
}

function checkPage({ limit }: PageRequest): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= mostOfPage) return;
  throw new PosternError('bad-usage', `a page of ${limit} rows`, { remedy: `ask for 1 to ${mostOfPage} rows` });
}

function checkRange({ from, to }: Range): void {
  if (Number.isFinite(from) && Number.isFinite(to) && from >= 0 && from <= to) return;
  throw new PosternError('bad-usage', `a time range from ${from} to ${to}`, { remedy: 'let it begin before it ends' });
}
