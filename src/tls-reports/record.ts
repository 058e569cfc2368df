// Where a domain wants its reports: the TXT record at `_smtp._tls.DOMAIN` (RFC 8460 3).

export type Endpoint =
  | { readonly kind: 'mailto'; readonly uri: string; readonly address: string }
  | { readonly kind: 'https'; readonly uri: string; readonly url: URL };

export type ReportRecord =
  | { readonly kind: 'endpoints'; readonly endpoints: readonly Endpoint[] }
  /** `why` in plain words. */
  | { readonly kind: 'none'; readonly why: string };

export const recordName = (domain: string): string => `_smtp._tls.${domain}`;

/** A record with more would make one domain's report the business of many. */
const mostEndpoints = 8;

/** `texts`: the TXT records, the strings of each joined. Unknown fields and URIs of other schemes are passed over. */
export function parseReportRecord(texts: readonly string[]): ReportRecord {
  // RFC 8460 3: those that begin otherwise are discarded; the delimiter may have blanks before its semicolon.
  const records = texts.filter((text) => /^v=TLSRPTv1[ \t]*;/.test(text));
  const [record] = records;
  if (record === undefined) return none('it asks for no reports');
  if (records.length > 1) return none(`it has ${records.length} TLSRPT records`);
  const endpoints: Endpoint[] = [];
  for (const field of record.split(';').slice(1)) {
    const [, name, value = ''] = /^[ \t]*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=(.*?)[ \t]*$/.exec(field) ?? [];
    if (name !== 'rua') continue;
    for (const uri of value.split(',')) {
      const endpoint = parseEndpoint(uri.trim());
      if (endpoint !== null && !endpoints.some((known) => known.uri === endpoint.uri)) endpoints.push(endpoint);
    }
  }
  if (endpoints.length === 0) return none('its TLSRPT record names no address (rua) that reports can go to');
  return { kind: 'endpoints', endpoints: endpoints.slice(0, mostEndpoints) };
}

function none(why: string): ReportRecord {
  return { kind: 'none', why };
}

function parseEndpoint(uri: string): Endpoint | null {
  if (uri.length > 2000 || !/^[\x21-\x7e]+$/.test(uri)) return null;
  if (/^mailto:/i.test(uri)) {
    const address = mailAddress(uri.slice('mailto:'.length));
    return address === null ? null : { kind: 'mailto', uri, address };
  }
  const url = URL.parse(uri);
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '') return null;
  return { kind: 'https', uri, url };
}

/** RFC 6068 2: percent-encoded; header fields behind `?` are not for us. */
function mailAddress(text: string): string | null {
  let address: string;
  try {
    address = decodeURIComponent(text.split('?', 1)[0] ?? '');
  } catch {
    return null;
  }
  // What gets into a command: one plain address.
  const [, domain] = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9.-]{1,253})$/.exec(address) ?? [];
  if (
    domain === undefined ||
    !/^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+$/.test(domain)
  )
    return null;
  return `${address.slice(0, -domain.length)}${domain.toLowerCase()}`;
}
