// Every operation of openapi.json, with everything that is wrong: never an error of ours, never a change without the right.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ApiAnswer, type ApiAsk, type ApiGateway, type RoleName, startApi } from './gateway.ts';

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly access: string;
  readonly large: boolean;
  readonly consumes: readonly string[];
  readonly stream: boolean;
  readonly body: Schema | null;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
}

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
}

async function operationsOf({ ask }: ApiGateway): Promise<readonly Operation[]> {
  const { json } = await ask('GET', '/openapi.json', { as: null });
  return Object.entries(json.paths as Record<string, Record<string, Record<string, unknown>>>).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): Operation => {
      const content =
        (operation['requestBody'] as { content?: Record<string, { schema: Schema }> } | undefined)?.content ?? {};
      const responses = operation['responses'] as Record<string, { content?: object }>;
      return {
        method: method.toUpperCase(),
        path,
        access: String(operation['x-access']),
        large: operation['x-large'] === true,
        consumes: Object.keys(content),
        stream: Object.keys(responses['200']?.content ?? {}).includes('text/event-stream'),
        body: Object.values(content)[0]?.schema ?? null,
        parameters: (operation['parameters'] ?? []) as Operation['parameters'],
      };
    }),
  );
}

/** A path with something in the place of each parameter. */
function filled(path: string, value = 'nothing'): string {
  return path.replaceAll(/\{\w+\}/g, encodeURIComponent(value));
}

/** All that could have been changed. */
async function stateOf({ ask }: ApiGateway): Promise<unknown> {
  const look = async (path: string) => {
    const { status, json } = await ask('GET', path);
    assert.equal(status, 200, path);
    return json;
  };
  const [configuration, candidate, users, tokens, queue, certificates] = await Promise.all(
    ['/configuration', '/configuration/candidate', '/users', '/tokens', '/queue', '/certificates'].map(look),
  );
  const stable = (list: { items: Record<string, unknown>[] }) =>
    list.items.map(({ lastUsed, lastLogon, lastAddress, sessions, ...rest }) => rest);
  return { configuration, candidate, users: stable(users), tokens: stable(tokens), queue: queue.total, certificates };
}

/** A body of the form, as far as its schema tells. */
function plausible(schema: Schema | undefined): unknown {
  if (schema === undefined) return null;
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.anyOf !== undefined) return plausible(schema.anyOf[0]);
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, own]) => [name, plausible(own)]));
    case 'array':
      return [plausible(schema.items)];
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    default:
      return 'text';
  }
}

const wrongValue = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    -1,
    1.5,
    1e308,
    '',
    '\u0000',
    'x'.repeat(5000),
    [],
    {},
    [[]],
    '../../etc/passwd',
    '%00',
    "'; DROP TABLE job; --",
  ),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.toWellFormed()),
  fc.json().map((text) => JSON.parse(text) as unknown),
);

/** Bodies with one value, or everything, of another type; keys too many; keys missing. */
function wrongBodies(schema: Schema | null): fc.Arbitrary<unknown> {
  const whole = plausible(schema ?? undefined);
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) return wrongValue;
  const names = Object.keys(whole);
  const mutated = fc.tuple(fc.constantFrom('', ...names), wrongValue, fc.boolean()).map(([name, value, drop]) => {
    const copy: Record<string, unknown> = { ...whole };
    if (name === '') copy['unknown key'] = value;
    else if (drop) delete copy[name];
    else copy[name] = value;
    return copy;
  });
  return fc.oneof(
    mutated,
    wrongValue,
    fc.constantFrom<unknown>({ constructor: { prototype: { x: 1 } } }, { toString: 1 }),
  );
}

/** Operations that would end what the test itself needs. */
function harmful({ method, path }: Operation): boolean {
  return path === '/logout' || (method !== 'GET' && path.startsWith('/session'));
}

function fine(answer: ApiAnswer, what: string): void {
  assert.ok(answer.status < 500, `${what}: ${answer.status} ${answer.text.slice(0, 300)}`);
  if (answer.status >= 400) {
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/, what);
    assert.equal(answer.json.status, answer.status, what);
    assert.ok(typeof answer.json.code === 'string' && answer.json.detail.length > 0, what);
  }
}

test('nobody, and whoever has no right, changes nothing', async (t) => {
  const api = await startApi(t);
  const operations = await operationsOf(api);
  assert.ok(operations.length > 40, String(operations.length));
  const before = await stateOf(api);
  const session = await api.logOn('administrator');
  const rights: Readonly<Record<string, readonly RoleName[]>> = {
    read: ['administrator', 'operator', 'auditor'],
    operate: ['administrator', 'operator'],
    administer: ['administrator'],
    users: ['administrator'],
  };
  for (const operation of operations) {
    const { method, path, access, body, consumes } = operation;
    const send = body === null ? {} : { body: JSON.stringify(plausible(body)) };
    const type: Record<string, string> = consumes[0] === undefined ? {} : { 'content-type': consumes[0] };
    const url = filled(path);
    if (access !== 'public') {
      const answer = await api.ask(method, url, { as: null, headers: type, ...send });
      assert.equal(answer.status, 401, `${method} ${path} as nobody: ${answer.text}`);
      for (const authorization of ['Bearer x', 'Bearer postern_x', 'Basic YTpi', 'Negotiate x', '']) {
        const wrong = await api.ask(method, url, { as: null, headers: { ...type, authorization }, ...send });
        assert.equal(wrong.status, 401, `${method} ${path} with ${authorization}`);
      }
    }
    const allowed = rights[access];
    for (const role of ['operator', 'auditor'] as const) {
      if (allowed === undefined || allowed.includes(role)) continue;
      const answer = await api.ask(method, url, { as: role, headers: type, ...send });
      assert.deepEqual([answer.status, answer.json.code], [403, 'forbidden'], `${method} ${path} as ${role}`);
    }
    if (method === 'GET' || access === 'public') continue;
    const foreign: readonly Readonly<Record<string, string>>[] = [
      { cookie: session.cookie },
      { cookie: session.cookie, origin: api.origin },
      { cookie: session.cookie, 'x-csrf-token': session.csrf },
      { cookie: session.cookie, origin: api.origin, 'x-csrf-token': 'x' },
      { cookie: session.cookie, origin: 'https://evil.example', 'x-csrf-token': session.csrf },
      { cookie: session.cookie, origin: `https://127.0.0.1:${api.port + 1}`, 'x-csrf-token': session.csrf },
      { cookie: session.cookie, origin: api.origin.replace('https', 'http'), 'x-csrf-token': session.csrf },
      { cookie: session.cookie, origin: 'null', 'x-csrf-token': session.csrf },
    ];
    for (const headers of foreign) {
      const answer = await api.ask(method, url, { as: null, headers: { ...type, ...headers }, ...send });
      assert.deepEqual(
        [answer.status, answer.json.code],
        [403, 'csrf'],
        `${method} ${path} ${JSON.stringify(headers)}`,
      );
    }
  }
  assert.deepEqual(await stateOf(api), before);
});

test('wrong types, content types, sizes, methods: an answer in its form, never an error of ours', async (t) => {
  const api = await startApi(t);
  const operations = (await operationsOf(api)).filter((operation) => !harmful(operation));
  const { cookie, csrf } = await api.logOn('administrator');
  const session = { cookie, 'x-csrf-token': csrf, origin: api.origin };
  const ask = (method: string, path: string, { headers = {}, body }: ApiAsk = {}) =>
    api.ask(method, path, { as: null, headers: { ...session, ...headers }, ...(body === undefined ? {} : { body }) });
  for (const operation of operations) {
    const { method, path, body, consumes, large, stream, parameters } = operation;
    if (stream) continue;
    const what = `${method} ${path}`;
    // What an operation before this one left pending is not for the next one to commit: it may have other ports.
    assert.equal((await ask('DELETE', '/configuration/candidate')).status, 204);
    const json = consumes.find((type) => type.endsWith('json'));
    if (body !== null && json !== undefined) {
      const headers = { 'content-type': json };
      await fc.assert(
        fc.asyncProperty(wrongBodies(body), async (value) => {
          fine(await ask(method, filled(path), { headers, body: JSON.stringify(value) }), what);
        }),
        { numRuns: 12 },
      );
      for (const text of ['', '{', '[1,', '\u0000', '{"__proto__":{"x":1}}', `${'['.repeat(5000)}`, '"\ud800"']) {
        fine(await ask(method, filled(path), { headers, body: text }), what);
      }
    }
    if (body !== null) {
      for (const type of [
        'text/html',
        'application/xml',
        'multipart/form-data; boundary=x',
        'application/json; charset=utf-7',
        'x',
        '',
      ]) {
        const answer = await ask(method, filled(path), { headers: { 'content-type': type }, body: 'x' });
        fine(answer, `${what} as ${type}`);
        assert.ok(answer.status >= 400, `${what} as ${type}`);
      }
      const size = (large ? 8 : 1) * 1024 * 1024 + 1;
      const type = consumes[0] ?? 'application/json';
      const answer = await ask(method, filled(path), {
        headers: { 'content-type': type },
        body: `"${'x'.repeat(size)}"`,
      });
      assert.equal(answer.status, 413, `${what}: ${answer.text.slice(0, 200)}`);
      fine(answer, what);
    }
    for (const value of ['%00', '..%2f..%2fetc%2fpasswd', '-1', '1e309', '%F0%9F%92%A9', 'x'.repeat(300), '%']) {
      if (path.includes('{') && method === 'GET') {
        const answer = await ask(method, path.replaceAll(/\{\w+\}/g, value));
        assert.ok(answer.status >= 400 && answer.status < 500, `${what} with ${value}: ${answer.status}`);
      }
    }
    for (const { name, in: place } of method === 'GET' ? parameters : []) {
      if (place !== 'query') continue;
      for (const value of ['', 'x', '-1', '1e400', '%00', 'a&'.concat(name, '=b'), 'x'.repeat(3000), '[]', '%ff']) {
        fine(await ask(method, `${filled(path, '1')}?${name}=${value}`), `${what}?${name}=${value.slice(0, 20)}`);
      }
    }
    if (method === 'GET') {
      const unknown = await ask('GET', `${filled(path, '1')}?there-is-no-such-parameter=1`);
      fine(unknown, `${what} with an unknown parameter`);
    }
  }
  for (const method of ['TRACE', 'OPTIONS', 'PROPFIND', 'PUT', 'DELETE', 'PATCH', 'LOCK']) {
    for (const path of ['/api/v1', '/configuration', '/queue', '/nothing', '/configuration/commit/x']) {
      const answer = await ask(method, path);
      assert.ok([400, 404, 405, 501].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
  }
  assert.equal((await ask('GET', '/status')).json.state, 'online');
});
