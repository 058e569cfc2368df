// Signing of messages (RFC 6376; Ed25519 by RFC 8463): relaxed in header and body, the whole body, important fields against
// additions. mailauth does the same and is what the tests verify with; why it does not sign here: docs/dependencies.md.
import { createHash, sign } from 'node:crypto';
import { RelaxedBodyHash } from './body-hash.ts';
import { authorDomains, type Field, relaxedField, type Selection, selectFields, splitHeader } from './header.ts';
import type { SigningKey, SigningKeys } from './keys.ts';

/** Of a header that is looked at; the limits of incoming mail are the same by default. */
const largestHeader = 256 * 1024;

export interface Signing {
  /** The DKIM-Signature fields with their line ends, to stand in front of the message; empty: it is not signed. */
  readonly fields: string;
  readonly domain: string;
  readonly selectors: readonly string[];
  /** Why a message is not signed although it should have been; null where no key is for it. */
  readonly why: string | null;
}

interface Signer {
  readonly keys: readonly SigningKey[];
  readonly selection: Selection;
  readonly hash: RelaxedBodyHash;
}

/** Of a message that no key is for. */
export const unsigned: Signing = { fields: '', domain: '', selectors: [], why: null };

/** Reads a message while it arrives: its header is kept, its body hashed and not kept. */
export class MessageSigner {
  readonly #keys: SigningKeys;
  /** The header so far; null: it is complete. */
  #header: Uint8Array[] | null = [];
  #size = 0;
  /** The last octets before the next piece. A message begins like a line: an empty one there is the end of its header. */
  #tail = '\r\n';
  #signer: Signer | null = null;
  #result: Signing = unsigned;

  constructor(keys: SigningKeys) {
    this.#keys = keys;
  }

  /** The next octets of the message. They are not to change before the header is complete. */
  push(piece: Uint8Array): void {
    if (this.#header !== null) this.#headerPiece(this.#header, piece);
    else this.#signer?.hash.push(piece);
  }

  /**
   * The message is complete. `now`: ms since the epoch. RSA takes a millisecond, and does so in another thread; what needs
   * none comes back at once.
   */
  finish(now: number): Signing | Promise<Signing> {
    const signer = this.#end();
    if (signer === null) return this.#result;
    if (signer.keys.every(({ algorithm }) => algorithm === 'ed25519-sha256')) return signedNow(signer, now);
    return signedAside(signer, now);
  }

  /** The same, at once. */
  finishNow(now: number): Signing {
    const signer = this.#end();
    return signer === null ? this.#result : signedNow(signer, now);
  }

  #headerPiece(header: Uint8Array[], piece: Uint8Array): void {
    const before = this.#size;
    header.push(piece);
    this.#size += piece.length;
    const body = this.#bodyIn(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
    if ((body < 0 ? this.#size : before + body) > largestHeader) this.#refuse('its header is too large');
    else if (body >= 0) {
      // Without the empty line.
      this.#headerEnd(textOf(header, before + body - 2));
      this.#signer?.hash.push(piece.subarray(body));
    }
  }

  /** Where the body begins in the piece; -1: it does not. */
  #bodyIn(piece: Buffer): number {
    const tail = this.#tail;
    // The empty line may have begun in earlier pieces.
    const across = (tail + piece.toString('latin1', 0, 3)).indexOf(emptyLine);
    if (across >= 0) return across + emptyLine.length - tail.length;
    this.#tail = (tail + piece.toString('latin1', Math.max(0, piece.length - 3))).slice(-3);
    const at = piece.indexOf(emptyLine);
    return at < 0 ? -1 : at + emptyLine.length;
  }

  #headerEnd(header: string): void {
    this.#header = null;
    const fields = splitHeader(header);
    const domains = fields === null ? null : authorDomains(fields);
    if (fields === null) this.#refuse('its header is malformed');
    else if (domains === null) this.#refuse('its From field is missing, double or malformed');
    else this.#choose(fields, domains);
  }

  #choose(fields: readonly Field[], domains: readonly string[]): void {
    const [keys = [], ...others] = domains.map((domain) => this.#keys.for(domain));
    if (keys.length === 0) return;
    const selection = selectFields(fields);
    if (others.some((other) => other !== keys)) this.#refuse('its authors are of several domains');
    else if (selection === null) this.#refuse('it has too many fields of one name');
    else this.#signer = { keys, selection, hash: new RelaxedBodyHash() };
  }

  #refuse(why: string): void {
    this.#header = null;
    this.#result = { ...unsigned, why };
  }

  #end(): Signer | null {
    // A header without an empty line is a message without a body.
    if (this.#header !== null) this.#headerEnd(textOf(this.#header, this.#size));
    return this.#signer;
  }
}

/**
 * A message of our own with its signatures in front; as it is where no key is for the domain of its From field. It is of
 * lines that end with CRLF. RSA takes about 1 ms.
 */
export function signMessage(message: Uint8Array, keys: SigningKeys, now: number): Uint8Array {
  if (keys.empty) return message;
  const signer = new MessageSigner(keys);
  signer.push(message);
  const { fields } = signer.finishNow(now);
  return fields === '' ? message : Buffer.concat([Buffer.from(fields, 'latin1'), message]);
}

const emptyLine = '\r\n\r\n';

function textOf(pieces: readonly Uint8Array[], length: number): string {
  return Buffer.concat(pieces, length).toString('latin1');
}

function signedNow(signer: Signer, now: number): Signing {
  const body = signer.hash.digest();
  const fields = signer.keys.map((key) => {
    const field = unsignedField(key, signer.selection, body, now);
    return sealedField(field, sign(digestName(key), signingData(key, signer.selection, field), key.key));
  });
  return signing(signer, fields);
}

async function signedAside(signer: Signer, now: number): Promise<Signing> {
  const body = signer.hash.digest();
  const fields = signer.keys.map(async (key) => {
    const field = unsignedField(key, signer.selection, body, now);
    return sealedField(field, await signAside(key, signingData(key, signer.selection, field)));
  });
  return signing(signer, await Promise.all(fields));
}

function signing({ keys }: Signer, fields: readonly string[]): Signing {
  return {
    fields: fields.join(''),
    domain: keys[0]?.domain ?? '',
    selectors: keys.map(({ selector }) => selector),
    why: null,
  };
}

/** The field with an empty `b=` (RFC 6376 3.5). No `l=`: it would let anybody add to the body (8.2). */
function unsignedField({ algorithm, domain, selector }: SigningKey, { names }: Selection, body: string, now: number) {
  const list = foldAt(names.join(':'), ':', 64);
  return (
    `DKIM-Signature: v=1; a=${algorithm}; c=relaxed/relaxed; d=${domain};\r\n` +
    `\ts=${selector}; t=${Math.floor(now / 1000)};\r\n\th=${list};\r\n\tbh=${body};\r\n\tb=`
  );
}

/** RFC 6376 3.7; RFC 8463 3: Ed25519 signs the hash. */
function signingData({ algorithm }: SigningKey, { text }: Selection, field: string): Buffer {
  const data = Buffer.from(text + relaxedField(field), 'latin1');
  return algorithm === 'rsa-sha256' ? data : createHash('sha256').update(data).digest();
}

function digestName({ algorithm }: SigningKey): 'sha256' | null {
  return algorithm === 'rsa-sha256' ? 'sha256' : null;
}

function signAside(key: SigningKey, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(digestName(key), data, key.key, (error, signature) => {
      if (error === null) resolve(signature);
      else reject(error);
    });
  });
}

function sealedField(field: string, signature: Buffer): string {
  return `${field}${signature.toString('base64').replaceAll(/.{72}(?=.)/g, '$&\r\n\t ')}\r\n`;
}

/** Broken behind separators into lines of about `width`. */
function foldAt(text: string, separator: string, width: number): string {
  let line = '';
  let folded = '';
  for (const part of text.split(separator)) {
    const next = line === '' && folded === '' ? part : `${separator}${part}`;
    if (line.length + next.length > width) {
      folded += `${line}${separator}\r\n\t `;
      line = part;
    } else line += next;
  }
  return folded + line;
}
