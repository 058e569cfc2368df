// displayalerts: what went wrong where TLS had to be.
import { PosternError } from '../../errors.ts';
import type { RaisedAlert } from '../../spool/protocol.ts';
import type { Command } from './command.ts';
import { formatTime } from './time.ts';

const usual = 10;
const most = 500;

/** The parts of an alert: what it is about, and lines. */
export function alertParts(alert: RaisedAlert): { readonly title: string; readonly lines: readonly string[] } {
  if ('title' in alert) return { title: alert.title, lines: alert.text };
  const { domain, host, wanted, reason } = alert;
  return { title: `TLS to ${domain} failed`, lines: [`Host:   ${host}`, `Level:  ${wanted}`, `Reason: ${reason}`] };
}

/** Newest first. */
export function alertsText(alerts: readonly RaisedAlert[]): string {
  if (alerts.length === 0) return 'There were no alerts since the start.';
  return alerts
    .map((alert) => {
      const { title, lines } = alertParts(alert);
      return [`${formatTime(alert.time)}  ${title}`, ...lines.map((line) => `  ${line}`.trimEnd())].join('\n');
    })
    .join('\n\n');
}

export const displayalerts: Command = {
  name: 'displayalerts',
  group: 'Monitoring',
  summary: 'the last alerts about TLS that had to be there',
  usage: 'displayalerts [NUMBER]',
  help: `An alert is raised when a connection fails whose TLS a destination or sender demands; at most once a domain and hour. It
stands in the mail log (Warning: Alert: ...), goes by mail to the addresses under alerts.to, and is listed here until the next start.`,
  words: 'own',
  run: async ({ host, dialogue, words }) => {
    const [word = String(usual), ...rest] = words;
    if (rest.length > 0 || !/^[1-9][0-9]{0,2}$/.test(word) || Number(word) > most) {
      throw new PosternError('bad-usage', `displayalerts takes a number from 1 to ${most}`, {
        remedy: 'Usage: displayalerts [NUMBER]',
      });
    }
    dialogue.print(`\n${alertsText(await host.queue.alerts(Number(word)))}`);
    await dialogue.drained();
  },
};
