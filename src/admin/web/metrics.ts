// /metrics in the text form of Prometheus (0.0.4): what `status` tells, and the web service itself. Our own text: two dozen
// numbers that control has already need no registry of a library.

import { isLoopback } from '../commands/setup.ts';
import type { GatewayStatus } from '../host.ts';
import type { Guard, Routes } from './app.ts';

export interface WebGauges {
  readonly connections: number;
  readonly streams: number;
}

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly values: readonly (readonly [number, Labels?])[];
}

/** From this machine without a token, from elsewhere with one that may read. */
export function metricsRoutes(guard: Guard, gauges: () => WebGauges): Routes {
  return (app, { host }) => {
    app.get('/metrics', { config: { access: 'public' } }, async (request, reply) => {
      if (!isLoopback(request.peer.address) || request.headers.authorization !== undefined) {
        await guard.admit(request, 'read');
      }
      const text = metricsText(await host.status(), gauges(), host.version(), Date.now());
      return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
    });
  };
}

export function metricsText(status: GatewayStatus, web: WebGauges, version: string, now: number): string {
  return `${samples(status, web, version, now).map(printed).join('\n')}\n`;
}

function samples(status: GatewayStatus, web: WebGauges, version: string, now: number): Sample[] {
  const { connections, counters, queue, disk, collectors, security } = status;
  const counter = (name: string, help: string, ...values: Sample['values']): Sample => ({
    name,
    help,
    type: 'counter',
    values,
  });
  const gauge = (name: string, help: string, ...values: Sample['values']): Sample => ({
    name,
    help,
    type: 'gauge',
    values,
  });
  const oldest = queue.oldest === null ? 0 : Math.max(0, now - queue.oldest) / 1000;
  return [
    gauge('postern_info', 'Version of the program.', [1, { version }]),
    gauge('postern_start_time_seconds', 'Start of the program.', [status.started / 1000]),
    gauge('postern_config_revision', 'Committed revision of the configuration.', [status.revision]),
    gauge(
      'postern_smtp_connections',
      'SMTP connections that are open.',
      [connections.incoming, { direction: 'in' }],
      [connections.outgoing, { direction: 'out' }],
    ),
    counter(
      'postern_smtp_connections_total',
      'SMTP connections since the start.',
      [connections.incomingTotal, { direction: 'in' }],
      [connections.outgoingTotal, { direction: 'out' }],
    ),
    counter('postern_messages_accepted_total', 'Messages taken.', [counters.accepted]),
    counter('postern_messages_refused_total', 'Messages refused for want of room.', [counters.refused]),
    counter(
      'postern_recipients_total',
      'Recipients by the end of an attempt.',
      [counters.delivered, { result: 'delivered' }],
      [counters.deferred, { result: 'deferred' }],
      [counters.bounced, { result: 'bounced' }],
    ),
    counter(
      'postern_tls_outgoing_total',
      'Outgoing connections that have ended, by the TLS that was wanted and what it became.',
      ...security.map(({ wanted, got, connections: count }) => [count, { wanted, got }] as const),
    ),
    counter(
      'postern_tls_outgoing_messages_total',
      'Messages on them.',
      ...security.map(({ wanted, got, messages }) => [messages, { wanted, got }] as const),
    ),
    gauge('postern_queue_messages', 'Messages in the queue.', [queue.messages]),
    gauge('postern_queue_deliveries', 'Deliveries that wait.', [queue.jobs]),
    gauge('postern_queue_held', 'Deliveries on hold.', [queue.held]),
    gauge('postern_queue_full', '1 while new mail is refused for want of room.', [queue.full ? 1 : 0]),
    gauge('postern_queue_oldest_seconds', 'Age of the oldest message in the queue.', [oldest]),
    gauge('postern_disk_free_bytes', 'Free space of the data directory.', [disk.free]),
    gauge('postern_disk_size_bytes', 'Size of the file system of the data directory.', [disk.total]),
    gauge(
      'postern_thread_up',
      '1 while a thread answers.',
      ...status.threads.map(
        ({ role, index, state }) => [state === 'running' ? 1 : 0, { role, index: String(index) }] as const,
      ),
    ),
    gauge(
      'postern_collector_connected',
      '1 while a syslog collector is connected.',
      ...collectors.map(({ name, connected }) => [connected ? 1 : 0, { name }] as const),
    ),
    counter(
      'postern_collector_dropped_total',
      'Log lines given up because the buffer of a collector was full.',
      ...collectors.map(({ name, dropped }) => [dropped, { name }] as const),
    ),
    gauge('postern_web_connections', 'Connections of the web UI and API.', [web.connections]),
    gauge('postern_web_event_streams', 'Event streams that are open.', [web.streams]),
    counter('process_cpu_seconds_total', 'CPU time, user and system.', [status.cpu]),
    gauge('process_resident_memory_bytes', 'Resident memory.', [status.memory]),
  ];
}

function printed({ name, help, type, values }: Sample): string {
  const lines = values.map(([value, labels = {}]) => {
    const list = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
    return `${name}${list.length === 0 ? '' : `{${list.join(',')}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
