// A revision that is rolled out: a share of the peers has its TLS, the others have that of the revision before it, until a moment.
// Kept in a file of its own, written before the revision is, so that no crash leaves everybody with what was meant for a share.
import { join } from 'node:path';
import { PosternError } from '../errors.ts';
import { differences } from './difference.ts';
import { same } from './elements.ts';
import { isPlainObject } from './plain-object.ts';
import { RecordFile, readRecord } from './record-file.ts';
import type { GatewayConfig } from './schema.ts';
import type { FormerSettings } from './snapshot.ts';

/** Peers whose failing was announced by a preview. */
export interface Foretold {
  /** Addresses of clients, or networks (`198.51.100.0/24`). */
  readonly incoming: readonly string[];
  /** Names or addresses of hosts. */
  readonly outgoing: readonly string[];
}

export interface RollOut {
  readonly revision: number;
  /** The revision whose TLS the others have. */
  readonly replaces: number;
  readonly user: string;
  /** ms since the epoch. */
  readonly since: number;
  /** ms since the epoch: then it goes to all. */
  readonly until: number;
  /** Per cent of the networks. */
  readonly share: number;
  /** Hex. */
  readonly secret: string;
  /** So many peers more than foretold may fail. */
  readonly bound: number;
  /** ms: from when it goes to all it must be confirmed within this; 0: never. */
  readonly confirmWithin: number;
  readonly foretold: Foretold;
}

export type RollOutService = 'gui' | 'inbound' | 'outbound';

const nothingRolledOut = 'no revision is rolled out to a share: everybody has its settings';

/** `present`: the revision in force; what was written for another one is forgotten. Damage is told in `warnings`. */
export async function openRollOut(
  directory: string,
  present: number,
  warnings: string[],
): Promise<RecordFile<RollOut>> {
  const record = await RecordFile.open(fileIn(directory), isRollOut, warnings, nothingRolledOut);
  if (record.value !== null && record.value.revision !== present) await record.put(null);
  return record;
}

/** For whoever reads beside a running gateway; null where there is none, or none that can be read. */
export async function readRollOut(directory: string): Promise<RollOut | null> {
  return await readRecord(fileIn(directory), isRollOut).catch(() => null);
}

function fileIn(directory: string): string {
  return join(directory, 'rollout.json');
}

function isRollOut(value: unknown): value is RollOut {
  if (!isPlainObject(value) || !isPlainObject(value['foretold'])) return false;
  const { incoming, outgoing } = value['foretold'];
  const texts = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === 'string');
  const numbers = ['revision', 'replaces', 'since', 'until', 'share', 'bound', 'confirmWithin'];
  return (
    texts(incoming) &&
    texts(outgoing) &&
    numbers.every((name) => Number.isFinite(value[name])) &&
    typeof value['user'] === 'string' &&
    /^[0-9a-f]{32,}$/.test(String(value['secret']))
  );
}

const rolledOut =
  /^(tls\.(gui|inbound|outbound)\b|certificates\b|exceptions\b|gui\.certificate$|listeners\[.*\]\.certificate$|destinations\b)/;
const notRolledOut = /^destinations\[.*\]\.(connections|messagesPerConnection)$/;

/** Throws `bad-configuration` where anything changes that cannot be one thing for some peers and another for the rest. */
export function checkRollOut(before: GatewayConfig, after: GatewayConfig): void {
  const keys = differences(before, after).map(({ key }) => key);
  const foreign = [...new Set(keys.filter((key) => !rolledOut.test(key) || notRolledOut.test(key)))];
  if (foreign.length === 0) return;
  throw new PosternError(
    'bad-configuration',
    `only TLS can be rolled out to a share of the peers; this changes as well: ${foreign.join(', ')}`,
    {
      remedy: 'commit these keys first, for everybody; then the TLS settings with a share',
      issues: foreign.map((key) => ({
        pointer: `/${key.replaceAll(/[.[]/g, '/').replaceAll(']', '')}`,
        detail: 'it cannot differ between peers',
      })),
    },
  );
}

/** Services whose peers have other settings under the one than under the other. */
export function servicesThatDiffer(former: FormerSettings, next: FormerSettings): readonly RollOutService[] {
  const services: RollOutService[] = [];
  if (!same(guiOf(former), guiOf(next))) services.push('gui');
  if (!same(inboundOf(former), inboundOf(next))) services.push('inbound');
  if (!same(outboundOf(former), outboundOf(next))) services.push('outbound');
  return services;
}

const guiOf = (settings: FormerSettings) => [settings.tls.gui, pairsOf(settings, settings.gui.certificate)];

const inboundOf = (settings: FormerSettings) => [
  settings.tls.inbound,
  settings.listeners.map(({ name, certificate }) => [name, pairsOf(settings, certificate)]),
  settings.exceptions.filter(({ service }) => service === 'inbound'),
];

const outboundOf = (settings: FormerSettings) => [
  settings.tls.outbound,
  settings.destinations.map((entry) => [entry, pairsOf(settings, entry.certificate)]),
];

function pairsOf({ certificates }: FormerSettings, name: string | undefined) {
  return certificates.find((certificate) => certificate.name === name)?.pairs ?? null;
}
