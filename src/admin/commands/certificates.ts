// Certificates as an administrator handles them: uploaded, requested, chosen for services. Their files stand below the data
// directory and are never removed: an old revision may be gone back to.
import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { listDirectory, makeDirectory, removeDurably, writeDurably } from '../../config/durable.ts';
import { parseHostname } from '../../config/names.ts';
import { isPlainObject } from '../../config/plain-object.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { messageOf, PosternError } from '../../errors.ts';
import { checkCertificatePair } from '../../tls/certificates.ts';
import { type ImportedPair, importPair } from '../../tls/import.ts';
import type { KeyFile } from '../../tls/import-thread.ts';
import { makeRequest, type RequestKey, type RequestSubject } from '../../tls/request.ts';
import { type CertificateEntry, withoutCertificate } from './certconfig.ts';
import { readNamedFile } from './named-file.ts';

const longestFile = 1024 * 1024;
const mostRequests = 100;
const day = 86_400_000;
/** Days before its end from which on a certificate in use is warned of. */
const soon = 30;

/** Below the data directory. */
const folder = 'certificates';
const requestFolder = join(folder, 'requests');

export interface PairDescription {
  readonly entry: CertificateEntry;
  readonly certificate: X509Certificate;
  readonly keyType: string;
  readonly chain: readonly X509Certificate[];
  readonly warnings: readonly string[];
}

export interface CertificateUser {
  readonly kind: 'gui' | 'listener' | 'destination' | 'mta-sts';
  /** Of the listener; domain of the destination (where it is our client certificate) or of the policy that is served. */
  readonly name: string;
}

export interface NamedCertificate {
  readonly name: string;
  readonly builtIn: boolean;
  readonly pairs: readonly PairDescription[];
  readonly problems: readonly string[];
  readonly usedBy: readonly CertificateUser[];
}

const demo: readonly CertificateEntry[] = ['ecdsa', 'rsa'].map((kind) => ({
  name: 'demo',
  cert: `${folder}/demo-${kind}.crt`,
  key: `${folder}/demo-${kind}.key`,
}));

/** All certificates of a configuration, `demo` first; what cannot be read is a problem, not an error. */
export async function describeCertificates(directory: string, config: GatewayConfig): Promise<NamedCertificate[]> {
  const names = [...new Set(config.certificates.map(({ name }) => name))].sort();
  const found: NamedCertificate[] = [];
  for (const name of ['demo', ...names]) {
    const entries = name === 'demo' ? demo : config.certificates.filter((entry) => entry.name === name);
    const pairs: PairDescription[] = [];
    const problems: string[] = [];
    for (const entry of entries) {
      try {
        pairs.push(await describePairOf(directory, entry));
      } catch (error) {
        problems.push(`${entry.cert}: ${messageOf(error)}`);
      }
    }
    found.push({ name, builtIn: name === 'demo', pairs, problems, usedBy: usersOf(config, name) });
  }
  return found;
}

async function describePairOf(directory: string, entry: CertificateEntry): Promise<PairDescription> {
  const cert = await readNamedFile(directory, entry.cert, longestFile);
  const checked = checkCertificatePair(cert, await readNamedFile(directory, entry.key, longestFile));
  const [, ...chain] = cert.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return { entry, ...checked, chain: chain.map((text) => new X509Certificate(text)) };
}

export function usersOf(config: GatewayConfig, name: string): CertificateUser[] {
  const uses = ({ certificate }: { readonly certificate?: string }) => certificate === name;
  const gui = uses(config.gui) ? [{ kind: 'gui' as const, name: '' }] : [];
  const listeners = config.listeners.filter(uses).map((one) => ({ kind: 'listener' as const, name: one.name }));
  const domains = (kind: 'destination' | 'mta-sts', list: readonly { domain: string; certificate?: string }[]) =>
    list.filter(uses).map(({ domain }) => ({ kind, name: domain }));
  return [
    ...gui,
    ...listeners,
    ...domains('destination', config.destinations),
    ...domains('mta-sts', config.mtaSts.domains),
  ];
}

/** Sentences about certificates in use whose end is near, or past. */
export function expiryWarnings(certificates: readonly NamedCertificate[], now: number): string[] {
  return certificates
    .filter(({ usedBy }) => usedBy.length > 0)
    .flatMap(({ name, pairs }) =>
      pairs.flatMap(({ certificate }) => {
        const left = Math.floor((certificate.validToDate.getTime() - now) / day);
        if (left >= soon) return [];
        const until = certificate.validToDate.toISOString().slice(0, 10);
        return [left < 0 ? `Certificate "${name}" expired on ${until}.` : `Certificate "${name}" expires on ${until}.`];
      }),
    );
}

/** A name whose certificate `demo` is, or that is none, is refused before anything is written. */
export function checkName(name: string): void {
  if (name !== 'demo') return;
  throw new PosternError('bad-request', 'the name "demo" is that of the built-in certificate', {
    remedy: 'Choose another name.',
    issues: [{ pointer: '/name', detail: 'is the name of the built-in certificate' }],
  });
}

/** Opens, checks and stores a pair. Nothing uses it before it stands in a configuration. Throws `bad-certificate`. */
export async function storePair(directory: string, name: string, file: KeyFile): Promise<CertificateEntry> {
  checkName(name);
  const pair = await importPair(file);
  const { certificate, keyType } = checkCertificatePair(pair.cert, pair.key);
  return writePair(directory, name, { pair, keyType, fingerprint: certificate.fingerprint256 });
}

async function writePair(
  directory: string,
  name: string,
  {
    pair,
    keyType,
    fingerprint,
  }: { readonly pair: ImportedPair; readonly keyType: string; readonly fingerprint: string },
): Promise<CertificateEntry> {
  await makeDirectory(join(directory, folder));
  // The same certificate with another chain is another file: the one that is in use stays as it is.
  const chain = createHash('sha256').update(pair.cert).digest('hex').slice(0, 8);
  const stem = `${folder}/${name}-${keyType}-${fingerprint.replaceAll(':', '').slice(0, 16).toLowerCase()}-${chain}`;
  const entry = { name, cert: `${stem}.crt`, key: `${stem}.key` };
  await writeDurably(join(directory, entry.key), pair.key);
  await writeDurably(join(directory, entry.cert), pair.cert);
  return entry;
}

/** The pair of the same name and kind of key: what a renewed one takes the place of. */
export async function predecessorOf(
  directory: string,
  config: GatewayConfig,
  entry: CertificateEntry,
): Promise<CertificateEntry | undefined> {
  const { keyType } = await describePairOf(directory, entry);
  for (const old of config.certificates.filter(({ name }) => name === entry.name)) {
    const type = await describePairOf(directory, old).then(
      (described) => described.keyType,
      () => keyType, // one that cannot be read any more is what is to be replaced
    );
    if (type === keyType) return old;
  }
  return undefined;
}

export interface Uses {
  readonly gui?: boolean;
  readonly listeners?: readonly string[];
}

/** The configuration with the certificate chosen for services. Throws `not-found` for a listener or certificate. */
export function withUses(config: GatewayConfig, name: string, uses: Uses): GatewayConfig {
  requireCertificate(config, name);
  const wanted = new Set(uses.listeners ?? []);
  for (const listener of wanted) {
    if (config.listeners.some((one) => one.name === listener)) continue;
    const known = config.listeners.map((one) => one.name).join(', ');
    throw new PosternError('not-found', `there is no listener "${listener}"`, {
      remedy: known === '' ? 'Add one first.' : `There are: ${known}.`,
    });
  }
  return {
    ...config,
    gui: uses.gui === true ? { ...config.gui, certificate: name } : config.gui,
    listeners: config.listeners.map((one) => (wanted.has(one.name) ? { ...one, certificate: name } : one)),
  };
}

function requireCertificate(config: GatewayConfig, name: string): void {
  if (name === 'demo' || config.certificates.some((entry) => entry.name === name)) return;
  const known = ['demo', ...new Set(config.certificates.map((entry) => entry.name))].join(', ');
  throw new PosternError('not-found', `there is no certificate "${name}"`, { remedy: `There are: ${known}.` });
}

/** The configuration without all pairs of the name. Throws `in-use` or `not-found`. */
export function withoutName(config: GatewayConfig, name: string): GatewayConfig {
  if (name === 'demo') {
    throw new PosternError('in-use', 'the certificate "demo" is built in', { remedy: 'Use another one; it may stay.' });
  }
  requireCertificate(config, name);
  return config.certificates
    .filter((entry) => entry.name === name)
    .reduce((rest, entry) => withoutCertificate(rest, entry), config);
}

// --- Requests ---

export interface StoredRequest {
  readonly name: string;
  readonly subject: string;
  readonly names: readonly string[];
  readonly keyKind: RequestKey;
  /** ms since the epoch. */
  readonly created: number;
  readonly csr: string;
}

function checkedNames(commonName: string, names: readonly string[]): string[] {
  const all = new Set<string>();
  for (const [index, given] of [commonName, ...names].entries()) {
    const bare = given.startsWith('*.') ? given.slice(2) : given;
    const parsed = isIP(given) === 0 ? parseHostname(bare) : ({ ok: true, value: given } as const);
    if (!parsed.ok) {
      const pointer = index === 0 ? '/commonName' : `/names/${index - 1}`;
      throw new PosternError('bad-request', parsed.reason, {
        remedy: parsed.remedy,
        issues: [{ pointer, detail: parsed.reason, remedy: parsed.remedy }],
      });
    }
    all.add(bare === given ? parsed.value : `*.${parsed.value}`);
  }
  return [...all];
}

/** Makes a key and a request for it; the key stays here until its certificate comes. */
export async function createRequest(
  directory: string,
  name: string,
  {
    subject,
    names,
    key,
  }: { readonly subject: RequestSubject; readonly names: readonly string[]; readonly key: RequestKey },
): Promise<StoredRequest> {
  checkName(name);
  const all = checkedNames(subject.commonName, names);
  const known = await storedRequests(directory);
  if (known.length >= mostRequests && !known.some((one) => one.name === name)) {
    throw new PosternError('conflict', `${mostRequests} requests wait for their certificates`, {
      remedy: 'Delete those that are not needed any more.',
    });
  }
  const made = await makeRequest({ ...subject, commonName: all[0] ?? subject.commonName }, all, key);
  const request = { name, subject: made.subject, names: all, keyKind: key, created: Date.now(), csr: made.csr };
  await makeDirectory(join(directory, requestFolder));
  // One file, so that a request and its key cannot come apart.
  await writeDurably(requestFile(directory, name), `${JSON.stringify({ ...request, key: made.key })}\n`);
  return request;
}

/** By name. */
export async function storedRequests(directory: string): Promise<StoredRequest[]> {
  await makeDirectory(join(directory, requestFolder));
  const found: StoredRequest[] = [];
  for (const file of await listDirectory(join(directory, requestFolder))) {
    const request = file.endsWith('.json') ? await readRequest(directory, file.slice(0, -5)) : null;
    if (request !== null) found.push(request.request);
  }
  return found;
}

/** The key of a request. Throws `not-found`. */
export async function requestedKey(directory: string, name: string): Promise<string> {
  const found = await readRequest(directory, name);
  if (found !== null) return found.key;
  throw new PosternError('not-found', `there is no request "${name}" whose key could be used`, {
    remedy: 'Upload the private key too, or use the name of the request.',
    issues: [{ pointer: '/pem/key', detail: 'is missing, and no request of this name has one' }],
  });
}

/** Throws `not-found`. */
export async function removeRequest(directory: string, name: string): Promise<void> {
  if ((await readRequest(directory, name)) === null) {
    throw new PosternError('not-found', `there is no request "${name}"`);
  }
  await removeDurably(requestFile(directory, name));
}

function requestFile(directory: string, name: string): string {
  return join(directory, requestFolder, `${name}.json`);
}

async function readRequest(
  directory: string,
  name: string,
): Promise<{ readonly request: StoredRequest; readonly key: string } | null> {
  // A name of a certificate, never a path.
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) return null;
  let value: unknown;
  try {
    value = JSON.parse(await readNamedFile(directory, join(requestFolder, `${name}.json`), longestFile));
  } catch {
    return null; // not there, or nothing that can be used
  }
  if (!isPlainObject(value) || typeof value['key'] !== 'string') return null;
  const { key, ...request } = value as unknown as StoredRequest & { readonly key: string };
  return { request, key };
}
