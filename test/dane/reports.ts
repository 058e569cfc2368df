// The TLS reports (RFC 8460) about all that a log tells, as the domains would get them.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dayLength } from '../../src/config/units.ts';
import { openHistoryDatabase } from '../../src/ledger/history/database.ts';
import { dayOf, unplannedTargets } from '../../src/ledger/tls-reports/outgoing.ts';
import { SessionResults } from '../../src/ledger/tls-reports/results.ts';
import { reportJson } from '../../src/tls-reports/report.ts';
import type { RecordedLog } from '../delivery/fixture.ts';

/** Domain → its report. */
export function reportsOf(log: RecordedLog): ReadonlyMap<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-reports-'));
  const database = openHistoryDatabase(join(directory, 'ledger.db'), () => {});
  try {
    const day = Date.parse('2026-11-30T00:00:00Z');
    const sessions = new SessionResults();
    for (const { event, values } of log.events) {
      if (event.name !== 'smtp.out.tlsResult') continue;
      const text = (field: string) => String(values[event.fields.indexOf(field)] ?? '');
      const session = { type: text('policy'), text: text('policyString') };
      const names = ['domain', 'policyDomain', 'result', 'reason', 'host', 'local', 'helo', 'address'] as const;
      const rest = Object.fromEntries(names.map((name) => [name, text(name)])) as Record<
        (typeof names)[number],
        string
      >;
      sessions.add({ ...session, ...rest }, day + dayLength / 2);
    }
    sessions.write(database);
    const facts = { organization: 'Example', contact: 'tls@example.com', hostname: 'gw.example.com', day };
    return new Map(
      unplannedTargets(database, day).map((domain) => {
        const policies = dayOf(database, day, domain);
        return [domain, reportJson({ ...facts, domain, policies })];
      }),
    );
  } finally {
    database.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
