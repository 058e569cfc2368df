// The tables of ledger.db that hold observations: who connected with which ClientHello, and what came of it. Written by the
// ledger, read by the preview thread on a connection of its own.

/** `service` of a peer and of a use. */
export const observedServices = ['inbound', 'gui', 'outbound'] as const;
export type ObservedService = (typeof observedServices)[number];

/**
 * `kind` of an outcome. `tls`: the handshake was completed. `failed`: it was not; `alert` is the number of the alert that the other
 * side sent (null: we refused, or none). `clear`: no TLS was begun.
 */
export const outcomeKinds = ['tls', 'failed', 'clear'] as const;
export type OutcomeKind = (typeof outcomeKinds)[number];

/** `hello` of an observation whose ClientHello came but was not kept: too large, or beyond a bound. 0: none came. */
export const unkeptHello = -1;

// hello        A distinct ClientHello in its neutral form (tls/neutral.ts), once.
//              `digest`: the first 16 bytes of its SHA-256; `day`: when it was last seen.
// peer         Inbound and gui: `key` and `address` are the client's address, `name` its verified reverse name or '', `helo` what it
//              last said, `domain` that of the last envelope sender. Outbound: `key` is "destination host", `address` the host's,
//              `name` the host, `domain` the destination.
// outcome      What came of a handshake, each distinct one once. `version` and `suite`: numbers of the wire, 0 in clear text.
//              `offered`: outbound, a bit a version that we offered, 1 for TLS 1.0 to 8 for 1.3. `revision`: of the configuration
//              in force; 0 where it does not matter (everything but `failed`). `detail`: what the log says of a failure, or the
//              verdict on the certificate.
// observation  Connections and accepted messages of a day. In the order of a peer's history, so that 30 days of 50,000 peers are
//              added up in one pass without sorting. `last`: ms since the epoch.
// hello_use    The same, added up by hello: the first figures of a preview come from here.
// quota        New hellos and new peers of a /24 or /64 on the present day, so that a restart does not begin to count anew.
export const observationTables = `
  CREATE TABLE IF NOT EXISTS hello (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL, day INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS peer (id INTEGER PRIMARY KEY, service INTEGER NOT NULL, key TEXT NOT NULL, address TEXT NOT NULL,
    name TEXT NOT NULL, helo TEXT NOT NULL, domain TEXT NOT NULL, UNIQUE (service, key));
  CREATE TABLE IF NOT EXISTS outcome (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, version INTEGER NOT NULL, suite INTEGER NOT NULL,
    alert INTEGER, offered INTEGER NOT NULL, resumed INTEGER NOT NULL, revision INTEGER NOT NULL, detail TEXT NOT NULL,
    UNIQUE (kind, version, suite, alert, offered, resumed, revision, detail));
  CREATE TABLE IF NOT EXISTS observation (peer INTEGER NOT NULL, listener TEXT NOT NULL, hello INTEGER NOT NULL, outcome INTEGER NOT NULL,
    day INTEGER NOT NULL, connections INTEGER NOT NULL, messages INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (peer, listener, hello, outcome, day)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS hello_use (service INTEGER NOT NULL, listener TEXT NOT NULL, hello INTEGER NOT NULL, day INTEGER NOT NULL,
    connections INTEGER NOT NULL, messages INTEGER NOT NULL, PRIMARY KEY (service, listener, hello, day)) WITHOUT ROWID;
`;

/** What format 5 of ledger.db adds. */
export const quotaTable = `
  CREATE TABLE IF NOT EXISTS quota (network TEXT PRIMARY KEY, day INTEGER NOT NULL, hellos INTEGER NOT NULL, peers INTEGER NOT NULL) WITHOUT ROWID;
`;
