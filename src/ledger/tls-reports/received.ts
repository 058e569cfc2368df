// Reports of others in ledger.db (RFC 8460): what they failed at when they sent to us.
import type { DatabaseSync } from 'node:sqlite';
import { day } from '../history/counts.ts';
import type { Page, PageRequest, Range } from '../protocol.ts';

/** A report of somebody else, as far as it is kept; texts are one line. */
export interface ReceivedReport {
  readonly organization: string;
  /** Of the sender, or made up from what it says. */
  readonly reportId: string;
  readonly contact: string;
  /** ms since the epoch. */
  readonly start: number;
  readonly end: number;
  readonly policies: readonly ReceivedPolicy[];
  /** More was told than is kept. */
  readonly cut: boolean;
}

export interface ReceivedPolicy {
  /** tlsa, sts, no-policy-found; as told. */
  readonly type: string;
  readonly domain: string;
  /** The policy, a line each. */
  readonly lines: readonly string[];
  readonly ok: number;
  readonly failed: number;
  readonly failures: readonly ReceivedFailure[];
}

export interface ReceivedFailure {
  readonly result: string;
  readonly count: number;
  /** Addresses and names as told; empty where nothing was. */
  readonly sender: string;
  readonly host: string;
  readonly helo: string;
  readonly address: string;
  readonly reason: string;
  readonly info: string;
}

export interface KeptReport {
  readonly time: number;
  readonly via: 'mail' | 'https';
  /** Envelope sender, or address of the client. */
  readonly sender: string;
  /** Domain of the signature that holds, or empty. */
  readonly signer: string;
  /** The same in words. */
  readonly signature: string;
  /** It is part of the sums. */
  readonly counted: boolean;
  readonly report: ReceivedReport;
}

export interface BadReport {
  readonly time: number;
  readonly via: 'mail' | 'https';
  readonly sender: string;
  readonly problem: string;
}

/** A line of the list. `problem`: why it cannot be read, then most else is empty. */
export interface ReceivedRow {
  readonly id: number;
  readonly time: number;
  readonly via: 'mail' | 'https';
  readonly sender: string;
  readonly signature: string;
  readonly counted: boolean;
  readonly organization: string;
  readonly reportId: string;
  readonly contact: string;
  readonly start: number;
  readonly end: number;
  readonly ok: number;
  readonly failed: number;
  readonly problem: string;
}

export interface ReceivedFilter {
  /** Occurs in organisation, report, sender or problem. */
  readonly text?: string;
  /** Only those with failures. */
  readonly failed?: boolean;
}

export interface ReceivedStory {
  readonly row: ReceivedRow;
  readonly policies: readonly ReceivedPolicy[];
}

export interface Sum {
  readonly name: string;
  readonly ok: number;
  readonly failed: number;
}

/** What others told about the days of a range; `failures` without `ok`. Most failures first. */
export interface ReceivedSums {
  readonly days: readonly { readonly day: number; readonly ok: number; readonly failed: number }[];
  readonly organizations: readonly Sum[];
  readonly domains: readonly Sum[];
  readonly results: readonly { readonly name: string; readonly count: number }[];
  readonly hosts: readonly { readonly name: string; readonly count: number }[];
}

/** Rows kept of each kind: signed mail, all else, and what cannot be read; and the parts of the whole history that the first two may take. The oldest go. */
const mostSigned = 50_000;
const mostOther = 10_000;
const mostBad = 1000;
const signedPart = 1 / 8;
const otherPart = 1 / 32;
const mostNames = 50;
/** What a row takes besides its longest texts, about. */
const rowSize = 200;

/** False: it is known. `most`: bytes of the whole history. The signer is part of what a report is known by: nobody can be there before another with its name. */
export function keepReport(database: DatabaseSync, kept: KeptReport, most: number): boolean {
  const { time, via, sender, signer, signature, counted, report } = kept;
  const { organization, reportId, contact, start, end, policies } = report;
  // The same by mail and by HTTPS counts once: the one that is signed.
  const among = 'organization = ? AND report_id = ? AND signer';
  const signed = database.prepare(`SELECT 1 FROM tls_received WHERE ${among} <> ''`).get(organization, reportId);
  const counts = counted && (signer !== '' || signed === undefined);
  const sum = (pick: (policy: ReceivedPolicy) => number) => policies.reduce((all, policy) => all + pick(policy), 0);
  const inserted = database
    .prepare(
      `INSERT OR IGNORE INTO tls_received (time, via, sender, signer, signature, counted, organization, report_id, contact, start, end,
         ok, failed, problem) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')`,
    )
    .run(
      ...[time, via, sender.slice(0, 320), signer, signature.slice(0, 500), counts ? 1 : 0],
      ...[organization, reportId, contact, start, end, sum(({ ok }) => ok), sum(({ failed }) => failed)],
    );
  if (Number(inserted.changes) === 0) return false;
  if (signer !== '' && counts) {
    database.prepare(`UPDATE tls_received SET counted = 0 WHERE ${among} = ''`).run(organization, reportId);
  }
  const insert = database.prepare('INSERT INTO tls_told VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  let size = rowSize;
  for (const [at, policy] of policies.entries()) {
    const { type, domain, lines, ok, failed, failures } = policy;
    const [text, details] = [lines.join('\n'), JSON.stringify(failures)];
    size += rowSize + text.length + details.length;
    insert.run(inserted.lastInsertRowid, at, type, domain, text, ok, failed, details);
  }
  database.prepare('UPDATE tls_received SET size = ? WHERE id = ?').run(size, inserted.lastInsertRowid);
  // A stranger who sends much has the reports of others thrown away, not messages and observations.
  if (signer !== '') trim(database, "problem = '' AND signer <> ''", mostSigned, most * signedPart);
  else trim(database, "problem = '' AND signer = ''", mostOther, most * otherPart);
  return true;
}

export function noteBadReport(database: DatabaseSync, { time, via, sender, problem }: BadReport): void {
  database
    .prepare(
      `INSERT INTO tls_received (time, via, sender, signer, signature, counted, organization, report_id, contact, start, end, ok, failed,
         problem) VALUES (?, ?, ?, '', '', 0, NULL, NULL, '', ?, ?, 0, 0, ?)`,
    )
    .run(time, via, sender.slice(0, 320), time, time, problem.slice(0, 500) || 'unknown');
  trim(database, "problem <> ''", mostBad, Number.MAX_SAFE_INTEGER);
}

/** Reports about days before that. */
export function dropReceived(database: DatabaseSync, before: number): void {
  remove(database, 'start < ?', before);
}

/** Newest first. */
export function listReceived(
  database: DatabaseSync,
  { text, failed = false }: ReceivedFilter,
  { limit, cursor }: PageRequest,
): Page<ReceivedRow> {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
  const like = text === undefined || text === '' ? null : `%${text.replaceAll(/[%_\\]/g, '\\$&')}%`;
  const rows = database
    .prepare(
      `SELECT * FROM tls_received WHERE id < ?1 AND (?2 = 0 OR failed > 0) AND (?3 IS NULL OR organization LIKE ?3 ESCAPE '\\'
         OR report_id LIKE ?3 ESCAPE '\\' OR sender LIKE ?3 ESCAPE '\\' OR problem LIKE ?3 ESCAPE '\\')
       ORDER BY id DESC LIMIT ?4`,
    )
    .all(Number.isFinite(before) ? before : 0, failed ? 1 : 0, like, limit + 1)
    .map(rowOf);
  const items = rows.slice(0, limit);
  return { items, next: rows.length > limit ? String(items.at(-1)?.id ?? 0) : null };
}

/** Null: there is none with that number. */
export function storyOf(database: DatabaseSync, id: number): ReceivedStory | null {
  const row = database.prepare('SELECT * FROM tls_received WHERE id = ?').get(id);
  if (row === undefined) return null;
  const policies = database
    .prepare('SELECT * FROM tls_told WHERE report = ? ORDER BY at')
    .all(id)
    .map((told) => ({
      type: String(told['type']),
      domain: String(told['domain']),
      lines: String(told['text']).split('\n').filter(Boolean),
      ok: Number(told['ok']),
      failed: Number(told['failed']),
      failures: JSON.parse(String(told['failures'])) as readonly ReceivedFailure[],
    }));
  return { row: rowOf(row), policies };
}

export function sumsOf(database: DatabaseSync, { from, to }: Range): ReceivedSums {
  const among = 'tls_received.counted = 1 AND tls_received.start >= ?1 AND tls_received.start < ?2';
  const all = (sql: string) => database.prepare(sql).all(from, to);
  const named = (rows: readonly Record<string, unknown>[]): readonly Sum[] =>
    rows.map((row) => ({ name: String(row['name']), ok: Number(row['ok']), failed: Number(row['failed']) }));
  const counted = (column: string) =>
    all(
      `SELECT ${column} AS name, sum(json_extract(failure.value, '$.count')) AS count
         FROM tls_received JOIN tls_told ON report = tls_received.id, json_each(failures) AS failure WHERE ${among}
         GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${mostNames}`,
    ).map((row) => ({ name: String(row['name'] ?? ''), count: Number(row['count']) }));
  return {
    days: all(
      `SELECT start - start % ${day} AS day, sum(ok) AS ok, sum(failed) AS failed FROM tls_received WHERE ${among}
         GROUP BY 1 ORDER BY 1`,
    ).map((row) => ({ day: Number(row['day']), ok: Number(row['ok']), failed: Number(row['failed']) })),
    organizations: named(
      all(
        `SELECT organization AS name, sum(ok) AS ok, sum(failed) AS failed FROM tls_received WHERE ${among}
           GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT ${mostNames}`,
      ),
    ),
    domains: named(
      all(
        `SELECT tls_told.domain AS name, sum(tls_told.ok) AS ok, sum(tls_told.failed) AS failed
           FROM tls_received JOIN tls_told ON report = tls_received.id WHERE ${among} GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT ${mostNames}`,
      ),
    ),
    results: counted("json_extract(failure.value, '$.result')"),
    hosts: counted("json_extract(failure.value, '$.host')"),
  };
}

/** The newest stay: `most` rows, and no more than `bytes`. */
function trim(database: DatabaseSync, where: string, most: number, bytes: number): void {
  const last = database
    .prepare(
      `SELECT id FROM (SELECT id, row_number() OVER newest AS place, sum(size) OVER newest AS used FROM tls_received WHERE ${where}
         WINDOW newest AS (ORDER BY id DESC)) WHERE place > ?1 OR (used > ?2 AND place > 1) ORDER BY id DESC LIMIT 1`,
    )
    .get(most, bytes);
  if (last !== undefined) remove(database, `${where} AND id <= ?`, Number(last['id']));
}

function remove(database: DatabaseSync, where: string, value: number): void {
  database.prepare(`DELETE FROM tls_told WHERE report IN (SELECT id FROM tls_received WHERE ${where})`).run(value);
  database.prepare(`DELETE FROM tls_received WHERE ${where}`).run(value);
}

function rowOf(row: Record<string, unknown>): ReceivedRow {
  const text = (column: string) => String(row[column] ?? '');
  const number = (column: string) => Number(row[column]);
  return {
    id: number('id'),
    time: number('time'),
    via: row['via'] === 'https' ? 'https' : 'mail',
    sender: text('sender'),
    signature: text('signature'),
    counted: number('counted') === 1,
    organization: text('organization'),
    reportId: text('report_id'),
    contact: text('contact'),
    start: number('start'),
    end: number('end'),
    ok: number('ok'),
    failed: number('failed'),
    problem: text('problem'),
  };
}
