// What came of outgoing sessions, by day, domain and policy, for the reports to the domains (RFC 8460): gathered in memory and
// added to ledger.db.
import type { DatabaseSync } from 'node:sqlite';
import { day } from '../history/counts.ts';

/** One session under one policy. `result`: empty for success. */
export interface CountedSession {
  readonly domain: string;
  readonly type: string;
  readonly policyDomain: string;
  readonly text: string;
  readonly result: string;
  readonly reason: string;
  readonly host: string;
  readonly local: string;
  readonly helo: string;
  readonly address: string;
}

type Detail = Omit<CountedSession, 'domain' | 'type' | 'policyDomain' | 'text'>;

interface Policy {
  readonly day: number;
  readonly session: CountedSession;
  ok: number;
  failed: number;
  readonly details: Map<string, { readonly detail: Detail; count: number }>;
}

/** Of a day: policies in all and of one domain, and different failures of one policy; what comes beyond is added up. */
const mostPolicies = 20_000;
const mostOfDomain = 20;
const mostDetails = 100;
const longestReason = 300;
const longestName = 255;
/** Of a policy: whoever publishes more has it cut. */
const longestText = 16_384;

const addPolicy = `INSERT INTO tls_policy (day, domain, type, policy_domain, text, ok, failed) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET ok = ok + excluded.ok, failed = failed + excluded.failed RETURNING id`;
const addDetail = `INSERT INTO tls_detail (policy, result, reason, host, local, helo, address, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET count = count + excluded.count`;

export class SessionResults {
  #day = 0;
  /** Policies of the day, written or not: key → details known of it. */
  #known = new Map<string, Set<string>>();
  #domains = new Map<string, number>();
  /** Since the last write. */
  #pending = new Map<string, Policy>();

  add(session: CountedSession, time: number): void {
    this.#turn(time);
    const { text } = session;
    // Whole lines.
    const whole = text.length > longestText ? text.slice(0, Math.max(0, text.lastIndexOf('\n', longestText))) : text;
    const policy = this.#policy(whole === text ? session : { ...session, text: whole });
    if (policy === null) return;
    if (session.result === '') {
      policy.ok++;
      return;
    }
    policy.failed++;
    this.#detail(policy, session);
  }

  write(database: DatabaseSync): void {
    if (this.#pending.size === 0) return;
    const insertPolicy = database.prepare(addPolicy);
    const insertDetail = database.prepare(addDetail);
    for (const { day: date, session, ok, failed, details } of this.#pending.values()) {
      const { domain, type, policyDomain, text } = session;
      const id = Number(insertPolicy.get(date, domain, type, policyDomain, text, ok, failed)?.['id']);
      for (const { detail, count } of details.values()) {
        const { result, reason, host, local, helo, address } = detail;
        insertDetail.run(id, result, reason, host, local, helo, address, count);
      }
    }
  }

  written(): void {
    this.#pending.clear();
  }

  #turn(time: number): void {
    const today = time - (time % day);
    if (today <= this.#day) return;
    this.#day = today;
    this.#known = new Map();
    this.#domains = new Map();
    // While nothing can be written.
    if (this.#pending.size > mostPolicies) this.#pending.clear();
  }

  #policy(session: CountedSession): Policy | null {
    const { domain } = session;
    let kept: CountedSession = session;
    let key = keyOf(kept);
    if (!this.#known.has(key)) {
      const ofDomain = this.#domains.get(domain) ?? 0;
      if (ofDomain >= mostOfDomain) {
        // A domain whose policy is another one each time.
        kept = { ...session, text: '', policyDomain: domain };
        key = keyOf(kept);
      }
      if (!this.#known.has(key)) {
        if (this.#known.size >= mostPolicies) return null;
        this.#known.set(key, new Set());
        this.#domains.set(domain, ofDomain + 1);
      }
    }
    let policy = this.#pending.get(`${this.#day}\n${key}`);
    if (policy === undefined) {
      policy = { day: this.#day, session: kept, ok: 0, failed: 0, details: new Map() };
      this.#pending.set(`${this.#day}\n${key}`, policy);
    }
    return policy;
  }

  #detail(policy: Policy, session: CountedSession): void {
    const reason = session.reason.slice(0, longestReason);
    const host = session.host.slice(0, longestName);
    const helo = session.helo.slice(0, longestName);
    const { result, local, address } = session;
    let detail: Detail = { result, reason, host, local, helo, address };
    let key = JSON.stringify(detail);
    const known = this.#known.get(keyOf(policy.session));
    if (known !== undefined && !known.has(key)) {
      if (known.size < mostDetails) known.add(key);
      else {
        detail = {
          result,
          reason: 'more different failures than are kept',
          host: '',
          local: '',
          helo: '',
          address: '',
        };
        key = JSON.stringify(detail);
      }
    }
    const present = policy.details.get(key);
    if (present === undefined) policy.details.set(key, { detail, count: 1 });
    else present.count++;
  }
}

function keyOf({ domain, type, policyDomain, text }: CountedSession): string {
  return `${domain}\n${type}\n${policyDomain}\n${text}`;
}
