// What the tests of the ledger share: a snapshot, directories, collectors that really listen.
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { defaultCiphers } from '../../src/config/schema.ts';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { type EventDefinition, type EventSink, eventTable, type Value } from '../../src/ledger/events.ts';
import { type FormattedBatch, LineFormatter } from '../../src/ledger/format.ts';

// Log lines are in local time.
process.env['TZ'] = 'UTC';

export function temporaryDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'postern-ledger-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Overrides {
  readonly logs?: Partial<Snapshot['logs']>;
  readonly privacy?: Partial<Snapshot['privacy']>;
  readonly syslog?: Snapshot['syslog'];
  readonly limits?: { readonly history: number };
  readonly otherClients?: Snapshot['tls']['otherClients']['versions'];
}

/** The part of a snapshot that the ledger looks at. */
export function snapshotWith({ logs, privacy, syslog = [], otherClients, limits }: Overrides = {}): Snapshot {
  const service = { versions: otherClients ?? (['TLSv1.2', 'TLSv1.3'] as const), ciphers: defaultCiphers };
  const snapshot: Pick<Snapshot, 'revision' | 'hostname' | 'logs' | 'privacy' | 'syslog' | 'tls' | 'tlsReports'> & {
    readonly timeouts: Pick<Snapshot['timeouts'], 'connect' | 'handshake'>;
    readonly limits: Pick<Snapshot['limits'], 'history'>;
    readonly spool: Pick<Snapshot['spool'], 'lowWater' | 'lowWaterShare'>;
  } = {
    revision: 1,
    hostname: 'gw.example.com',
    logs: { rotateSize: 100 * 1024 * 1024, keep: 30, json: true, ...logs },
    privacy: { logSubjects: true, logAddresses: true, keepTracking: 30 * 86_400_000, keepObservations: 0, ...privacy },
    syslog,
    tls: { gui: service, inbound: service, outbound: service, otherClients: service },
    tlsReports: {
      send: false,
      receive: [],
      https: false,
      signed: true,
      spread: 0,
      retryFor: 0,
      keep: 180 * 86_400_000,
    },
    timeouts: { connect: 5000, handshake: 5000 },
    limits: { history: 1024 * 1024 * 1024, ...limits },
    spool: { lowWater: 1024 * 1024, lowWaterShare: 0 },
  };
  return snapshot as Snapshot;
}

export function collectorSettings(
  settings: Partial<Snapshot['syslog'][number]> & { readonly port: number },
): Snapshot['syslog'][number] {
  return {
    name: 'siem',
    host: '127.0.0.1',
    protocol: 'tcp',
    facility: 20,
    hostname: false,
    verify: true,
    buffer: 64 * 1024 * 1024,
    ...settings,
  };
}

/** Until `condition` holds; fails after `timeout` ms, saying what was waited for. */
export async function until(what: string, condition: () => boolean, timeout = 60_000): Promise<void> {
  const end = Date.now() + timeout;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${timeout} ms for: ${what}`);
    await sleep(10);
  }
}

export interface RecordingSink extends EventSink {
  /** Texts of the events, in their order. */
  readonly texts: string[];
}

export function recordingSink(): RecordingSink {
  const texts: string[] = [];
  return {
    texts,
    record: (event, ...values) => {
      texts.push(event.text(...values));
    },
  };
}

/** One event through the formatter: its line in the mail or system log, in JSON, and in syslog. */
export function formatOne(
  event: EventDefinition,
  values: readonly Value[],
  privacy: Partial<Snapshot['privacy']> = {},
) {
  const formatter = new LineFormatter({ logSubjects: true, logAddresses: true, ...privacy }, true);
  const out: FormattedBatch = { mail: '', mailLines: 0, json: '', system: '', systemLines: 0 };
  const heard: string[] = [];
  const whole = formatter.format([1_773_771_877_042, event.code, ...values], out, (_log, _level, _time, text) => {
    heard.push(text);
  });
  return { ...out, whole, text: out.mail + out.system, heard };
}

/** For the property tests: an event as the sink has it, of whatever type of values. */
export function anyEvent(code: number): EventDefinition {
  const event = eventTable[code];
  if (event === undefined) throw new Error(`no event ${code}`);
  return event;
}

/** Reads octet-counted frames (RFC 6587 3.4.1) out of a stream, byte by byte and strictly. */
export class FrameReader {
  readonly messages: string[] = [];
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const blank = this.#rest.indexOf(32);
      if (blank < 0) return;
      const length = this.#rest.toString('latin1', 0, blank);
      if (!/^[1-9][0-9]*$/.test(length)) throw new Error(`"${length}" is no message length`);
      const end = blank + 1 + Number(length);
      if (this.#rest.length < end) return;
      this.messages.push(this.#rest.toString('utf8', blank + 1, end));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

export interface TestCollector {
  readonly port: number;
  readonly messages: string[];
  /** TLS versions of the connections, in their order. */
  readonly versions: string[];
  close(): Promise<void>;
}

export async function streamCollector(
  t: TestContext,
  options: { readonly port?: number; readonly tls?: TlsOptions } = {},
): Promise<TestCollector> {
  const messages: string[] = [];
  const versions: string[] = [];
  const sockets = new Set<Socket>();
  const accept = (socket: Socket): void => {
    const reader = new FrameReader();
    sockets.add(socket);
    socket.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      messages.push(...reader.messages.splice(0));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };
  const server =
    options.tls === undefined
      ? createServer(accept)
      : createTlsServer(options.tls, (socket) => {
          versions.push(socket.getProtocol() ?? '');
          accept(socket);
        });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  t.after(close);
  return { port: (server.address() as AddressInfo).port, messages, versions, close };
}

export async function udpCollector(t: TestContext, port = 0): Promise<TestCollector> {
  const messages: string[] = [];
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  let open = true;
  socket.on('message', (message) => messages.push(message.toString('utf8')));
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  };
  t.after(close);
  return { port: socket.address().port, messages, versions: [], close };
}
