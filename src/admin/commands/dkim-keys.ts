// The keys that sign mail, as an administrator handles them: made, rotated, published, retired. Their files stand below the
// data directory, readable for nobody else, and are never removed: an old revision may be gone back to.
import { generateKeyPair, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { canSignFor, nobodys } from '../../config/dkim.ts';
import { makeDirectory, writeDurably } from '../../config/durable.ts';
import { parseDomain } from '../../config/names.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { dayLength, parseDay, parseDuration } from '../../config/units.ts';
import { checkSigningKey, type DkimAlgorithm, recordOf } from '../../dkim/keys.ts';
import { PosternError } from '../../errors.ts';
import { checkDkimRecord, type DkimRecord } from '../../publish/check.ts';
import type { CheckedRecord } from '../../publish/records.ts';
import type { Actor, AdminHost } from '../host.ts';
import { editCandidate } from './candidate.ts';
import { readNamedFile } from './named-file.ts';

export type DkimEntry = GatewayConfig['dkim']['keys'][number];
export const dkimKinds = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'] as const;
export type DkimKind = (typeof dkimKinds)[number];

/** Which key: a selector means something below its domain only. */
export interface KeyName {
  readonly domain: string;
  readonly selector: string;
}

export interface DescribedKey {
  readonly entry: DkimEntry;
  readonly algorithm: DkimAlgorithm;
  readonly record: DkimRecord;
}

const folder = 'dkim';
const longestFile = 1024 * 1024;
const make = promisify(generateKeyPair);

const day = (now: number): string => new Date(now).toISOString().slice(0, 10);

/** Keys that can be read, and what is wrong with the others. */
export async function describeKeys(
  directory: string,
  { dkim }: GatewayConfig,
): Promise<{ readonly keys: readonly DescribedKey[]; readonly problems: readonly string[] }> {
  const keys: DescribedKey[] = [];
  const problems: string[] = [];
  for (const entry of dkim.keys) {
    try {
      const pem = await readNamedFile(directory, entry.key, longestFile);
      const algorithm = checkSigningKey(pem);
      const { state } = entry;
      const value = recordOf(pem);
      keys.push({ entry, algorithm, record: { ...canonical(entry), value, state, until: endOfRecord(entry, dkim) } });
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      problems.push(`${entry.key}: ${error.message}`);
    }
  }
  return { keys, problems };
}

/** The end of the day on which the record of a retired key may go; of others now, were they retired today. */
function endOfRecord({ retired }: DkimEntry, { keepRecords }: GatewayConfig['dkim']): number {
  const begin = retired === undefined ? null : parseDay(retired);
  return (begin ?? Math.floor(Date.now() / dayLength) * dayLength) + parseDuration(keepRecords);
}

function canonical({ domain, selector }: KeyName): KeyName {
  const parsed = parseDomain(domain);
  return { domain: parsed.ok ? parsed.value : domain.toLowerCase(), selector: selector.toLowerCase() };
}

function sameKey(a: KeyName, b: KeyName): boolean {
  const [one, other] = [canonical(a), canonical(b)];
  return one.domain === other.domain && one.selector === other.selector;
}

/** The configuration with other keys. */
function withKeys(config: GatewayConfig, change: (keys: readonly DkimEntry[]) => DkimEntry[]): GatewayConfig {
  return { ...config, dkim: { ...config.dkim, keys: change(config.dkim.keys) } };
}

/** Makes a key; it stands in the candidate and waits for its record. Throws what is wrong with domain or selector. */
export async function createKey(
  host: AdminHost,
  actor: Actor,
  { domain, kind, selector }: { readonly domain: string; readonly kind: DkimKind; readonly selector?: string },
): Promise<DescribedKey> {
  const name = parseDomain(domain);
  if (!name.ok) throw wrong('/domain', name.reason, name.remedy);
  if (!canSignFor(name.value)) throw wrong('/domain', ...nobodys(domain));
  const present = host.config.candidate(actor.user).config.dkim.keys;
  const chosen = selector ?? freeSelector(present, name.value, kind);
  if (
    !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(chosen) ||
    chosen.length > 63
  ) {
    throw wrong('/selector', `"${chosen.slice(0, 63)}" is no selector`, 'write letters, digits and "-"');
  }
  if (present.some((entry) => sameKey(entry, { domain: name.value, selector: chosen }))) {
    throw wrong('/selector', `${name.value} has a key with selector ${chosen}`, 'choose another selector');
  }
  const encoding = {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  } as const;
  const { privateKey } =
    kind === 'ed25519'
      ? await make('ed25519', encoding)
      : await make('rsa', { modulusLength: Number(kind.slice(4)), ...encoding });
  await makeDirectory(join(host.dataDirectory, folder));
  // A name of its own: the file of a key that was deleted stays for the revisions that have it.
  const file = `${folder}/${name.value}-${chosen.toLowerCase()}-${randomBytes(4).toString('hex')}.key`;
  await writeDurably(join(host.dataDirectory, file), privateKey);
  const entry: DkimEntry = { domain: name.value, selector: chosen.toLowerCase(), key: file, state: 'next' };
  await editCandidate(host, actor, (config) => withKeys(config, (keys) => [...keys, entry]));
  return find(await described(host, actor), entry);
}

function wrong(pointer: string, detail: string, remedy: string): PosternError {
  return new PosternError('bad-request', detail, { remedy, issues: [{ pointer, detail, remedy }] });
}

/** `p20261130r`; with a letter behind it where there is one already. */
function freeSelector(keys: readonly DkimEntry[], domain: string, kind: DkimKind): string {
  const stem = `p${day(Date.now()).replaceAll('-', '')}${kind === 'ed25519' ? 'e' : 'r'}`;
  for (let number = 1; ; number++) {
    const selector = number === 1 ? stem : `${stem}${number}`;
    if (!keys.some((entry) => sameKey(entry, { domain, selector }))) return selector;
  }
}

async function described(host: AdminHost, { user }: Actor): Promise<readonly DescribedKey[]> {
  return (await describeKeys(host.dataDirectory, host.config.candidate(user).config)).keys;
}

function find(keys: readonly DescribedKey[], name: KeyName): DescribedKey {
  const found = keys.find(({ entry }) => sameKey(entry, name));
  if (found !== undefined) return found;
  throw new PosternError('not-found', `there is no key ${name.selector} of ${name.domain} that can be read`);
}

/** For each key of the domain that signs, one of the same kind that is to take its place. Throws `not-found`. */
export async function rotateKeys(host: AdminHost, actor: Actor, domain: string): Promise<readonly DescribedKey[]> {
  const { domain: name } = canonical({ domain, selector: '' });
  const all = (await described(host, actor)).filter(({ record }) => record.domain === name);
  const active = all.filter(({ entry }) => entry.state === 'active');
  if (active.length === 0) throw new PosternError('not-found', `${domain} has no active key`);
  const made: DescribedKey[] = [];
  for (const { algorithm, record } of active) {
    if (all.some((key) => key.entry.state === 'next' && key.algorithm === algorithm)) continue;
    made.push(await createKey(host, actor, { domain, kind: kindOf(record) }));
  }
  if (made.length > 0) return made;
  throw new PosternError('conflict', `${domain} has the next keys already`, {
    remedy: 'Publish their records, and make them active.',
  });
}

/** Told by the length of the public key in the record. */
function kindOf({ value }: DkimRecord): DkimKind {
  const length = Buffer.from(value.slice(value.indexOf('p=') + 2), 'base64').length;
  if (length < 200) return 'ed25519';
  return length < 380 ? 'rsa-2048' : length < 500 ? 'rsa-3072' : 'rsa-4096';
}

/** How the record of a key stands in DNS now. Throws `not-found`. */
export async function lookUpKey(host: AdminHost, actor: Actor, name: KeyName): Promise<CheckedRecord> {
  const { record } = find(await described(host, actor), name);
  return await checkDkimRecord(record, Date.now(), host.lookUp());
}

/**
 * From the commit on the key signs, and the one of its kind that did is retired. Throws `conflict` where its record is not there as it
 * should be: receivers could not check what it signs; `force`: although.
 */
export async function activateKey(
  host: AdminHost,
  actor: Actor,
  name: KeyName,
  force: boolean,
): Promise<readonly KeyName[]> {
  const all = await described(host, actor);
  const key = find(all, name);
  if (key.entry.state === 'active') throw new PosternError('conflict', `${key.entry.selector} signs already`);
  const checked = await checkDkimRecord(key.record, Date.now(), host.lookUp());
  if (checked.status !== 'right' && !force) {
    throw new PosternError('conflict', `the record at ${checked.name} is ${checked.status}: ${checked.detail}`, {
      remedy: 'Publish it as it is shown, wait for it, and try again.',
    });
  }
  const replaced = all.filter(
    (other) =>
      other.record.domain === key.record.domain && other.algorithm === key.algorithm && other.entry.state === 'active',
  );
  await editCandidate(host, actor, (config) =>
    withKeys(config, (keys) =>
      keys.map((entry) => {
        if (sameKey(entry, name)) return stated(entry, 'active');
        return replaced.some((other) => sameKey(entry, other.entry)) ? stated(entry, 'retired') : entry;
      }),
    ),
  );
  return replaced.map(({ entry }) => entry);
}

function stated({ retired: _, ...entry }: DkimEntry, state: DkimEntry['state']): DkimEntry {
  return { ...entry, state, ...(state === 'retired' ? { retired: day(Date.now()) } : {}) };
}

/** From the commit on it signs no more; its record must stay for a while. Throws `not-found`. */
export async function retireKey(host: AdminHost, actor: Actor, name: KeyName): Promise<DescribedKey> {
  find(await described(host, actor), name);
  await editCandidate(host, actor, (config) =>
    withKeys(config, (keys) => keys.map((entry) => (sameKey(entry, name) ? stated(entry, 'retired') : entry))),
  );
  return find(await described(host, actor), name);
}

/** Throws `in-use` for one that signs, or whose record must still stay; `force`: although. `not-found`. */
export async function deleteKey(host: AdminHost, actor: Actor, name: KeyName, force: boolean): Promise<void> {
  const entry = host.config.candidate(actor.user).config.dkim.keys.find((one) => sameKey(one, name));
  if (entry === undefined) throw new PosternError('not-found', `there is no key ${name.selector} of ${name.domain}`);
  const until = endOfRecord(entry, host.config.candidate(actor.user).config.dkim);
  if (!force && entry.state === 'active') {
    throw new PosternError('in-use', `${name.selector} signs mail of ${name.domain}`, { remedy: 'Retire it first.' });
  }
  if (!force && entry.state === 'retired' && Date.now() < until) {
    throw new PosternError('in-use', `the record of ${name.selector} must stay until ${day(until)}`, {
      remedy: 'Mail that it signed may still be on its way.',
    });
  }
  await editCandidate(host, actor, (config) => withKeys(config, (keys) => keys.filter((one) => !sameKey(one, name))));
}
