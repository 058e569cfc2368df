// POST /tls/preview and GET /tls/advice: answers of the documented form, from what was seen.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Check, Errors } from 'typebox/value';
import { tlsRoutes } from '../../../src/admin/api/routes/tls.ts';
import { type Advice, adviceSchema, type Preview, previewSchema } from '../../../src/admin/api/schemas/preview.ts';
import type { Actor } from '../../../src/admin/host.ts';
import { ensureDemoCertificate } from '../../../src/tls/certificates.ts';
import { clientFlight, dayLength, Population } from '../../preview/population.ts';
import { TestHost } from '../host.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-preview-api-'));
after(() => rmSync(directory, { recursive: true }));

const caller: Actor = { user: 'admin', role: 'administrator', face: 'API', address: '', flight: null, connected: 0 };

async function call<T>(host: TestHost, path: string, body: unknown): Promise<T> {
  const route = tlsRoutes.find((known) => known.path === path);
  assert.ok(route !== undefined);
  const handler = route.handler as (call: unknown) => Promise<{ readonly body: T }>;
  return (await handler({ host, caller, params: undefined, query: undefined, body })).body;
}

async function withHost(versions: string, use: (host: TestHost) => Promise<void>): Promise<void> {
  const demo = await ensureDemoCertificate(join(directory, 'demo'), 'gw.example.com');
  const initial = `hostname: gw.example.com
listeners: [{ name: inbound, address: 127.0.0.1, port: 2525 }]
tls: { inbound: { versions: [${versions}] } }
`;
  const host = await TestHost.open({ initial, demo });
  try {
    const today = Date.now() - (Date.now() % dayLength);
    const population = new Population(join(host.dataDirectory, 'ledger.db'));
    const tls12 = population.outcome('tls', { version: 0x0303, suite: 0xc02f });
    const both = population.hello(clientFlight({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }), today);
    const only12 = population.hello(clientFlight({ maxVersion: 'TLSv1.2' }), today);
    const bank = population.peer('inbound', '192.0.2.1', { name: 'mx.bank.example' });
    population.seen(bank, { hello: both, outcome: tls12, day: today - 34 * dayLength, messages: 5 });
    population.seen(bank, { hello: both, outcome: tls12, day: today, messages: 5 });
    const erp = population.peer('inbound', '192.0.2.2', { name: 'erp.example' });
    population.seen(erp, { hello: only12, outcome: tls12, day: today, messages: 7 });
    population.close();
    await use(host);
  } finally {
    host.remove();
  }
}

test('a patch that is not saved: who breaks, and the form that is documented', async () => {
  await withHost('TLSv1.2, TLSv1.3', async (host) => {
    const preview = await call<Preview>(host, '/tls/preview', {
      patch: { tls: { inbound: { versions: ['TLSv1.3'] } } },
    });
    assert.ok(Check(previewSchema, preview), JSON.stringify([...Errors(previewSchema, preview)].slice(0, 3)));
    assert.equal(preview.breaks, 1);
    assert.equal(preview.targets[0]?.groups[0]?.named[0]?.name, 'erp.example');
    assert.deepEqual(preview.targets[0]?.groups[0]?.remedy?.patch, {
      tls: { inbound: { versions: ['TLSv1.2', 'TLSv1.3'] } },
    });
    const nothing = await call<Preview>(host, '/tls/preview', {});
    assert.equal(nothing.breaks, 0);
    assert.equal(nothing.targets[0]?.changed, false);
  });
});

test('a patch that is no configuration is refused in the words of the configuration', async () => {
  await withHost('TLSv1.2, TLSv1.3', async (host) => {
    const patch = { tls: { inbound: { versions: ['TLSv1.0', 'TLSv1.2'] } } };
    await assert.rejects(call(host, '/tls/preview', { patch }), { code: 'bad-configuration' });
  });
});

test('advice: what nobody has needed can go, what somebody would use can come', async () => {
  await withHost('TLSv1.1, TLSv1.2', async (host) => {
    const advice = await call<Advice>(host, '/tls/advice', undefined);
    assert.ok(Check(adviceSchema, advice), JSON.stringify([...Errors(adviceSchema, advice)].slice(0, 3)));
    assert.deepEqual(
      advice.items.map(({ service, text, patch }) => ({ service, text, patch })),
      [
        {
          service: 'inbound',
          text: 'Nobody has needed TLS 1.1 for Inbound SMTP in 34 days.',
          patch: { tls: { inbound: { versions: ['TLSv1.2'] } } },
        },
        {
          service: 'inbound',
          text: '1 peer of Inbound SMTP would move to TLS 1.3 if it were on.',
          patch: { tls: { inbound: { versions: ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'] } } },
        },
      ],
    );
  });
});
