// A preview as lines for a terminal: the same words in the shell, before a commit and on the command line.

import { number } from './past.ts';
import type { NamedPeer, OutgoingPreview, PeerGroup, PreviewReport, TargetPreview, Weight } from './report.ts';
import { targetName } from './targets.ts';
import { changes } from './verdict.ts';

/** Peers named in a group, where not all are wanted. */
const namedInSummary = 3;

/** Everything: every group with its peers. */
export function previewLines(report: PreviewReport): readonly string[] {
  return sections(report, Number.POSITIVE_INFINITY);
}

/** What an administrator should know before a commit; empty where TLS does not change or nobody was seen. */
export function summaryLines(report: PreviewReport): readonly string[] {
  const changed =
    report.targets.some((target) => target.changed && target.hellos.known + target.clearText.peers > 0) ||
    report.outgoing.changed;
  return changed ? sections(report, namedInSummary) : [];
}

function sections(report: PreviewReport, most: number): readonly string[] {
  const lines: string[] = [];
  for (const target of report.targets) lines.push(...targetLines(target, most));
  lines.push(...outgoingLines(report.outgoing, most));
  if (lines.length === 0) lines.push('TLS does not change.');
  else if (!report.complete) lines.push('Not everything was examined yet.');
  else if (report.breaks === 0) lines.push(`Nobody who was seen in the last ${report.days} days breaks.`);
  else lines.push(`${plural(report.breaks, 'peer')} of the last ${report.days} days would break.`);
  return lines;
}

function targetLines(target: TargetPreview, most: number): readonly string[] {
  if (!target.changed) return [];
  const { observed, totals, groups, mayRefuse, unjudged } = target;
  const title = targetName(target);
  if (observed === null && target.hellos.known > 0) {
    const { examined, known } = target.hellos;
    const { connections } = totals.breaks;
    return [
      `${title}: ${number(examined)} of ${number(known)} hellos replayed so far, ${plural(connections, 'connection')} would break.`,
    ];
  }
  if (observed === null) return [`${title}: nobody was seen there yet, so nothing can be foretold.`];
  const counts = changes
    .filter((change) => totals[change].peers > 0)
    .map((change) => `${words[change]} ${number(totals[change].peers)}`);
  const lines = [`${title}: ${counts.length === 0 ? 'nobody of whom anything can be foretold' : counts.join(', ')}.`];
  if (unjudged.connections > 0) {
    const { peers, connections } = unjudged;
    const alone = peers === 0 ? '' : `, and ${plural(peers, 'peer')} of whom nothing else is known`;
    lines.push(
      `  NOT JUDGED: ${plural(connections, 'connection')} with hellos that were not kept (too many different ones)${alone}.`,
    );
  }
  for (const group of groups) {
    if (most < Number.POSITIVE_INFINITY && group.change !== 'breaks' && group.change !== 'weaker') continue;
    lines.push(...groupLines(group, most));
  }
  if (mayRefuse.length > 0) lines.push('  May refuse, though the gateway would serve them:', ...named(mayRefuse, most));
  return lines;
}

const words = {
  breaks: 'breaks',
  weaker: 'weaker',
  starts: 'starts to work',
  better: 'better',
  unchanged: 'unchanged',
} as const;

function groupLines(group: PeerGroup, most: number): readonly string[] {
  const heading = `  ${words[group.change].toUpperCase()}: ${weightText(group)}; ${group.reason === '' ? group.offers : `${group.offers}: ${group.reason}`}`;
  const lines = [heading, ...named(group.named, most, group.peers)];
  if (group.change !== 'breaks') return lines;
  if (group.explanation !== '') lines.push(`    ${group.explanation}`);
  if (group.fateText !== '') lines.push(`    ${group.fateText}`);
  if (group.remedy !== null) lines.push(`    To keep them: ${group.remedy.text}.`);
  if (group.fate !== 'locked-out')
    lines.push('    To keep single ones for a time: exceptions for their addresses (exceptionconfig).');
  return lines;
}

function named(peers: readonly NamedPeer[], most: number, all = peers.length): readonly string[] {
  const shown = peers.slice(0, most);
  const lines = shown.map(({ text }) => `    - ${text}`);
  if (all > shown.length) lines.push(`    - and ${number(all - shown.length)} more`);
  return lines;
}

function outgoingLines({ changed, totals, named: peers }: OutgoingPreview, most: number): readonly string[] {
  if (!changed) return [];
  const counts = (['works', 'breaks', 'unknown'] as const)
    .filter((verdict) => totals[verdict].peers > 0)
    .map((verdict) => `${verdict} ${number(totals[verdict].peers)}`);
  if (counts.length === 0) return ['Outbound SMTP: no destination was seen yet, so nothing can be foretold.'];
  const all = totals.breaks.peers + totals.unknown.peers;
  return [`Outbound SMTP: ${counts.join(', ')}.`, ...named(peers, most, all)];
}

function weightText({ peers, connections, messages }: Weight): string {
  return `${plural(peers, 'peer')}, ${plural(connections, 'connection')}, ${plural(messages, 'message')}`;
}

export function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}
