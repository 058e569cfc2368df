// tlsconnections: what TLS was wanted of outgoing connections, and what it became.
import { PosternError } from '../../errors.ts';
import type { AdminHost } from '../host.ts';
import type { Command } from './command.ts';
import { short } from './question.ts';
import { formatCount } from './time.ts';

const hour = 3_600_000;
const mostHours = 90 * 24;

/** The lines of the report. `domain` empty: all. */
export async function describeSecurity(host: AdminHost, domain: string, hours: number, now: number): Promise<string> {
  const { security } = await host.history.tlsConnections({
    direction: 'outgoing',
    from: Math.max(0, now - hours * hour),
    to: now,
    limit: 1,
    ...(domain === '' ? {} : { domain }),
  });
  const about = `Outgoing connections of the last ${formatCount(hours)} h${domain === '' ? '' : ` to domains with "${short(domain)}"`}`;
  if (security.length === 0) return `${about}: none.`;
  const lines = security.map(
    ({ wanted, got, connections, messages }) =>
      `${wanted.padEnd(18)}${got.padEnd(12)}${formatCount(connections).padStart(12)}${formatCount(messages).padStart(12)}`,
  );
  const heading = `${'Wanted'.padEnd(18)}${'Got'.padEnd(12)}${'Connections'.padStart(12)}${'Messages'.padStart(12)}`;
  return [`${about}:`, '', heading, ...lines].join('\n');
}

export const tlsconnections: Command = {
  name: 'tlsconnections',
  group: 'Monitoring',
  summary: 'outgoing connections by the TLS that was wanted and what it became',
  usage: 'tlsconnections [DOMAIN] [HOURS]',
  help: `As "tls=wanted:got" in the mail log. A domain may be a part of its name. Without a number: the last 24 hours. Hosts that were not
even dialled, because no TLS good enough could be had there, count as failed. The web UI shows the same with the versions of TLS.`,
  words: 'own',
  run: async ({ host, dialogue, words }) => {
    const hours = words.find((word) => /^\d{1,5}$/.test(word));
    const domains = words.filter((word) => word !== hours);
    const number = hours === undefined ? 24 : Number(hours);
    if (domains.length > 1 || (domains[0] ?? '').length > 255 || number < 1 || number > mostHours) {
      throw new PosternError('bad-usage', 'tlsconnections takes a domain and a number of hours', {
        remedy: `Usage: tlsconnections [DOMAIN] [HOURS]; 1 to ${mostHours} hours`,
      });
    }
    dialogue.print(`\n${await describeSecurity(host, domains[0] ?? '', number, Date.now())}`);
  },
};
