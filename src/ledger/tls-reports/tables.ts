// Tables of TLS reports (RFC 8460) in ledger.db: what we tell others, and what others tell us.

// tls_policy    Sessions of a UTC day with hosts of a domain under one policy. `text`: its lines.
// tls_detail    Those of them that failed, by what came of them.
// tls_report    Reports about a day to a domain: `state` see `ReportState`; `next`: when something is due; `first`: the first attempt.
// tls_received  Reports from others. `signer`: domain of the signature that holds, or empty. `problem`: why it cannot be read, or empty.
//               `counted`: it is part of the sums.
// tls_told      Their policies, with the failures of each as JSON.
export const tlsReportTables = `
  CREATE TABLE tls_policy (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, domain TEXT NOT NULL, type TEXT NOT NULL,
    policy_domain TEXT NOT NULL, text TEXT NOT NULL, ok INTEGER NOT NULL, failed INTEGER NOT NULL,
    UNIQUE (day, domain, type, policy_domain, text));
  CREATE INDEX tls_policy_host ON tls_policy (day, policy_domain) WHERE type = 'tlsa';
  CREATE TABLE tls_detail (policy INTEGER NOT NULL, result TEXT NOT NULL, reason TEXT NOT NULL, host TEXT NOT NULL, local TEXT NOT NULL,
    helo TEXT NOT NULL, address TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (policy, result, reason, host, local, helo, address)) WITHOUT ROWID;
  CREATE TABLE tls_report (day INTEGER NOT NULL, domain TEXT NOT NULL, state TEXT NOT NULL, next INTEGER NOT NULL, first INTEGER NOT NULL,
    attempts INTEGER NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (day, domain)) WITHOUT ROWID;
  CREATE INDEX tls_report_next ON tls_report (next) WHERE state = 'due';
  CREATE TABLE tls_received (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, via TEXT NOT NULL, sender TEXT NOT NULL, signer TEXT NOT NULL,
    signature TEXT NOT NULL, counted INTEGER NOT NULL, organization TEXT, report_id TEXT, contact TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
    ok INTEGER NOT NULL, failed INTEGER NOT NULL, problem TEXT NOT NULL, size INTEGER NOT NULL DEFAULT 0,
    UNIQUE (organization, report_id, signer));
  CREATE INDEX tls_received_start ON tls_received (start);
  CREATE TABLE tls_told (report INTEGER NOT NULL, at INTEGER NOT NULL, type TEXT NOT NULL, domain TEXT NOT NULL, text TEXT NOT NULL,
    ok INTEGER NOT NULL, failed INTEGER NOT NULL, failures TEXT NOT NULL, PRIMARY KEY (report, at)) WITHOUT ROWID;
`;
