// What is to stand in DNS for this gateway and its domains, as records of a zone file.

export type Purpose = 'TLSA' | 'MTA-STS' | 'TLS-RPT' | 'SPF' | 'DKIM';

export interface PublishedRecord {
  readonly purpose: Purpose;
  /** Without a dot at its end. */
  readonly name: string;
  readonly type: 'TLSA' | 'TXT' | 'CNAME';
  /** As in a zone file, but a TXT without its quotes. */
  readonly value: string;
  /** What it is for: `certificate mx2026 (ecdsa) of listener inbound`. */
  readonly about: string;
}

/**
 * `right`: it is there. `missing`: nothing is. `different`: something else is. `superfluous`: what is there may go.
 * `unknown`: DNS does not answer, or what stands there cannot be judged.
 */
export type RecordStatus = 'right' | 'missing' | 'different' | 'superfluous' | 'unknown';

export interface CheckedRecord extends PublishedRecord {
  readonly status: RecordStatus;
  /** What stands there of this kind. */
  readonly found: readonly string[];
  /** What follows from that, a sentence or two; empty: nothing. */
  readonly detail: string;
  /** The answer was validated (DNSSEC); null: nobody who is believed did. */
  readonly secure: boolean | null;
}

/** A key that a listener shows on port 25, or soon will. */
export interface ServedKey {
  /** SHA-256 of its SubjectPublicKeyInfo, in hexadecimal: it outlives the certificate (RFC 7671 5.1). */
  readonly digest: string;
  readonly about: string;
  /** Names of its certificate. */
  readonly names: readonly string[];
  /** Not in use yet. */
  readonly next: boolean;
}

/** A line of a zone file. */
export function zoneLine({ name, type, value }: Pick<PublishedRecord, 'name' | 'type' | 'value'>): string {
  return `${name}. IN ${type} ${type === 'TXT' ? quoted(value) : value}`;
}

/** RFC 1035 3.3.14: strings of at most 255 octets. */
function quoted(text: string): string {
  const strings = text.match(/.{1,255}/gs) ?? [''];
  return strings.map((part) => `"${part.replaceAll(/["\\]/g, '\\$&')}"`).join(' ');
}

/** Whether a name of a certificate is for the host; `*` stands for one label (RFC 6125 6.4.3). */
export function covers(name: string, host: string): boolean {
  const lower = name.toLowerCase();
  if (!lower.startsWith('*.')) return lower === host;
  const dot = host.indexOf('.');
  return dot > 0 && host.slice(dot) === lower.slice(1);
}
