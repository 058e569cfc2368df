// What a preview says: plain values for shell, API and UI. Times are ISO 8601 (UTC).
import type { Foretold } from '../config/rollout.ts';
import type { Aspect, Change } from './verdict.ts';

export interface Weight {
  readonly peers: number;
  readonly connections: number;
  readonly messages: number;
}

/** Peers that move from one answer to another, such as `TLS v1.0` to `refused`. The picture of who moves where. */
export interface Move extends Weight {
  readonly from: string;
  readonly to: string;
  readonly change: Change;
}

/** What becomes of the mail of a peer that gets no TLS any more. */
export type Fate = 'clear-text' | 'refused' | 'waits' | 'locked-out';

export interface NamedPeer {
  readonly address: string;
  /** Verified reverse name; '' where there is none. Outbound: the host. */
  readonly name: string;
  readonly helo: string;
  /** Of its last envelope sender; outbound: the destination. */
  readonly domain: string;
  readonly connections: number;
  readonly messages: number;
  readonly last: string;
  /** `offers TLS 1.0 only`. */
  readonly offers: string;
  /** What it did before: `sent 12 messages in clear text, last on 2026-11-20`. */
  readonly past: readonly string[];
  /** All of it in one line. */
  readonly text: string;
}

/** The smallest change of the candidate that keeps a group of peers as it is; tried by replay. */
export interface Remedy {
  /** `keep TLS v1.0 and TLS v1.1 for Inbound SMTP too`. */
  readonly text: string;
  /** To be merged into the candidate (RFC 7396). */
  readonly patch: unknown;
}

/** Peers with the same fate for the same reason. */
export interface PeerGroup extends Weight {
  readonly change: Change;
  /** `protocol version`, or what is weaker. */
  readonly reason: string;
  /** In plain words: what they offer, what the candidate allows. */
  readonly explanation: string;
  readonly offers: string;
  readonly differences: readonly {
    readonly aspect: Aspect;
    readonly better: boolean;
    readonly from: string;
    readonly to: string;
  }[];
  readonly fate: Fate | null;
  /** What that means, as a sentence. */
  readonly fateText: string;
  /** Most messages first; the first 20. */
  readonly named: readonly NamedPeer[];
  readonly remedy: Remedy | null;
}

/** One listener, or the web service. */
export interface TargetPreview {
  readonly service: 'inbound' | 'gui';
  /** Name of the listener; '' for the web service. */
  readonly listener: string;
  /** Whether the candidate changes anything here. */
  readonly changed: boolean;
  /** Days of the window on which anything was seen here, first and last; null: nothing was. */
  readonly observed: { readonly first: string; readonly last: string } | null;
  readonly hellos: { readonly known: number; readonly examined: number };
  /** Before all hellos are examined, `peers` are 0: only connections and messages are known. */
  readonly totals: Readonly<Record<Change, Weight>>;
  readonly clearText: Weight;
  /** Came with hellos that were not kept (observations have bounds): nothing can be said of them. `peers`: of whom nothing else is known. */
  readonly unjudged: Weight;
  readonly moves: readonly Move[];
  /** Breaking ones first. */
  readonly groups: readonly PeerGroup[];
  /** Peers that the server would serve, but that once refused such an answer: never a certainty. */
  readonly mayRefuse: readonly NamedPeer[];
}

export type OutgoingVerdict = 'works' | 'breaks' | 'unknown';

export interface OutgoingPeer extends NamedPeer {
  readonly verdict: OutgoingVerdict;
  readonly reason: string;
}

export interface OutgoingPreview {
  readonly changed: boolean;
  readonly totals: Readonly<Record<OutgoingVerdict, Weight>>;
  /** Those that break, then the unknown ones; most messages first, the first 50. */
  readonly named: readonly OutgoingPeer[];
}

export interface PreviewReport {
  /** False: more hellos are still to be replayed; the same question again tells more. */
  readonly complete: boolean;
  readonly days: number;
  /** Peers that break, all services. */
  readonly breaks: number;
  readonly targets: readonly TargetPreview[];
  readonly outgoing: OutgoingPreview;
  /** Everybody who breaks or may refuse; only where it was asked for. */
  readonly foretold?: Foretold;
}
