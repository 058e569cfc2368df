// What goes on by itself after a commit, where things happen at the same moment or fail: taking back, taking over, watching.
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { AdminHistory, AdminQueue } from '../../src/admin/host.ts';
import type { Snapshot } from '../../src/config/snapshot.ts';
import { ConfigStore } from '../../src/config/store.ts';
import { CommitWatch } from '../../src/gateway/commit-watch.ts';
import { Confirmations, takeBackAtStart } from '../../src/gateway/confirmations.ts';
import { Reminders } from '../../src/gateway/reminders.ts';
import { takeOver } from '../../src/gateway/take-over.ts';
import type { EventSink } from '../../src/ledger/events.ts';
import type { FailureRow } from '../../src/ledger/protocol.ts';
import type { PreviewReport } from '../../src/preview/report.ts';
import { demo, ecdsa, makeCertificate, recorder, temporaryDirectory } from '../config/directory.ts';

function textLog(): { readonly log: EventSink; readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, log: { record: (event, ...values) => void lines.push(event.text(...values)) } };
}

async function until(holds: () => boolean): Promise<void> {
  for (let count = 0; count < 10_000; count++) {
    if (holds()) return;
    await turn();
  }
  throw new Error('it did not come to it');
}

/** Revision 2 has another certificate and was to be confirmed by now. */
async function overdue(t: TestContext) {
  const directory = temporaryDirectory(t);
  const { cert } = makeCertificate(directory, 'mx', ecdsa);
  const initial =
    'certificates: [{name: mx, cert: mx.crt, key: mx.key}]\nlisteners: [{name: a, port: 25, certificate: mx}]\n';
  const store = await ConfigStore.open(directory, { initial, demo });
  await store.snapshot();
  await store.edit('anna', (config) => ({ ...config, certificates: [], listeners: [] }));
  await store.commit('anna', '', recorder(), { confirmWithin: () => 1 });
  await until(() => (store.waiting()?.until ?? 0) < Date.now());
  return { store, cert };
}

test('a gateway starts although what was not confirmed cannot be taken back, and tries again', async (t) => {
  const { store, cert } = await overdue(t);
  renameSync(cert, `${cert}.away`);
  assert.equal(await takeBackAtStart(store), null);
  assert.equal((await store.snapshot()).revision, 2);

  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, lines } = textLog();
  const confirmations = new Confirmations(store, recorder(), log);
  t.after(() => confirmations.stop());
  t.mock.timers.tick(0);
  await until(() => lines.length > 0);
  assert.match(lines[0] ?? '', /^revision 2 cannot be taken back yet: .*cannot read .*mx\.crt/);
  t.mock.timers.tick(10_000);
  await store.snapshot(); // behind the second try
  assert.equal(lines.length, 1, 'the same obstacle is told once');
  renameSync(`${cert}.away`, cert);
  await turn();
  t.mock.timers.tick(10_000);
  await until(() => store.committed().number === 3);
  await until(() => lines.length > 1);
  assert.equal(lines[1], 'revision 2: not confirmed in time; revision 3 has the former settings');
});

test('what is confirmed at the last moment is not told as taken back', async (t) => {
  const { store } = await overdue(t);
  const { log, lines } = textLog();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const confirmations = new Confirmations(store, recorder(), log);
  t.after(() => confirmations.stop());
  const confirmed = store.confirm();
  assert.ok(store.waiting() !== null, 'it still waits when its time is over');
  t.mock.timers.tick(0);
  await confirmed;
  await store.snapshot(); // behind the taking back
  await turn();
  assert.deepEqual(lines, []);
  assert.equal(store.committed().number, 2);
});

test('nothing is tried again after the end', async (t) => {
  const { store } = await overdue(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log } = textLog();
  const gate = Promise.withResolvers<void>();
  const apply = recorder({ prepare: () => gate.promise });
  const confirmations = new Confirmations(store, apply, log);
  t.mock.timers.tick(0);
  await until(() => apply.steps.length > 0);
  confirmations.stop();
  gate.reject(new Error('not now'));
  await store.snapshot();
  await turn();
  t.mock.timers.tick(10_000);
  await store.snapshot();
  assert.deepEqual(apply.steps, ['prepare 3', 'abandon 3']);
});

test('an exception that ends is no changed file; wrong files do not keep the reminders from looking', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'list'), 'a@example.com\n');
  const day = 24 * 3600 * 1000;
  const expires = new Date(Date.now() + day).toISOString().slice(0, 10);
  const initial = `recipients: { file: list }
exceptions: [{ peer: 10.0.0.0/8, service: inbound, versions: [TLSv1.1], owner: A, reason: B, expires: ${expires} }]
`;
  let ahead = 0;
  const store = await ConfigStore.open(directory, { initial, demo, now: () => Date.now() + ahead });
  await store.snapshot();
  const { log, lines } = textLog();
  const told: string[] = [];
  const reminders = new Reminders(directory, (text) => told.push(text));
  const parts = { store, apply: recorder(), reminders, log };
  ahead = 2 * day;
  await takeOver(parts);
  assert.deepEqual(store.current().exceptions, []);
  assert.deepEqual(lines, []);

  const second = new Reminders(directory, (text) => told.push(text));
  told.length = 0;
  writeFileSync(join(directory, 'list'), 'not an address\n');
  await assert.rejects(takeOver({ ...parts, reminders: second }), /recipients\.file/);
  assert.match(told.join('\n'), /Exception ends soon: TLSv1\.1/);
  writeFileSync(join(directory, 'list'), 'b@example.com\n');
  await takeOver(parts);
  assert.deepEqual(lines, ['changed files (certificates, recipients, authorities) were taken over']);
});

/** A watch over failures that the test says. */
function watch(preview: () => Promise<PreviewReport>) {
  const { log, lines } = textLog();
  const failed: FailureRow[] = [];
  const history = {
    series: async () => ({ values: { incomingTlsFailed: [], outgoingTlsFailed: [] } }),
    failures: async () => ({ items: failed.map((row) => ({ ...row, last: Date.now() })) }),
  } as unknown as AdminHistory;
  const queue = { notify: async () => undefined } as unknown as AdminQueue;
  return { lines, failed, watch: new CommitWatch({ history, queue, log, preview }) };
}

const failure = (count: number) =>
  ({ direction: 'incoming', peer: '192.0.2.1', name: null, detail: 'x', count }) as FailureRow;

const foretold = (address: string) =>
  ({
    targets: [{ groups: [{ change: 'breaks', named: [{ address }] }] }],
    outgoing: { named: [] },
  }) as unknown as PreviewReport;

async function revisions(t: TestContext): Promise<readonly [Snapshot, Snapshot, Snapshot]> {
  const store = await ConfigStore.open(temporaryDirectory(t), { demo });
  const first = await store.snapshot();
  const { inbound } = first.tls;
  const versions = (...names: readonly ('TLSv1.1' | 'TLSv1.2' | 'TLSv1.3')[]) => ({
    ...first,
    tls: { ...first.tls, inbound: { ...inbound, versions: names } },
  });
  return [first, { ...versions('TLSv1.3'), revision: 2 }, { ...versions('TLSv1.1', 'TLSv1.2'), revision: 3 }];
}

test('of two quick commits the second is watched, whichever forecast is ready first', async (t) => {
  const [first, second, third] = await revisions(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const slow = Promise.withResolvers<PreviewReport>();
  const forecasts = [slow.promise, Promise.resolve(foretold('192.0.2.9'))];
  const { watch: watched, lines, failed } = watch(() => forecasts.shift() ?? Promise.reject(new Error('no more')));
  t.after(() => watched.stop());
  const begun = [watched.begin(first, second), watched.begin(second, third)];
  await begun[1];
  slow.resolve(foretold('192.0.2.1'));
  await begun[0];
  failed.push(failure(9));
  t.mock.timers.tick(60_000);
  await until(() => lines.length > 0);
  assert.match(lines[0] ?? '', /^Alert: TLS failures that nobody foretold since revision 3: 9 incoming/);
});

test('without a forecast there is no watch, and that is said; a watch that was stopped does not go on', async (t) => {
  const [first, second] = await revisions(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const broken = watch(() => Promise.reject(new Error('no thread')));
  await broken.watch.begin(first, second);
  assert.deepEqual(broken.lines, ['what follows revision 2 is not watched: no thread']);
  broken.failed.push(failure(9));
  t.mock.timers.tick(60_000);
  for (let count = 0; count < 20; count++) await turn();
  assert.equal(broken.lines.length, 1);

  const forecast = Promise.withResolvers<PreviewReport>();
  const stopped = watch(() => forecast.promise);
  const begun = stopped.watch.begin(first, second);
  await turn();
  stopped.watch.stop();
  forecast.resolve(foretold('192.0.2.9'));
  await begun;
  stopped.failed.push(failure(9));
  t.mock.timers.tick(60_000);
  for (let count = 0; count < 20; count++) await turn();
  assert.deepEqual(stopped.lines, []);
});
