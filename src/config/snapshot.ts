// A snapshot is a revision compiled into plain values: structured-cloneable, numbers in milliseconds and bytes,
// PEM texts instead of file names. Each thread builds its own objects (contexts, matchers) from it.
import type { HostedPolicy } from '../tls/mta-sts.ts';
import type { GatewayConfig, TlsVersionName } from './schema.ts';

/** Versions ascending; `ciphers` rules 1.0-1.2 only. */
export interface TlsServiceSettings {
  readonly versions: readonly TlsVersionName[];
  readonly ciphers: string;
}

/** One or more key pairs that a listener offers together (the demo certificate has an ECDSA and an RSA one). */
export interface CertificateSettings {
  readonly name: string;
  readonly pairs: readonly { readonly cert: string; readonly key: string }[];
}

type Numbers<T> = { readonly [K in keyof T]: T[K] extends string ? number : T[K] };

/** TLS as it was before the revision that is rolled out. */
export type FormerSettings = Pick<
  Snapshot,
  'revision' | 'tls' | 'listeners' | 'gui' | 'certificates' | 'destinations' | 'exceptions'
>;

export interface Snapshot {
  readonly revision: number;
  readonly hostname: string;
  readonly gui: GatewayConfig['gui'];
  readonly listeners: GatewayConfig['listeners'];
  readonly certificates: readonly CertificateSettings[];
  readonly accept: readonly string[];
  /** Files are read: `file` is here the list of its addresses. `cache` in ms. */
  readonly recipients: {
    readonly addresses?: readonly string[];
    readonly patterns?: readonly string[];
    readonly callAhead: boolean;
    readonly cache: number;
  };
  readonly relay: readonly string[];
  /** With the two built-in groups at the end. `match` is always a list. */
  readonly senderGroups: readonly {
    readonly name: string;
    readonly match: readonly string[];
    readonly action: 'ACCEPT' | 'RELAY' | 'REJECT' | 'TCPREFUSE';
  }[];
  readonly routes: GatewayConfig['routes'];
  readonly tls: {
    readonly gui: TlsServiceSettings;
    readonly inbound: TlsServiceSettings;
    readonly outbound: TlsServiceSettings;
    /** A run too: `otherClients` boxes resolved, with the default ciphers. */
    readonly otherClients: TlsServiceSettings;
  };
  /** `ca` as PEM text; with what exceptions add, which may have brought the entry. */
  readonly destinations: readonly (GatewayConfig['destinations'][number] & {
    readonly tlsException?: TlsServiceSettings;
  })[];
  /** Those that count now. `settings`: what the peer gets. `until`: ms since the epoch. */
  readonly exceptions: readonly {
    readonly service: 'inbound' | 'outbound';
    readonly peer: string;
    readonly settings: TlsServiceSettings;
    readonly until: number;
  }[];
  readonly senders: GatewayConfig['senders'];
  /** `ca` as PEM text. */
  readonly mtaSts: Omit<GatewayConfig['mtaSts'], 'domains'> & {
    readonly domains: readonly (HostedPolicy & { readonly certificate: string })[];
  };
  /** Those that sign, as PEM text. */
  readonly dkim: readonly { readonly domain: string; readonly selector: string; readonly key: string }[];
  /** Addresses in comparable form (lower case, A-labels). */
  readonly tlsReports: Omit<GatewayConfig['tlsReports'], 'spread' | 'retryFor' | 'keep'> & {
    readonly spread: number;
    readonly retryFor: number;
    readonly keep: number;
  };
  readonly requireTls: GatewayConfig['requireTls'];
  readonly alerts: GatewayConfig['alerts'];
  readonly limits: Numbers<GatewayConfig['limits']>;
  readonly timeouts: Numbers<GatewayConfig['timeouts']>;
  readonly retry: Numbers<GatewayConfig['retry']>;
  readonly spool: Numbers<GatewayConfig['spool']>;
  readonly logs: Numbers<GatewayConfig['logs']>;
  /** `buffer` in bytes, `ca` as PEM text. */
  readonly syslog: readonly (Omit<GatewayConfig['syslog'][number], 'buffer'> & { readonly buffer: number })[];
  readonly dns: Numbers<GatewayConfig['dns']>;
  /** A share of the peers has the TLS of this snapshot, the others have `former`. Null: everybody has this one. */
  readonly rollOut: {
    /** Per cent of the networks; with `secret`, see `Share`. */
    readonly share: number;
    readonly secret: string;
    /** Those that differ. */
    readonly services: readonly ('gui' | 'inbound' | 'outbound')[];
    readonly former: FormerSettings;
  } | null;
  readonly privacy: {
    readonly logSubjects: boolean;
    readonly logAddresses: boolean;
    readonly keepTracking: number;
    readonly keepObservations: number;
  };
}
