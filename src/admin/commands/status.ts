// status, version: what the gateway is doing.
import type { GatewayStatus } from '../host.ts';
import type { Command } from './command.ts';
import { waitingLine } from './confirm.ts';
import { rollOutLine } from './rollout.ts';
import { formatCount, formatSize, formatSpan, formatTime } from './time.ts';

const row = (label: string, value: string): string => `${label.padEnd(34)}${value.padStart(14)}`;
const count = (label: string, value: number): string => row(label, formatCount(value));

/** The whole text of `status`. `now`: ms since the epoch. */
export function statusText(status: GatewayStatus, now: number): string {
  const { queue, connections, counters, threads, disk } = status;
  const lines = [
    `Status as of:                  ${formatTime(now)}`,
    `Up since:                      ${formatTime(status.started)} (${formatSpan(now - status.started)})`,
    `System status:                 ${systemStatus(status)}`,
    `Configuration revision:        ${status.revision}`,
    ...(status.waiting === null ? [] : [`Must be confirmed:             ${waitingLine(status.waiting)}`]),
    ...(status.rollOut === null ? [] : [`Roll-out:                      ${rollOutLine(status.rollOut)}`]),
    `DNSSEC:                        ${status.dnssec?.text ?? 'not known yet'}`,
    `Oldest Message:                ${queue.oldest === null ? 'No Messages' : formatSpan(now - queue.oldest)}`,
    '',
    'Counters since start:',
    '  Receiving',
    count('    Messages Received', counters.accepted),
    count('    Messages Refused (no room)', counters.refused),
    count('    Incoming Connections', connections.incomingTotal),
    '  Completion',
    count('    Delivered Recipients', counters.delivered),
    count('    Bounced Recipients', counters.bounced),
    count('    Deferred Attempts', counters.deferred),
    count('    Outgoing Connections', connections.outgoingTotal),
    '',
    'Gauges:',
    '  Connections',
    count('    Current Inbound Conn.', connections.incoming),
    count('    Current Outbound Conn.', connections.outgoing),
    '  Queue',
    count('    Messages In Queue', queue.messages),
    count('    Deliveries Waiting', queue.jobs),
    count('    Deliveries On Hold', queue.held),
    '  System',
    row('    Memory', formatSize(status.memory)),
    row('    CPU Time', formatSpan(status.cpu * 1000)),
    row('    Disk Free', `${formatSize(disk.free)} of ${formatSize(disk.total)}`),
    ...(status.history === null ? [] : [row('    History', historyText(status.history))]),
    '',
    'Threads:',
    ...threads.map(({ role, index, revision, state }) =>
      row(`  ${role}${role === 'mail' ? ` ${index}` : ''}`, `${state}, revision ${revision}`),
    ),
  ];
  if (status.collectors.length > 0) {
    lines.push('', 'Syslog collectors:', ...status.collectors.map(collectorLine));
  }
  return lines.join('\n');
}

function historyText({ size, limit, lost }: NonNullable<GatewayStatus['history']>): string {
  return `${formatSize(size)} of ${formatSize(limit)}${lost === 0 ? '' : `, ${formatCount(lost)} entries lost`}`;
}

function systemStatus(status: GatewayStatus): string {
  const problems = systemProblems(status);
  return problems.length === 0 ? 'Online' : `Online, but ${problems.join('; ')}`;
}

/** What is not as it should be. */
export function systemProblems(status: GatewayStatus): readonly string[] {
  const { queue, threads, revision, history, reminders } = status;
  // Sentences become parts of one.
  const problems = reminders.map((text) => text.replace(/^[CE]/, (first) => first.toLowerCase()).replace(/\.$/, ''));
  if (history?.state === 'paused') problems.push(`no history is kept: ${history.reason}`);
  if (queue.full) problems.push('new mail is refused: the disk is full (452)');
  for (const thread of threads) {
    const name = thread.role === 'mail' ? `mail worker ${thread.index}` : `the ${thread.role} thread`;
    if (thread.state !== 'running') problems.push(`${name} is ${thread.state}`);
    else if (thread.revision !== revision) problems.push(`${name} runs under revision ${thread.revision}`);
  }
  return problems;
}

function collectorLine(collector: GatewayStatus['collectors'][number]): string {
  const { name, host, port, protocol, connected, buffered, dropped, reason } = collector;
  const state = connected ? 'connected' : `away${reason === '' ? '' : ` (${reason})`}`;
  const waiting = buffered === 0 ? '' : `, ${formatSize(buffered)} waiting`;
  const lost = dropped === 0 ? '' : `, ${formatCount(dropped)} lines given up`;
  return `  ${name} (${protocol} ${host}:${port}): ${state}${waiting}${lost}`;
}

export const status: Command = {
  name: 'status',
  aliases: ['status detail'],
  group: 'Monitoring',
  summary: 'counters, connections, queue, disk, threads',
  usage: 'status',
  help: 'Counters count from the start of the program. Each thread says under which revision of the configuration it runs.',
  words: 'none',
  run: async ({ host, dialogue }) => {
    dialogue.print(`\n${statusText(await host.status(), Date.now())}`);
  },
};

export const version: Command = {
  name: 'version',
  group: 'Monitoring',
  summary: 'version of the gateway, of Node.js and OpenSSL',
  usage: 'version',
  help: 'What is running, not what is installed.',
  words: 'none',
  run: async ({ host, dialogue }) => {
    const { number } = host.config.committed();
    dialogue.print(
      `\nCurrent Version\n===============\n${host.version()}\nConfiguration: schema 2, revision ${number}\nHostname: ${host.hostname()}`,
    );
  },
};
