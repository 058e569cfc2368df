// Reports over time, read from ledger.db: TLS connections, failures, series, audit.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type {
  AuditFilter,
  AuditRow,
  FailureRow,
  FailuresRequest,
  Page,
  PageRequest,
  SecurityCount,
  Series,
  SeriesRequest,
  TlsConnectionCounts,
  TlsConnectionsReport,
  TlsConnectionsRequest,
  TlsConnectionsRow,
} from '../protocol.ts';
import { type SeriesName, seriesNames } from '../protocol.ts';
import { countsOf, day, hour, kept, minute } from './counts.ts';
import { failureDirections } from './failures.ts';
import { securityRows } from './security-counts.ts';
import { directions, tlsColumns } from './tls-counts.ts';
import { cursorNumber } from './tracking.ts';

type Row = Readonly<Record<string, unknown>>;

const sums = tlsColumns.map((name) => `sum(${name}) AS ${name}`).join(', ');
const sortColumns: Readonly<Record<NonNullable<TlsConnectionsRequest['sort']>, string>> = {
  domain: 'domain ASC',
  requiredOk: 'required_ok DESC',
  requiredFailed: 'required_failed DESC',
  preferredOk: 'preferred_ok DESC',
  preferredFailed: 'preferred_failed DESC',
  unencrypted: 'unencrypted DESC',
  total: 'required_ok + required_failed + preferred_ok + preferred_failed + unencrypted DESC',
  messages: 'messages DESC',
  tls10: 'tls10 DESC',
  tls11: 'tls11 DESC',
  tls12: 'tls12 DESC',
  tls13: 'tls13 DESC',
};

/**
 * Whole days by their sums, what is left at both ends by hours; as hours are not kept for long, an old range has whole days only.
 * Span, from, before.
 */
function spans(from: number, to: number, now: number): [span: number, from: number, before: number][] {
  const old = now - 7 * day;
  const start = floor(from, hour);
  const first = from < old ? floor(from, day) : floor(from + day - 1, day);
  const last = Math.max(first, to < old ? floor(to + day - 1, day) : floor(to, day));
  return [
    [1, first, last],
    [0, start, Math.min(Math.max(first, start), to)],
    [0, Math.max(last, start), to],
  ];
}

function floor(time: number, unit: number): number {
  return time - (time % unit);
}

export class Reports {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  tlsConnections(request: TlsConnectionsRequest, now: number): TlsConnectionsReport {
    const ranges = spans(request.from, request.to, now);
    const parts = ranges.map(() => 'span = ? AND start >= ? AND start < ? AND direction = ?');
    const values: SQLInputValue[] = ranges.flatMap((range) => [...range, directions.indexOf(request.direction)]);
    let filter = '';
    if (request.domain !== undefined) {
      filter = ' AND instr(domain, ?) > 0';
      values.push(request.domain.toLowerCase());
    }
    const where = `(${parts.map((part) => `(${part})`).join(' OR ')})${filter}`;
    const offset = request.cursor === undefined ? 0 : cursorNumber(request.cursor);
    const sort = sortColumns[request.sort ?? 'total'];
    const rows = this.#database
      .prepare(
        `SELECT * FROM (SELECT domain, ${sums} FROM tls WHERE ${where} GROUP BY domain) ORDER BY ${sort}, domain LIMIT ? OFFSET ?`,
      )
      .all(...values, request.limit + 1, offset);
    const sum = this.#database
      .prepare(`SELECT ${sums}, count(DISTINCT domain) AS domains FROM tls WHERE ${where}`)
      .get(...values);
    return {
      items: rows
        .slice(0, request.limit)
        .map((row) => ({ domain: String(row['domain']), ...tlsCountsOf(row) }) satisfies TlsConnectionsRow),
      next: rows.length > request.limit ? String(offset + request.limit) : null,
      sum: tlsCountsOf(sum ?? {}),
      domains: Number(sum?.['domains'] ?? 0),
      security: request.direction === 'outgoing' ? this.#security(request, ranges) : [],
    };
  }

  #security({ domain }: TlsConnectionsRequest, ranges: ReturnType<typeof spans>): SecurityCount[] {
    const parts = ranges.map(() => '(span = ? AND start >= ? AND start < ?)').join(' OR ');
    const named = domain === undefined ? '' : ' AND instr(domain, ?) > 0';
    const values = domain === undefined ? ranges.flat() : [...ranges.flat(), domain.toLowerCase()];
    return securityRows(this.#database, `(${parts})${named}`, values);
  }

  failures(request: FailuresRequest): Page<FailureRow> {
    const conditions = ['day >= ?', 'day < ?', 'last >= ?', 'first < ?'];
    const { from, to, direction, text } = request;
    const values: SQLInputValue[] = [from - (from % day), to, from, to];
    if (direction !== undefined) {
      conditions.push('direction = ?');
      values.push(failureDirections.indexOf(direction));
    }
    if (text !== undefined) {
      conditions.push(
        `instr(lower(peer || ' ' || coalesce(name, '') || ' ' || detail || ' ' || coalesce(explanation, '')), ?) > 0`,
      );
      values.push(text.toLowerCase());
    }
    const offset = request.cursor === undefined ? 0 : cursorNumber(request.cursor);
    const rows = this.#database
      .prepare(
        `SELECT direction, peer, detail, max(name) AS name, max(explanation) AS explanation, sum(count) AS count,
           min(first) AS first, max(last) AS last FROM failure WHERE ${conditions.join(' AND ')}
         GROUP BY direction, peer, detail ORDER BY last DESC, peer, detail LIMIT ? OFFSET ?`,
      )
      .all(...values, request.limit + 1, offset);
    return {
      items: rows.slice(0, request.limit).map(failureOf),
      next: rows.length > request.limit ? String(offset + request.limit) : null,
    };
  }

  series({ from, to, step }: SeriesRequest, now: number): Series {
    const length = step === 'minute' ? minute : hour;
    const least = Math.max(from, now - (kept[length] ?? 0));
    const start = least - (least % length);
    const count = Math.max(0, Math.min(Math.ceil((Math.min(to, now + length) - start) / length), 10_000));
    const values = Object.fromEntries(seriesNames.map((name) => [name, new Array<number>(count).fill(0)])) as Record<
      SeriesName,
      number[]
    >;
    const rows = this.#database
      .prepare('SELECT start, counts FROM series WHERE step = ? AND start >= ? AND start < ?')
      .all(length, start, start + count * length);
    for (const row of rows) {
      const at = (Number(row['start']) - start) / length;
      countsOf(String(row['counts'])).forEach((value, index) => {
        const name = seriesNames[index];
        if (name !== undefined) values[name][at] = value;
      });
    }
    return { start, step: length, values };
  }

  audit(filter: AuditFilter, { limit, cursor }: PageRequest): Page<AuditRow> {
    const conditions = ['id < ?'];
    const values: SQLInputValue[] = [cursor === undefined ? Number.MAX_SAFE_INTEGER : cursorNumber(cursor)];
    const condition = (sql: string, value: SQLInputValue | undefined) => {
      if (value === undefined) return;
      conditions.push(sql);
      values.push(value);
    };
    condition('user = ?', filter.user);
    condition('face = ?', filter.face);
    condition('action = ?', filter.action);
    condition('time >= ?', filter.from);
    condition('time < ?', filter.to);
    condition(
      `instr(lower(user || ' ' || address || ' ' || action || ' ' || detail), ?) > 0`,
      filter.text?.toLowerCase(),
    );
    const rows = this.#database
      .prepare(`SELECT * FROM audit WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT ?`)
      .all(...values, limit + 1);
    const items = rows.slice(0, limit).map(auditOf);
    return { items, next: rows.length > limit ? String(items.at(-1)?.id ?? 0) : null };
  }
}

function tlsCountsOf(row: Row): TlsConnectionCounts {
  const number = (name: string) => Number(row[name] ?? 0);
  const counts = {
    requiredOk: number('required_ok'),
    requiredFailed: number('required_failed'),
    preferredOk: number('preferred_ok'),
    preferredFailed: number('preferred_failed'),
    unencrypted: number('unencrypted'),
    messages: number('messages'),
    tls10: number('tls10'),
    tls11: number('tls11'),
    tls12: number('tls12'),
    tls13: number('tls13'),
  };
  const { requiredOk, requiredFailed, preferredOk, preferredFailed, unencrypted } = counts;
  return { ...counts, total: requiredOk + requiredFailed + preferredOk + preferredFailed + unencrypted };
}

function failureOf(row: Row): FailureRow {
  return {
    direction: failureDirections[Number(row['direction'])] ?? 'incoming',
    peer: String(row['peer']),
    name: typeof row['name'] === 'string' ? row['name'] : null,
    detail: String(row['detail']),
    explanation: typeof row['explanation'] === 'string' ? row['explanation'] : null,
    count: Number(row['count']),
    first: Number(row['first']),
    last: Number(row['last']),
  };
}

function auditOf(row: Row): AuditRow {
  const text = (name: string) => String(row[name]);
  return {
    id: Number(row['id']),
    time: Number(row['time']),
    user: text('user'),
    role: text('role'),
    address: text('address'),
    face: text('face'),
    action: text('action'),
    detail: text('detail'),
  };
}
