// The event stream: counters, log lines with a filter, the state of the configuration; through commits of the GUI's own settings.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import {
  configurationEventSchema,
  logEventSchema,
  overviewEventSchema,
} from '../../../src/admin/api/schemas/events.ts';
import { type ApiGateway, startApi } from './gateway.ts';

interface Event {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what it is, each test says by what it looks at
  readonly data: any;
}

class Listening {
  readonly events: Event[] = [];
  ended = false;
  #wake: (() => void) | null = null;

  constructor(response: IncomingMessage) {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const frames = (text + chunk).split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const event = /^event: (.*)$/m.exec(frame)?.[1];
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        if (event !== undefined && data !== undefined) this.events.push({ event, data: JSON.parse(data) });
      }
      this.#wake?.();
    });
    response.on('close', () => {
      this.ended = true;
      this.#wake?.();
    });
  }

  /** The first event that fits, now or later. */
  async wait(what: string, fits: (event: Event) => boolean): Promise<Event> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const found = this.events.find(fits);
      if (found !== undefined) return found;
      assert.ok(
        !this.ended && Date.now() < deadline,
        `${what}: never came; ${JSON.stringify(this.events).slice(0, 2000)}`,
      );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

async function listen(t: TestContext, api: ApiGateway, query: string): Promise<Listening> {
  const sent = request({
    host: '127.0.0.1',
    port: api.port,
    path: `/api/v1/events?${query}`,
    headers: { authorization: `Bearer ${api.token('auditor')}` },
    rejectUnauthorized: false,
    agent: false,
  });
  t.after(() => sent.destroy());
  sent.on('error', () => undefined); // its end is what the test sees
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  assert.match(String(response.headers['content-type']), /^text\/event-stream/);
  return new Listening(response);
}

test('topics, a filter, and no interruption by commits of the very settings of this connection', {
  timeout: 240_000,
}, async (t) => {
  const api = await startApi(t);
  const { ask } = api;
  const all = await listen(t, api, 'topics=overview,configuration,system-log&filter=commit+CHANGES');
  const first = await all.wait('the state of the configuration', ({ event }) => event === 'configuration');
  assert.ok(Check(configurationEventSchema, first.data), JSON.stringify(first.data));
  assert.deepEqual([first.data.revision, first.data.pending, first.data.others], [1, 0, []]);
  const overview = await all.wait('counters', ({ event }) => event === 'overview');
  assert.ok(Check(overviewEventSchema, overview.data), JSON.stringify(overview.data));

  await ask('PATCH', '/configuration/candidate', { body: { accept: ['example.com'] } });
  await all.wait(
    'somebody changes something',
    ({ event, data }) => event === 'configuration' && data.others.includes('anna'),
  );
  for (const versions of [['TLSv1.3'], ['TLSv1.2', 'TLSv1.3'], ['TLSv1.1', 'TLSv1.2', 'TLSv1.3']]) {
    await ask('PATCH', '/configuration/candidate', { body: { tls: { gui: { versions } } } });
    const committed = await ask('POST', '/configuration/commit', { body: { comment: `now ${versions.join()}` } });
    assert.equal(committed.status, 200, committed.text);
  }
  await all.wait('the last revision', ({ event, data }) => event === 'configuration' && data.revision === 4);
  const line = await all.wait(
    'the line of a commit',
    ({ event, data }) => event === 'log' && /now TLSv1\.1/.test(data.lines.join()),
  );
  assert.ok(Check(logEventSchema, line.data));
  const lines = all.events.filter(({ event }) => event === 'log').flatMap(({ data }) => data.lines as string[]);
  assert.ok(
    lines.every((text) => /commit changes/i.test(text)),
    lines.join('\n'),
  );
  const counted = all.events.filter(({ event }) => event === 'overview').length;
  await all.wait('counters after the commits', ({ event, data }) => event === 'overview' && data.revision === 4);
  assert.ok(counted >= 1 && !all.ended);

  const again = await listen(t, api, 'topics=system-log&filter=commit+changes&lines=2');
  const last = await again.wait('the last lines', ({ event }) => event === 'log');
  assert.equal(last.data.lines.length, 2);
  assert.match(last.data.lines[1], /now TLSv1\.1/);
  const wrong = await ask('GET', '/events?topics=nothing');
  assert.deepEqual([wrong.status, wrong.json.pointer], [400, '?topics']);
  // Whoever may not log on any more hears nothing more.
  assert.equal((await ask('PATCH', '/users/auditor', { body: { disabled: true } })).status, 200);
  await all.wait('the end', ({ event }) => event === 'end');
});
