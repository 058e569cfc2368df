// DANE for SMTP without sockets and clocks: which questions to ask, and what the answers mean (RFC 6698, 7671, 7672).

export interface TlsaRecord {
  /** 0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE (RFC 7218). */
  readonly usage: number;
  /** 0 the whole certificate, 1 its public key. */
  readonly selector: number;
  /** 0 as it is, 1 SHA-256, 2 SHA-512. */
  readonly matchingType: number;
  readonly data: Uint8Array;
}

export type DaneQuestion = 'A' | 'AAAA' | 'CNAME' | 'TLSA';

/** What came of one question; `failed`: SERVFAIL (bogus signatures too), timeout, no answer that can be read. */
export type DaneAnswer =
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'records' | 'none';
      readonly secure: boolean;
      /** The name at the end of the CNAME chain. */
      readonly name: string;
      /** Of a TLSA question. */
      readonly tlsa?: readonly TlsaRecord[];
    };

/** The host whose certificate is in question. */
export interface DaneHost {
  /** Lower case, A-labels. */
  readonly name: string;
  readonly port: number;
  /** Its name came from a secure answer about MX (its secure absence included) or from our own configuration. */
  readonly secure: boolean;
}

export type DaneVerdict =
  /** DANE says nothing about this host; `why` in plain words. */
  | { readonly kind: 'none'; readonly why: string }
  /** The host is not to be used now: whether it has records cannot be told. */
  | { readonly kind: 'failed'; readonly why: string }
  /** Records that nobody can use: encryption without authentication (RFC 7672 2.2). */
  | { readonly kind: 'unusable'; readonly base: string; readonly why: string; readonly found: readonly TlsaRecord[] }
  /** `records`: those that count of all that were `found`. */
  | {
      readonly kind: 'usable';
      readonly base: string;
      readonly records: readonly TlsaRecord[];
      readonly found: readonly TlsaRecord[];
    };

export type DaneStep =
  | { readonly kind: 'ask'; readonly type: DaneQuestion; readonly name: string }
  | { readonly kind: 'decided'; readonly verdict: DaneVerdict };

/** Key of an answer. */
export function answerKey(type: DaneQuestion, name: string): string {
  return `${type} ${name}`;
}

/** RFC 6698 3. */
export function tlsaName(port: number, base: string): string {
  return `_${port}._tcp.${base}`;
}

/**
 * The next question, or what all answers together mean. Called again with each answer put in. At most six questions: A, AAAA,
 * CNAME, and TLSA at two names.
 */
export function decideDane(host: DaneHost, answers: ReadonlyMap<string, DaneAnswer>): DaneStep {
  // RFC 7672 2.2.1: a host that an insecure answer names may be anybody's.
  if (!host.secure) return none('the answer about MX is not signed (DNSSEC)');
  const a = answers.get(answerKey('A', host.name));
  if (a === undefined) return { kind: 'ask', type: 'A', name: host.name };
  const aaaa = answers.get(answerKey('AAAA', host.name));
  if (aaaa === undefined) return { kind: 'ask', type: 'AAAA', name: host.name };
  const addresses = [a, aaaa].flatMap((answer) => (answer.kind === 'records' ? [answer] : []));
  const [first] = addresses;
  if (first === undefined) {
    const failed = [a, aaaa].find((answer) => answer.kind === 'failed');
    return failed === undefined ? none('the host has no address') : failure(failed.reason);
  }
  // RFC 7672 2.2.2: addresses first, and no question about TLSA where they are not secure: servers of unsigned zones
  // that choke on TLSA questions would make their hosts unreachable.
  if (addresses.every((answer) => answer.secure)) return askTlsa(host, candidates(first.name, host.name), answers);
  if (first.name === host.name) return none('the addresses of the host are not signed (DNSSEC)');
  // An alias into an unsigned zone: the name before it may still be secure, and then has the records (RFC 7672 2.2.2).
  const alias = answers.get(answerKey('CNAME', host.name));
  if (alias === undefined) return { kind: 'ask', type: 'CNAME', name: host.name };
  if (alias.kind === 'failed') return failure(alias.reason);
  if (alias.kind === 'records' && alias.secure) return askTlsa(host, [host.name], answers);
  return none('the addresses of the host are not signed (DNSSEC)');
}

/** RFC 7671 7: the name at the end of the aliases first, then the one before them. */
function candidates(expanded: string, name: string): readonly string[] {
  return expanded === name ? [name] : [expanded, name];
}

function askTlsa(host: DaneHost, bases: readonly string[], answers: ReadonlyMap<string, DaneAnswer>): DaneStep {
  let why = 'there is no TLSA record';
  for (const base of bases) {
    const name = tlsaName(host.port, base);
    const answer = answers.get(answerKey('TLSA', name));
    if (answer === undefined) return { kind: 'ask', type: 'TLSA', name };
    // RFC 7672 2.1.3: an attacker can cause this; whoever went on without DANE would do what the attacker wants.
    if (answer.kind === 'failed') return failure(answer.reason);
    if (answer.kind === 'none') continue;
    // RFC 7672 2.2: without security they are as good as none.
    if (!answer.secure) {
      why = 'the TLSA records are not signed (DNSSEC)';
      continue;
    }
    const found = answer.tlsa ?? [];
    const records = usableRecords(found);
    if (records.length > 0) return { kind: 'decided', verdict: { kind: 'usable', base, records, found } };
    const all = shortList(found, ({ usage, selector, matchingType }) => `${usage} ${selector} ${matchingType}`);
    const verdict: DaneVerdict = { kind: 'unusable', base, why: `no TLSA record is usable: ${all}`, found };
    return { kind: 'decided', verdict };
  }
  return none(why);
}

function none(why: string): DaneStep {
  return { kind: 'decided', verdict: { kind: 'none', why } };
}

function failure(why: string): DaneStep {
  return { kind: 'decided', verdict: { kind: 'failed', why } };
}

const digestLengths: Readonly<Record<number, number>> = { 1: 32, 2: 64 };

/**
 * Those that can match. Usages 0 and 1 are not (RFC 7672 3.1.3): SMTP has no list of authorities that all agree on. Of the
 * digests of one usage and selector only the strongest kind counts (RFC 7671 9): the weaker one is there for others.
 */
export function usableRecords(records: readonly TlsaRecord[]): readonly TlsaRecord[] {
  const known = records.filter(isUsable);
  return known.filter(
    (record) =>
      record.matchingType === 0 ||
      !known.some(
        (other) =>
          other.usage === record.usage &&
          other.selector === record.selector &&
          other.matchingType > record.matchingType,
      ),
  );
}

function isUsable({ usage, selector, matchingType, data }: TlsaRecord): boolean {
  if ((usage !== 2 && usage !== 3) || (selector !== 0 && selector !== 1)) return false;
  if (matchingType === 0) return isSequence(data);
  return digestLengths[matchingType] === data.length;
}

/** One SEQUENCE of DER, and nothing behind it, as certificates and keys are: anything else is no record that could ever match. */
function isSequence(data: Uint8Array): boolean {
  const [tag, length = 0] = data;
  if (tag !== 0x30) return false;
  if (length < 0x80) return data.length === 2 + length;
  const octets = length & 0x7f;
  if (octets === 0 || octets > 3 || data.length < 2 + octets) return false;
  const content = data.subarray(2, 2 + octets).reduce((sum, byte) => sum * 256 + byte, 0);
  return data.length === 2 + octets + content;
}

/** The record as a zone file has it (RFC 6698 2.2), in one line. */
export function tlsaText({ usage, selector, matchingType, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${Buffer.from(data).toString('hex')}`;
}

/** `3 1 1 0a1b2c...`: what the log and the tools show. */
export function describeTlsa({ usage, selector, matchingType, data }: TlsaRecord): string {
  const hex = Array.from(data.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${usage} ${selector} ${matchingType} ${hex}${data.length > 8 ? '...' : ''}`;
}

/** The first of them, as above: a name may have more than a line holds. */
export function describeRecords(records: readonly TlsaRecord[]): string {
  return shortList(records, describeTlsa);
}

const mostShown = 5;

/** What strangers publish may be more than a line holds. */
export function shortList<T>(all: readonly T[], text: (one: T) => string): string {
  const shown = all.slice(0, mostShown).map(text).join(', ');
  return all.length > mostShown ? `${shown} and ${all.length - mostShown} more` : shown;
}
