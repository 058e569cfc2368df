// A snapshot as the receiving side uses it: compiled once, shared by all listeners and sessions of a thread.
import type { Snapshot } from '../config/snapshot.ts';
import { type SigningKeys, signingKeys } from '../dkim/keys.ts';
import { AccessTable } from './access.ts';
import type { SessionSettings } from './handler.ts';
import { RecipientTable } from './recipients.ts';

type TlsMode = Snapshot['listeners'][number]['tls'];

export interface InboundPolicy {
  readonly access: AccessTable;
  readonly recipients: RecipientTable;
  /** Null: no domain has a key. */
  readonly signing: SigningKeys | null;
  readonly settings: Readonly<Record<TlsMode, SessionSettings>>;
  readonly timeouts: Snapshot['timeouts'];
  /** Octets a second. */
  readonly dataRate: number;
}

const policies = new WeakMap<Snapshot, InboundPolicy>();

/** Compiles what is not compiled yet. Throws `bad-configuration` where a sender group has an entry that means nothing. */
export function inboundPolicy(snapshot: Snapshot): InboundPolicy {
  let policy = policies.get(snapshot);
  if (policy === undefined) {
    const { limits, hostname, timeouts, requireTls } = snapshot;
    const settings = (tls: TlsMode): SessionSettings => ({
      hostname,
      tls,
      messageSize: limits.messageSize,
      headerSize: limits.headerSize,
      lineLength: limits.lineLength,
      recipients: limits.recipients,
      messagesPerConnection: limits.messagesPerConnection,
      errors: limits.errors,
      requireTls: requireTls.offer,
      hops: limits.hops,
    });
    policy = {
      access: new AccessTable(snapshot),
      recipients: new RecipientTable(snapshot),
      signing: snapshot.dkim.length === 0 ? null : signingKeys(snapshot),
      settings: { off: settings('off'), preferred: settings('preferred'), required: settings('required') },
      timeouts,
      dataRate: limits.dataRate,
    };
    policies.set(snapshot, policy);
  }
  return policy;
}
