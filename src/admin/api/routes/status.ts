// /status, /version.
import { version as programVersion } from '../../../version.ts';
import { alertParts } from '../../commands/alerts.ts';
import { systemProblems } from '../../commands/status.ts';
import type { GatewayStatus } from '../../host.ts';
import { describeHistory, describeWaiting, iso } from '../page.ts';
import { route } from '../route.ts';
import { alertsSchema, type Status, statusSchema, versionSchema } from '../schemas/status.ts';

const mostAlerts = 500;
const read = { tag: 'status', access: 'read' } as const;

export function describeStatus(status: GatewayStatus, now: number): Status {
  const {
    queue,
    threads,
    collectors,
    started,
    history,
    security,
    dnssec,
    waiting,
    rollOut,
    reminders: _,
    ...rest
  } = status;
  const problems = [...systemProblems(status)];
  return {
    time: new Date(now).toISOString(),
    started: new Date(started).toISOString(),
    uptime: Math.max(0, now - started),
    state: problems.length === 0 ? 'online' : 'impaired',
    problems,
    ...rest,
    waiting: describeWaiting(waiting),
    rollOut:
      rollOut === null
        ? null
        : { revision: rollOut.revision, share: rollOut.share, until: new Date(rollOut.until).toISOString() },
    threads: [...threads],
    queue: {
      messages: queue.messages,
      jobs: queue.jobs,
      held: queue.held,
      full: queue.full,
      oldest: queue.oldest === null ? null : new Date(queue.oldest).toISOString(),
    },
    dnssec,
    history: history === null ? null : describeHistory(history),
    security: [...security],
    collectors: [...collectors],
  };
}

export const statusRoutes = [
  route({
    ...read,
    method: 'GET',
    path: '/status',
    summary: 'Counters, connections, queue, disk, threads',
    response: statusSchema,
    handler: async ({ host }) => ({ body: describeStatus(await host.status(), Date.now()) }),
  }),
  route({
    ...read,
    method: 'GET',
    path: '/alerts',
    summary: 'Connections that had to be secure and were not, and TLS failures that nobody foretold',
    response: alertsSchema,
    handler: async ({ host }) => ({
      body: {
        items: (await host.queue.alerts(mostAlerts)).map((alert) => {
          const { title, lines } = alertParts(alert);
          return { time: iso(alert.time), title, lines: [...lines] };
        }),
      },
    }),
  }),
  route({
    ...read,
    method: 'GET',
    path: '/version',
    summary: 'What is running',
    response: versionSchema,
    handler: ({ host }) => ({
      body: {
        name: 'Postern',
        version: programVersion,
        node: process.versions.node,
        openssl: process.versions.openssl,
        hostname: host.hostname(),
        schema: host.config.committed().config.schema,
        revision: host.config.committed().number,
      },
    }),
  }),
];
