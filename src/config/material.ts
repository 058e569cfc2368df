// The files that a configuration names: certificates with their keys, recipient lists, authorities of collectors.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { constants, type FileHandle, open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkSigningKey } from '../dkim/keys.ts';
import { messageOf, PosternError } from '../errors.ts';
import { checkCertificatePair } from '../tls/certificates.ts';
import type { ConfigIssue } from './issue.ts';
import { parseDomain, parseRecipient } from './names.ts';
import type { Path } from './node.ts';
import type { GatewayConfig } from './schema.ts';
import type { CertificateSettings, Snapshot } from './snapshot.ts';

const pemLimit = 1024 * 1024;
const listLimit = 256 * 1024 * 1024;
const shownLines = 5;

/** A file and what it looked like when it was read. */
export interface FileStamp {
  readonly file: string;
  readonly stamp: string;
}

export interface Material {
  /** Those of the configuration, without the demo certificate; pairs of one name together. */
  readonly certificates: readonly CertificateSettings[];
  /** Of `recipients.file`, in lower case; null where none is set. */
  readonly addresses: readonly string[] | null;
  /** PEM text by the name of the collector. */
  readonly authorities: ReadonlyMap<string, string>;
  /** PEM text by the name of the file in `destinations[].ca`. */
  readonly destinationAuthorities: ReadonlyMap<string, string>;
  /** The active ones. */
  readonly signingKeys: Snapshot['dkim'];
  /** PEM text of `mtaSts.ca`. */
  readonly policyAuthorities?: string;
  readonly stamps: readonly FileStamp[];
  readonly issues: readonly ConfigIssue[];
}

/**
 * Reads and checks all of them. What is wrong comes back as `issues` (key path, file, reason, remedy); it does not throw.
 * Relative names are below `dataDirectory`.
 */
export async function readMaterial(config: GatewayConfig, dataDirectory: string): Promise<Material> {
  const reading = new Reading(dataDirectory);
  const certificates = await reading.certificates(config);
  const addresses =
    config.recipients.file === undefined
      ? null
      : await reading.addresses(config.recipients.file, ['recipients', 'file']);
  const authorities = new Map<string, string>();
  for (const [index, collector] of config.syslog.entries()) {
    if (collector.ca === undefined) continue;
    authorities.set(collector.name, await reading.authority(collector.ca, ['syslog', index, 'ca']));
  }
  const destinationAuthorities = new Map<string, string>();
  for (const [index, { ca }] of config.destinations.entries()) {
    if (ca === undefined || destinationAuthorities.has(ca)) continue;
    destinationAuthorities.set(ca, await reading.authority(ca, ['destinations', index, 'ca']));
  }
  const { ca } = config.mtaSts;
  const policyAuthorities = ca === undefined ? undefined : await reading.authority(ca, ['mtaSts', 'ca']);
  return {
    certificates,
    addresses,
    authorities,
    destinationAuthorities,
    signingKeys: await reading.signingKeys(config),
    ...(policyAuthorities === undefined ? {} : { policyAuthorities }),
    stamps: reading.stamps,
    issues: reading.issues,
  };
}

/** What is wrong with files of authorities; `path` names each. A file that is named often is told of once. */
export async function authorityIssues(
  dataDirectory: string,
  named: readonly { readonly file: string; readonly path: Path }[],
): Promise<readonly ConfigIssue[]> {
  const reading = new Reading(dataDirectory);
  const read = new Set<string>();
  for (const { file, path } of named) {
    if (read.has(file)) continue;
    read.add(file);
    await reading.authority(file, path);
  }
  return reading.issues;
}

/** Whether a file is not what it was when it was read (or cannot be looked at). Reads no contents. */
export async function changedFiles(stamps: readonly FileStamp[]): Promise<string[]> {
  const changed: string[] = [];
  for (const { file, stamp } of stamps) {
    const now = await stat(file, { bigint: true }).then(stampOf, () => 'unreadable');
    if (now !== stamp) changed.push(file);
  }
  return changed;
}

function stampOf(status: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${status.ino}:${status.size}:${status.mtimeNs}:${status.ctimeNs}`;
}

class Reading {
  readonly stamps: FileStamp[] = [];
  readonly issues: ConfigIssue[] = [];
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async certificates(config: GatewayConfig): Promise<CertificateSettings[]> {
    const byName = new Map<string, { cert: string; key: string; type: string }[]>();
    for (const [index, entry] of config.certificates.entries()) {
      const path = ['certificates', index];
      const cert = await this.#text(entry.cert, [...path, 'cert'], pemLimit);
      const key = await this.#text(entry.key, [...path, 'key'], pemLimit);
      if (cert === null || key === null) continue;
      const type = this.#check(
        () => {
          checkCertificatePair(cert, key);
          return createPrivateKey(key).asymmetricKeyType ?? 'unknown';
        },
        [...path, 'cert'],
        entry.cert,
      );
      if (type === null) continue;
      const pairs = byName.get(entry.name) ?? [];
      if (pairs.some((pair) => pair.type === type)) {
        this.#issue(
          [...path, 'name'],
          `"${entry.name}" has two certificates with keys of type ${type}; a handshake could use only one of them`,
          'give one of them another name',
        );
      }
      pairs.push({ cert, key, type });
      byName.set(entry.name, pairs);
    }
    return [...byName].map(([name, pairs]) => ({ name, pairs: pairs.map(({ cert, key }) => ({ cert, key })) }));
  }

  async addresses(name: string, path: Path): Promise<string[]> {
    const text = await this.#text(name, path, listLimit);
    const addresses = new Set<string>();
    let wrong = 0;
    let number = 0;
    for (const raw of (text ?? '').split('\n')) {
      number++;
      const line = raw
        .trim()
        .replace(/(^|\s)#.*$/, '')
        .trim();
      if (line === '') continue;
      const address = line.includes('*')
        ? ({ ok: false, reason: `"${line}" has a "*"`, remedy: 'patterns belong under recipients.patterns' } as const)
        : parseRecipient(line, true);
      if (address.ok) addresses.add(address.value);
      else if (wrong++ < shownLines) this.#issue(path, `${name} line ${number}: ${address.reason}`, address.remedy);
    }
    if (wrong > shownLines)
      this.#issue(path, `${name}: ${wrong - shownLines} more lines are wrong`, 'correct the file');
    return [...addresses];
  }

  /** Those that wait for their record, and those whose record must stay, are read and checked too. */
  async signingKeys(config: GatewayConfig): Promise<Snapshot['dkim']> {
    const active: { domain: string; selector: string; key: string }[] = [];
    const kinds = new Set<string>();
    for (const [index, entry] of config.dkim.keys.entries()) {
      const path = ['dkim', 'keys', index];
      const key = await this.#text(entry.key, [...path, 'key'], pemLimit);
      if (key === null) continue;
      const algorithm = this.#check(() => checkSigningKey(key), [...path, 'key'], entry.key);
      if (algorithm === null || entry.state !== 'active') continue;
      const domain = parseDomain(entry.domain);
      const name = domain.ok ? domain.value : entry.domain;
      const kind = `${name} ${algorithm}`;
      if (kinds.has(kind)) {
        this.#issue(
          [...path, 'state'],
          `${name} has two active keys of kind ${algorithm}; a message is signed with one of each kind`,
          'retire one of the two',
        );
      }
      kinds.add(kind);
      active.push({ domain: name, selector: entry.selector.toLowerCase(), key });
    }
    return active;
  }

  async authority(name: string, path: Path): Promise<string> {
    const text = await this.#text(name, path, pemLimit);
    if (text === null) return '';
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    if (blocks.length === 0) {
      this.#issue(path, `${name} has no certificate in it`, 'name a PEM file with the certificate of the authority');
    }
    this.#check(() => blocks.map((block) => new X509Certificate(block).subject), path, name);
    return text;
  }

  #issue(path: Path, reason: string, remedy: string): void {
    this.issues.push({ path, reason, remedy });
  }

  #check<T>(work: () => T, path: Path, file: string): T | null {
    try {
      return work();
    } catch (error) {
      const remedy = error instanceof PosternError ? error.remedy : undefined;
      this.#issue(
        path,
        `${file}: ${messageOf(error)}`,
        remedy ?? 'name a PEM file in order: certificate, then its chain',
      );
      return null;
    }
  }

  async #text(name: string, path: Path, limit: number): Promise<string | null> {
    const file = resolve(this.#directory, name);
    let handle: FileHandle | undefined;
    try {
      // Without O_NONBLOCK the opening of a pipe that nobody writes to would wait for ever.
      handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
      const status = await handle.stat({ bigint: true });
      if (!status.isFile()) throw new PosternError('bad-configuration', 'it is not a regular file');
      if (status.size > BigInt(limit)) {
        throw new PosternError('bad-configuration', `it has ${status.size} bytes, more than ${limit}`);
      }
      const text = await handle.readFile('utf8');
      // The stamp from before the reading: a change meanwhile is then seen as one.
      this.stamps.push({ file, stamp: stampOf(status) });
      return text.startsWith('\ufeff') ? text.slice(1) : text;
    } catch (error) {
      this.stamps.push({ file, stamp: 'unreadable' });
      this.#issue(
        path,
        `cannot read ${file}: ${readProblem(error)}`,
        'name a file that the user who runs postern may read',
      );
      return null;
    } finally {
      await handle?.close();
    }
  }
}

function readProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const texts: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'no right to read it',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of its path is not a directory',
  };
  return texts[code] ?? messageOf(error);
}
