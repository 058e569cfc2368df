// A host for the commands: the real configuration store in a directory of its own, a queue in memory, recorded events.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { People } from '../../src/admin/auth/people.ts';
import type { SessionLife } from '../../src/admin/auth/sessions.ts';
import type {
  Actor,
  AdminHost,
  AdminQueue,
  CommitChoice,
  GatewayStatus,
  PreviewChoice,
  QueueFilter,
  QueueRow,
  Rehearsal,
  RehearsalRow,
  RehearseChoice,
  RollOutView,
  VerifyRequest,
} from '../../src/admin/host.ts';
import type { Waiting } from '../../src/config/confirmation.ts';
import type { GatewayConfig } from '../../src/config/schema.ts';
import type { CertificateSettings } from '../../src/config/snapshot.ts';
import { type ConfigApply, ConfigStore } from '../../src/config/store.ts';
import { parseDuration } from '../../src/config/units.ts';
import type { Verdict } from '../../src/delivery/verify.ts';
import { createResolver } from '../../src/dns/stub.ts';
import { PosternError } from '../../src/errors.ts';
import { commitChanges, type EventDefinition, type EventSink, type Value } from '../../src/ledger/events.ts';
import type { ReportRow } from '../../src/ledger/tls-reports/outgoing.ts';
import { PreviewEngine } from '../../src/preview/engine.ts';
import type { PreviewReport } from '../../src/preview/report.ts';
import { previewSettings } from '../../src/preview/settings.ts';
import type { Taken } from '../../src/tls-reports/receiver.ts';

/** What the reference has after an upgrade: TLS 1.1 and 1.2 everywhere. */
const initial = `hostname: gw.example.com
listeners:
  - { name: inbound, address: 127.0.0.1, port: 2525 }
tls:
  gui:      { versions: [TLSv1.1, TLSv1.2], ciphers: "AES128:AES256" }
  inbound:  { versions: [TLSv1.1, TLSv1.2], ciphers: "AES128:AES256" }
  outbound: { versions: [TLSv1.1, TLSv1.2], ciphers: "AES128:AES256" }
`;

export interface TestHostOptions {
  readonly queue?: readonly QueueRow[];
  readonly now?: () => number;
  readonly initial?: string;
  /** A certificate that can be used; without it TLS is not compiled. */
  readonly demo?: CertificateSettings;
}

export class TestHost implements AdminHost {
  /** What a rehearsal answers. */
  rehearsed: readonly RehearsalRow[] = [];
  readonly config: ConfigStore;
  readonly dataDirectory: string;
  readonly logDirectory: string;
  readonly log: EventSink;
  readonly events: string[] = [];
  /** TLS cannot be compiled then. */
  readonly #withoutCertificate: boolean;
  readonly queue: AdminQueue;
  readonly people: People;
  /** What takes part in a commit. */
  apply: ConfigApply = { prepare: nothing, activate: nothing, abandon: nothing };
  rows: QueueRow[];
  statusNow: GatewayStatus;
  rollOutNow: RollOutView | null = null;

  private constructor(dataDirectory: string, store: ConfigStore, options: TestHostOptions) {
    this.dataDirectory = dataDirectory;
    this.logDirectory = join(dataDirectory, 'logs');
    mkdirSync(this.logDirectory, { recursive: true });
    this.config = store;
    this.rows = [...(options.queue ?? [])];
    this.log = {
      record: <V extends readonly Value[]>(event: EventDefinition<V>, ...values: V) => {
        this.events.push(event.text(...values));
      },
    };
    this.queue = memoryQueue(this);
    this.people = People.open(dataDirectory, { log: this.log, life: () => timeouts(store) });
    this.#withoutCertificate = options.demo === undefined;
    this.statusNow = exampleStatus();
  }

  /** The commands of the shell do not ask for it. */
  get history(): never {
    throw new Error('this host keeps no history');
  }

  static async open(options: TestHostOptions = {}): Promise<TestHost> {
    const directory = mkdtempSync(join(tmpdir(), 'postern-shell-'));
    const { demo = { name: 'demo', pairs: [] } } = options;
    const store = await ConfigStore.open(directory, {
      initial: options.initial ?? initial,
      demo,
      ...(options.now === undefined ? {} : { now: options.now }),
    });
    return new TestHost(directory, store, options);
  }

  /** As the gateway does, without a thread of its own: what `ledger.db` in the data directory holds. */
  async preview(config: GatewayConfig, { days, ...options }: PreviewChoice): Promise<PreviewReport> {
    if (this.#withoutCertificate) return nothingSeen(days);
    const engine = new PreviewEngine(join(this.dataDirectory, 'ledger.db'));
    try {
      const running = previewSettings(await this.config.snapshot());
      return await engine.run(
        { running, candidate: previewSettings(await this.config.compile(config)), days },
        options,
      );
    } finally {
      engine.close();
    }
  }

  async rehearse(config: GatewayConfig, { onProgress }: RehearseChoice): Promise<Rehearsal> {
    await this.config.compile(config);
    const { rehearsed } = this;
    for (const [index, row] of rehearsed.entries()) onProgress(row, index + 1, rehearsed.length);
    const breaks = rehearsed.filter(({ outcome }) => outcome === 'waits').length;
    return { rows: rehearsed, breaks, all: rehearsed.length };
  }

  lookUp() {
    return createResolver(this.config.current());
  }

  hostname(): string {
    return this.config.committed().config.hostname;
  }

  version(): string {
    return 'Postern 0.0.0 (Node.js 0, OpenSSL 0)';
  }

  status(): Promise<GatewayStatus> {
    return Promise.resolve(this.statusNow);
  }

  async commit({ user }: Actor, comment: string, { keep }: CommitChoice) {
    const committed = await this.config.commit(user, comment, this.apply, { saveForRollback: keep });
    this.log.record(commitChanges, 1237, user, comment);
    return {
      time: new Date(committed.time),
      revision: committed.number,
      warnings: [],
      confirmBy: null,
      rollOutUntil: null,
    };
  }

  async confirm(): Promise<Waiting> {
    const waiting = await this.config.confirm();
    if (waiting === null) throw new PosternError('not-found', 'nothing waits for a confirmation');
    return waiting;
  }

  rollOut(): RollOutView | null {
    return this.rollOutNow;
  }

  async endRollOut(): Promise<number | null> {
    throw new PosternError('not-found', 'nothing is being rolled out');
  }

  async takeBack({ user }: Actor) {
    const taken = await this.config.takeBack(() => ({ user, comment: 'taken back' }), this.apply);
    return taken?.committed?.number ?? null;
  }

  async sendTlsReports(): Promise<readonly ReportRow[]> {
    return [];
  }

  async takeTlsReport(): Promise<Taken> {
    return { kind: 'kept' };
  }

  async verifyTls({ domains, dane }: VerifyRequest, tell: (verdict: Verdict, told: number) => void) {
    const verdicts = domains.map((domain): Verdict => {
      const ok = !domain.startsWith('bad');
      const what = dane ? 'DANE verification' : 'TLS connection';
      const reason = ok ? '' : 'no STARTTLS';
      const lines = [`${what} ${ok ? 'succeeded' : 'failed'} ${domain}${ok ? '' : `: ${reason}`}.`];
      return { domain, ok, reason, hosts: [], lines };
    });
    for (const [index, verdict] of verdicts.entries()) tell(verdict, index + 1);
    return verdicts;
  }

  remove(): void {
    this.people.close();
    rmSync(this.dataDirectory, { recursive: true, force: true });
  }
}

/** Shells need no compiled configuration. */
function timeouts(store: ConfigStore): SessionLife {
  const { guiLogon, guiLogonIdle } = store.committed().config.timeouts;
  return { guiLogon: parseDuration(guiLogon), guiLogonIdle: parseDuration(guiLogonIdle) };
}

async function nothing(): Promise<void> {}

function nothingSeen(days: number): PreviewReport {
  const weight = { peers: 0, connections: 0, messages: 0 };
  const totals = { works: weight, breaks: weight, unknown: weight };
  return { complete: true, days, breaks: 0, targets: [], outgoing: { changed: false, totals, named: [] } };
}

function matches(row: QueueRow, filter: QueueFilter): boolean {
  return (
    (filter.mid === undefined || row.mid === filter.mid) &&
    (filter.mids === undefined || filter.mids.includes(row.mid)) &&
    (filter.destination === undefined || row.destination === filter.destination) &&
    (filter.sender === undefined || row.sender === filter.sender) &&
    (filter.recipient === undefined || row.recipients.some((one) => one.endsWith(filter.recipient ?? '')))
  );
}

function memoryQueue(host: TestHost): AdminQueue {
  const change = async (filter: QueueFilter, to: (row: QueueRow) => QueueRow | null): Promise<number> => {
    const touched = host.rows.filter((row) => matches(row, filter)).length;
    host.rows = host.rows.flatMap((row) => (matches(row, filter) ? (to(row) ?? []) : row));
    return touched;
  };
  return {
    list: async (filter, after, limit) =>
      host.rows.filter((row) => row.mid > after && matches(row, filter)).slice(0, limit),
    destinations: async (limit) =>
      [...new Set(host.rows.map((row) => row.destination))].slice(0, limit).map((destination) => {
        const rows = host.rows.filter((row) => row.destination === destination);
        const { next = null, reason = '' } = rows[0] ?? {};
        return { destination, jobs: rows.length, next, state: reason === '' ? 'up' : 'down', reason };
      }),
    status: async () => host.statusNow.queue,
    notify: async () => undefined,
    submit: async () => null,
    alerts: async (limit) =>
      [
        {
          time: 0,
          domain: 'partner.example',
          host: 'mx.partner.example',
          wanted: 'required',
          reason: 'TLS is required, but STARTTLS is not offered',
        },
      ].slice(0, limit),
    deliverNow: (filter) => change(filter, (row) => (row.held ? row : { ...row, next: 0 })),
    delete: (filter) => change(filter, () => null),
    hold: (filter) => change(filter, (row) => ({ ...row, held: true, next: null })),
    release: (filter) => change(filter, (row) => ({ ...row, held: false, next: 0 })),
  };
}

function exampleStatus(): GatewayStatus {
  return {
    started: Date.now() - 81_929_000,
    revision: 1,
    waiting: null,
    rollOut: null,
    reminders: [],
    threads: [
      { role: 'mail', index: 0, revision: 1, state: 'running' },
      { role: 'mail', index: 1, revision: 1, state: 'silent' },
      { role: 'spool', index: 0, revision: 1, state: 'running' },
      { role: 'ledger', index: 0, revision: 1, state: 'running' },
    ],
    connections: { incoming: 3, outgoing: 1, incomingTotal: 62_049_822, outgoingTotal: 17 },
    counters: { accepted: 290_920, refused: 2, delivered: 290_900, deferred: 12, bounced: 5 },
    queue: { messages: 20, jobs: 21, held: 1, bytesFree: 1e9, full: true, oldest: Date.now() - 90_061_000 },
    disk: { free: 10 * 1024 ** 3, total: 100 * 1024 ** 3 },
    cpu: 61,
    memory: 200 * 1024 ** 2,
    history: { state: 'running', reason: '', size: 52_428_800, limit: 1_073_741_824, lost: 3, oldest: null },
    security: [{ wanted: 'mta-sts', got: 'verified', connections: 17, messages: 40 }],
    dnssec: { state: 'validating', text: 'the resolver 127.0.0.1 validates DNSSEC' },
    collectors: [
      {
        name: 'siem',
        host: '192.0.2.9',
        port: 6514,
        protocol: 'tls',
        connected: false,
        buffered: 4096,
        dropped: 7,
        reason: '[Errno 111] Connection refused',
      },
    ],
  };
}

/** Three messages: one that waits, one for two recipients, one on hold. */
export function queueExample(): QueueRow[] {
  const now = Date.now();
  const row = {
    destination: 'example.net',
    sender: 'a@example.org',
    size: 5321,
    received: now - 7_200_500,
    attempts: 3,
    held: false,
  };
  return [
    {
      ...row,
      mid: 19,
      recipients: ['b@example.net'],
      next: now + 600_500,
      reason: '[Errno 111] Connection refused',
    },
    { ...row, mid: 20, recipients: ['c@example.net', 'd@example.net'], next: null, reason: '', sender: '' },
    { ...row, mid: 21, destination: 'example.edu', recipients: ['e@example.edu'], next: null, held: true, reason: '' },
  ];
}
