// Our reports to other domains, as ledger.db has them: what a day came to, which reports are due, what became of them.
import type { DatabaseSync } from 'node:sqlite';

/** `due`: at `next`; `none`: the domain asks for no reports; `failed`: given up. */
export type ReportState = 'due' | 'sent' | 'none' | 'failed';

/** Times in ms since the epoch; `day` is the begin of one (UTC). */
export interface ReportRow {
  readonly day: number;
  /** Who gets it: a recipients' domain, or a TLSA base domain. */
  readonly domain: string;
  readonly state: ReportState;
  readonly next: number;
  /** Of the first attempt; 0: there was none. */
  readonly first: number;
  readonly attempts: number;
  /** Where it went, or why it did not. */
  readonly detail: string;
}

export interface DetailCount {
  readonly result: string;
  readonly reason: string;
  readonly host: string;
  readonly local: string;
  readonly helo: string;
  readonly address: string;
  readonly count: number;
}

/** The sessions of a day under one policy. */
export interface PolicyCounts {
  readonly type: string;
  readonly policyDomain: string;
  /** Lines. */
  readonly text: string;
  readonly ok: number;
  readonly failed: number;
  readonly details: readonly DetailCount[];
}

/** A report with more would not be taken anywhere. */
const mostPolicies = 1000;
const mostDetails = 10_000;
const mostTargets = 5000;

/** Domains that the sessions of the day are about and no report is planned to yet (RFC 8460 1.1: of TLSA, the base domain too). */
export function unplannedTargets(database: DatabaseSync, day: number): readonly string[] {
  return database
    .prepare(
      `SELECT domain FROM (SELECT domain FROM tls_policy WHERE day = ?1 UNION
         SELECT policy_domain FROM tls_policy WHERE day = ?1 AND type = 'tlsa') AS target
       WHERE NOT EXISTS (SELECT 1 FROM tls_report WHERE day = ?1 AND domain = target.domain) LIMIT ?2`,
    )
    .all(day, mostTargets)
    .map((row) => String(row['domain']));
}

export function planReports(
  database: DatabaseSync,
  day: number,
  targets: readonly { readonly domain: string; readonly next: number }[],
): void {
  const insert = database.prepare("INSERT OR IGNORE INTO tls_report VALUES (?, ?, 'due', ?, 0, 0, '')");
  for (const { domain, next } of targets) insert.run(day, domain, next);
}

export function dueReports(database: DatabaseSync, now: number, limit: number): readonly ReportRow[] {
  return database
    .prepare("SELECT * FROM tls_report WHERE state = 'due' AND next <= ? ORDER BY next LIMIT ?")
    .all(now, limit)
    .map(reportRow);
}

/** Newest day first. */
export function listReports(database: DatabaseSync, day: number | null, limit: number): readonly ReportRow[] {
  return database
    .prepare('SELECT * FROM tls_report WHERE ?1 IS NULL OR day = ?1 ORDER BY day DESC, domain LIMIT ?2')
    .all(day, limit)
    .map(reportRow);
}

export function settleReport(database: DatabaseSync, row: ReportRow): void {
  database
    .prepare('INSERT OR REPLACE INTO tls_report VALUES (?, ?, ?, ?, ?, ?, ?)')
    .run(row.day, row.domain, row.state, row.next, row.first, row.attempts, row.detail.slice(0, 500));
}

/** What a day came to for a domain: sessions for its mail, and those with it as a TLSA base domain. */
export function dayOf(database: DatabaseSync, day: number, domain: string): readonly PolicyCounts[] {
  const rows = database
    .prepare(
      `SELECT id, type, policy_domain, text, ok, failed FROM tls_policy WHERE day = ?1 AND domain = ?2
       UNION SELECT id, type, policy_domain, text, ok, failed FROM tls_policy WHERE day = ?1 AND policy_domain = ?2 AND type = 'tlsa'
       ORDER BY id LIMIT ?3`,
    )
    .all(day, domain, mostPolicies);
  const details = database.prepare('SELECT * FROM tls_detail WHERE policy = ? LIMIT ?');
  const merged = new Map<string, { ok: number; failed: number; details: Map<string, DetailCount> }>();
  for (const row of rows) {
    const key = JSON.stringify([row['type'], row['policy_domain'], row['text']]);
    let policy = merged.get(key);
    if (policy === undefined) {
      policy = { ok: 0, failed: 0, details: new Map() };
      merged.set(key, policy);
    }
    policy.ok += Number(row['ok']);
    policy.failed += Number(row['failed']);
    for (const found of details.all(Number(row['id']), mostDetails)) {
      const { count, ...detail } = detailCount(found);
      const known = JSON.stringify(detail);
      policy.details.set(known, { ...detail, count: count + (policy.details.get(known)?.count ?? 0) });
    }
  }
  return [...merged].map(([key, { ok, failed, details: counted }]) => {
    const [type = '', policyDomain = '', text = ''] = JSON.parse(key) as readonly string[];
    return { type, policyDomain, text, ok, failed, details: [...counted.values()] };
  });
}

function reportRow(row: Record<string, unknown>): ReportRow {
  return {
    day: Number(row['day']),
    domain: String(row['domain']),
    state: String(row['state']) as ReportState,
    next: Number(row['next']),
    first: Number(row['first']),
    attempts: Number(row['attempts']),
    detail: String(row['detail']),
  };
}

function detailCount(row: Record<string, unknown>): DetailCount {
  const text = (column: string) => String(row[column]);
  return {
    result: text('result'),
    reason: text('reason'),
    host: text('host'),
    local: text('local'),
    helo: text('helo'),
    address: text('address'),
    count: Number(row['count']),
  };
}
