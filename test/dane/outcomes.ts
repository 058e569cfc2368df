// What a case came to, in lines that are the same in every run: DCIDs, addresses and digests have names instead.
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Value } from '../../src/ledger/events.ts';
import type { TlsAlert } from '../../src/spool/protocol.ts';
import type { RecordedLog } from '../delivery/fixture.ts';
import { type Certificates, type ServerName, servers } from './case.ts';

const file = join(import.meta.dirname, 'outcomes.txt');
const head = `# What each case comes to: where a connection went, the lines of the mail log, the alert, the entries of the report to the domain
# (RFC 8460), and the outcome. Left out are the lines that every connection has. <ee>: the address of that server;
# <ee key SHA-256>: the digest of its public key. POSTERN_WRITE_OUTCOMES=1 writes this file anew; read what changed.
`;

/** Case → its lines, as the file has them. */
export function readOutcomes(): ReadonlyMap<string, string> {
  const blocks = readFileSync(file, 'utf8').slice(head.length).trim().split('\n\n');
  return new Map(blocks.map((block) => [block.slice(0, block.indexOf(':')), block]));
}

export function writeOutcomes(blocks: readonly string[]): void {
  writeFileSync(file, `${head}\n${blocks.join('\n\n')}\n`);
}

/** What every connection says; the certificate has dates. */
const usual = /^(smtp\.out\.(offer|tls|certificate|close)|delivery\.(start|done|response)|message\.finished)$/;

export interface Told {
  readonly log: RecordedLog;
  /** Of the MTA-STS policies. */
  readonly stsLog: RecordedLog;
  readonly alerts: readonly TlsAlert[];
}

/** All lines about a domain, in order. */
export function linesOf(domain: string, { log, stsLog, alerts }: Told): readonly string[] {
  const lines = stsLog.lines.filter((line) => line.startsWith(`MTA-STS policy of ${domain}`));
  const connections = new Set<Value>();
  for (const { event, values } of log.events) {
    const value = (field: string): Value => values[event.fields.indexOf(field)] ?? '';
    const dcid = event.fields.includes('dcid') ? value('dcid') : null;
    if (value('domain') === domain && dcid !== null) connections.add(dcid);
    else if (value('domain') !== domain && !connections.has(dcid ?? '')) continue;
    if (usual.test(event.name)) continue;
    if (event.name === 'smtp.out.connection') lines.push(`dialled ${value('address')}`);
    else if (event.name === 'smtp.out.tlsResult') {
      const result = value('result') === '' ? 'success' : value('result');
      lines.push(`report ${value('policy')} ${value('policyDomain')} ${result}`);
    } else lines.push((event.text as (...all: readonly Value[]) => string)(...values));
  }
  for (const alert of alerts) {
    if (alert.domain === domain) lines.push(`alert ${alert.host} tls=${alert.wanted}: ${alert.reason}`);
  }
  return lines;
}

/** Names instead of what differs from run to run. */
export class Names {
  readonly #names: readonly (readonly [text: string, name: string])[];

  constructor(certificates: Certificates, address: (server: ServerName) => string) {
    const digests = Object.entries(certificates).flatMap(([name, { cert }]) => {
      const certificate = new X509Certificate(cert);
      const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
      return ['sha256', 'sha512'].flatMap((kind) => {
        const shown = (content: Buffer) => `${createHash(kind).update(content).digest('hex').slice(0, 16)}...`;
        const text = kind.replace('sha', 'SHA-');
        return [
          [shown(key), `<${name} key ${text}>`],
          [shown(certificate.raw), `<${name} ${text}>`],
        ] as const;
      });
    });
    // The longest first: one address may be the beginning of another.
    const addresses = servers.map((server) => [address(server), `<${server}>`] as const);
    this.#names = [...digests, ...addresses.toSorted(([a], [b]) => b.length - a.length)];
  }

  in(line: string): string {
    let text = line
      .replace(/DCID \d+/, 'DCID n')
      .replace(/MID \d+/, 'MID n')
      .replaceAll(/3082[0-9a-f]{4}3082[0-9a-f]{4}\.\.\./g, '<a certificate>')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');
    for (const [found, name] of this.#names) text = text.replaceAll(found, name);
    return text;
  }
}
