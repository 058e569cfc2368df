// advise: versions that nobody needs any more, and versions that somebody would use; each tried by a preview first.
import type { GatewayConfig } from '../../config/schema.ts';
import { dayLength } from '../../config/units.ts';
import type { PreviewReport } from '../../preview/report.ts';
import { displayName, type TlsVersion, tlsVersions } from '../../tls/versions.ts';
import type { AdminHost } from '../host.ts';
import { editCandidate } from './candidate.ts';
import type { Command } from './command.ts';
import { askChoice } from './question.ts';
import { services, type TlsService, withService } from './sslconfig.ts';

export interface Advice {
  readonly service: TlsService;
  readonly text: string;
  readonly versions: readonly TlsVersion[];
  readonly breaks: number;
  readonly better: number;
}

/** Less history than this (days) says nothing about who will come. */
const leastDays = 7;

/**
 * For each service: may its oldest version go, and would a newer one be used? Only what was seen counts; a service that nobody was seen
 * at gets no advice. `days`: how far back.
 */
export async function advise(
  host: AdminHost,
  user: string,
  days: number,
  signal?: AbortSignal,
): Promise<readonly Advice[]> {
  const { config } = host.config.candidate(user);
  const found: Advice[] = [];
  for (const { key, title } of services) {
    const { versions } = config.tls[key];
    const [oldest] = versions;
    const newest = versions.at(-1);
    if (oldest === undefined || newest === undefined) continue;
    if (versions.length > 1) {
      const fewer = versions.slice(1);
      const report = await tryVersions(host, config, key, fewer, { days, signal });
      const seen = report === null ? null : seenDays(report, key);
      if (report !== null && report.breaks === 0 && seen !== null && seen >= leastDays) {
        const text = `Nobody has needed ${short(oldest)} for ${title} in ${seen} days.`;
        found.push({ service: key, text, versions: fewer, breaks: 0, better: 0 });
      }
    }
    const next = tlsVersions[tlsVersions.indexOf(newest) + 1];
    if (next === undefined || key === 'outbound') continue;
    const more = [...versions, next];
    const report = await tryVersions(host, config, key, more, { days, signal });
    const better = report?.targets.reduce((sum, { totals }) => sum + totals.better.peers, 0) ?? 0;
    if (report !== null && report.breaks === 0 && better > 0) {
      const text = `${better} ${better === 1 ? 'peer' : 'peers'} of ${title} would move to ${short(next)} if it were on.`;
      found.push({ service: key, text, versions: more, breaks: 0, better });
    }
  }
  return found;
}

function short(version: TlsVersion): string {
  return displayName(version).replace('v', '');
}

/** The candidate as it is against itself with other versions. Null: such settings cannot be (a cipher string that leaves nothing). */
async function tryVersions(
  host: AdminHost,
  config: GatewayConfig,
  service: TlsService,
  versions: readonly TlsVersion[],
  options: { readonly days: number; readonly signal: AbortSignal | undefined },
): Promise<PreviewReport | null> {
  const { days, signal } = options;
  try {
    const changed = withService(config, service, { versions, ciphers: config.tls[service].ciphers });
    return await host.preview(changed, { days, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return null;
  }
}

/** How long the service was watched; null: nobody was seen. Outgoing has no window of its own; its destinations tell. */
function seenDays(report: PreviewReport, service: TlsService): number | null {
  if (service === 'outbound') {
    const { works, unknown } = report.outgoing.totals;
    return works.peers > 0 && unknown.peers === 0 ? report.days : null;
  }
  const observed = report.targets.flatMap((target) => (target.service === service ? (target.observed ?? []) : []));
  if (observed.length === 0) return null;
  const first = Math.min(...observed.map((range) => Date.parse(range.first)));
  return Math.min(report.days, Math.floor((Date.now() - first) / dayLength));
}

export const adviseCommand: Command = {
  name: 'advise',
  group: 'Changes',
  summary: 'TLS versions that nobody needs, or that somebody would use',
  usage: 'advise',
  help: `Looks at everybody who was seen in the last 90 days: a version that nobody needed can go, one that peers would use can come.
Each proposal was tried by a preview, and can be taken into your pending changes.`,
  words: 'answers',
  run: async ({ host, dialogue, user, actor }) => {
    const advice = await advise(host, user, 90, dialogue.signal);
    if (advice.length === 0) {
      dialogue.print('\nThere is no advice: too little was seen, or the settings fit what was.');
      return;
    }
    const choice = await askChoice(
      dialogue,
      '\nWhich of these shall become part of your pending changes?',
      ['None.', ...advice.map(({ text }) => text)],
      0,
    );
    const taken = advice[choice - 1];
    if (taken === undefined) return;
    const { service, versions } = taken;
    await editCandidate(host, actor, (config) =>
      withService(config, service, { versions, ciphers: config.tls[service].ciphers }),
    );
    dialogue.print('\nIt is pending now. "preview" tells more, "commit" puts it into force.');
  },
};
