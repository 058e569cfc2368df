// The audit trail of a candidate: one entry a change, the same through every face but for the face.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clearCandidate,
  editCandidate,
  importCandidate,
  rollbackCandidate,
} from '../../src/admin/commands/candidate.ts';
import { changeQueue } from '../../src/admin/commands/delivery.ts';
import { withService } from '../../src/admin/commands/sslconfig.ts';
import type { Actor } from '../../src/admin/host.ts';
import { audit, auditOnly } from '../../src/ledger/events.ts';
import { queueExample, TestHost } from './host.ts';

const actor: Actor = {
  user: 'admin',
  role: 'administrator',
  face: 'API',
  address: '192.0.2.7',
  flight: null,
  connected: 0,
};

test('what changes a candidate is recorded in words; what changes nothing, or is refused, is not', async (t) => {
  const host = await TestHost.open({ initial: '' });
  t.after(() => host.remove());
  const entries: string[][] = [];
  host.log.record = (event, ...values) => {
    if (event.name === audit.name || event.name === auditOnly.name) entries.push(values.map(String));
  };
  let told = 0;
  const stop = host.config.watch(() => told++);
  const tls = { versions: ['TLSv1.2'], ciphers: host.config.committed().config.tls.gui.ciphers } as const;
  await editCandidate(host, actor, (config) => withService(config, 'gui', tls));
  await editCandidate(host, { ...actor, face: 'shell', address: '' }, (config) => ({
    ...config,
    accept: ['example.com'],
  }));
  await editCandidate(host, actor, (config) => config);
  await assert.rejects(editCandidate(host, actor, (config) => ({ ...config, hostname: '' })));
  await importCandidate(host, actor, 'accept: [example.com]\n');
  await clearCandidate(host, actor);
  await clearCandidate(host, actor);
  await rollbackCandidate(host, actor, 1);
  host.rows = queueExample();
  await changeQueue(host, 'hold', { mids: [19, 20] }, actor);
  const by = ['admin', 'administrator', '192.0.2.7', 'API'];
  assert.deepEqual(entries, [
    [...by, 'edit', 'tls.gui.versions: TLSv1.2, TLSv1.3 -> TLSv1.2'],
    ['admin', 'administrator', '', 'shell', 'edit', 'accept: added example.com'],
    [...by, 'import', 'tls.gui.versions: TLSv1.2 -> TLSv1.2, TLSv1.3'],
    [...by, 'clear', 'accept: removed example.com'],
    [...by, 'hold', 'messages 19, 20'],
  ]);
  assert.ok(told >= 5, String(told));
  stop();
  const before = told;
  await clearCandidate(host, actor);
  assert.equal(told, before);
});
