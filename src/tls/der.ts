// As much of DER (X.690) as the extensions of a certificate need; Node shows only some of them.

interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Where the next one begins. */
  readonly end: number;
}

export interface CertificateExtension {
  /** Content octets of the object identifier in hex: `551d13` is 2.5.29.19. */
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Null: no element stands there. */
function element(bytes: Uint8Array, at: number): Element | null {
  const tag = bytes[at];
  let length = bytes[at + 1];
  if (tag === undefined || length === undefined) return null;
  let start = at + 2;
  if (length >= 0x80) {
    const octets = length & 0x7f;
    if (octets === 0 || octets > 3) return null;
    length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + (bytes[start + i] ?? 0);
    start += octets;
  }
  const end = start + length;
  return end > bytes.length ? null : { tag, content: bytes.subarray(start, end), end };
}

export function elements(bytes: Uint8Array): readonly { readonly tag: number; readonly content: Uint8Array }[] {
  const all: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const one = element(bytes, at);
    if (one === null) return all;
    all.push(one);
    at = one.end;
  }
  return all;
}

/** RFC 5280 4.1: Certificate → TBSCertificate → [3] extensions. */
export function certificateExtensions(raw: Uint8Array): readonly CertificateExtension[] {
  const certificate = element(raw, 0);
  const tbs = certificate === null ? null : element(certificate.content, 0);
  if (tbs === null) return [];
  const wrapped = elements(tbs.content).find(({ tag }) => tag === 0xa3);
  const list = wrapped === undefined ? null : element(wrapped.content, 0);
  if (list === null) return [];
  return elements(list.content).map(({ content }) => {
    const parts = elements(content);
    return {
      oid: Buffer.from(parts[0]?.content ?? []).toString('hex'),
      critical: parts[1]?.tag === 0x01 && parts[1].content[0] !== 0,
      value: parts.at(-1)?.content ?? new Uint8Array(0),
    };
  });
}
