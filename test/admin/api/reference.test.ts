// The reference's read paths, as integrations call them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../gateway/harness.ts';
import { startApi } from './gateway.ts';

const base = '/esa/api/v2.0';
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const span = () => {
  const at = (offset: number) => new Date(Date.now() + offset).toISOString();
  return `startDate=${at(-3_600_000)}&endDate=${at(3_600_000)}`;
};

test('logon, summary, tracking; Basic and tokens; all else is 404 with a clear word', {
  timeout: 180_000,
}, async (t) => {
  const smtp = await freePort();
  const config = `hostname: gw.example.com
listeners: [{ name: inbound, address: 127.0.0.1, port: ${smtp} }]
accept: [example.com]
routes: [{ domain: example.com, to: ["127.0.0.1:${await freePort()}"] }]
`;
  const api = await startApi(t, { config });
  const { ask } = api;
  const mail = [
    '--server',
    `127.0.0.1:${smtp}`,
    '--from',
    'a@example.org',
    '--to',
    'b@example.com',
    '-tls',
    '--header',
    'Subject: hello there',
  ];
  const sent = spawnSync('swaks', mail, { encoding: 'utf8' });
  assert.equal(sent.status, 0, sent.stdout + sent.stderr);

  const logIn = (name: string, password: string) =>
    ask('POST', `${base}/login`, {
      as: null,
      body: { data: { userName: base64(name), passphrase: base64(password) } },
    });
  const wrong = await logIn('auditor', 'wrong');
  assert.deepEqual([wrong.status, wrong.json.error.code, wrong.json.code], [401, '401', 'unauthorized']);
  const { status, json } = await logIn('auditor', api.password('auditor'));
  assert.equal(status, 200);
  assert.deepEqual([json.data.userName, json.data.role], ['auditor', 'Read-Only Operator']);
  const jwt = { jwttoken: String(json.data.jwtToken) };

  const get = (path: string, headers: Readonly<Record<string, string>>) =>
    ask('GET', `${base}${path}`, { as: null, headers });
  for (let waited = 0; ; waited++) {
    const found = await get(
      `/message-tracking/messages?${span()}&ciscoHost=All_Hosts&searchOption=messages&offset=0&limit=20`,
      jwt,
    );
    assert.equal(found.status, 200, found.text);
    if (found.json.meta.totalCount === 0 && waited < 600) {
      await sleep(50);
      continue;
    }
    assert.deepEqual(found.json.meta, { num_bad_records: 0, totalCount: 1 });
    const { attributes } = found.json.data[0];
    assert.deepEqual(
      [
        attributes.sender,
        attributes.recipient,
        attributes.subject,
        attributes.hostName,
        attributes.senderIp,
        attributes.direction,
      ],
      ['a@example.org', ['b@example.com'], 'hello there', 'gw.example.com', '127.0.0.1', 'incoming'],
    );
    assert.match(attributes.timestamp, /^\d\d \w{3} \d{4} \d\d:\d\d:\d\d \(GMT \+00:00\)$/);
    assert.equal(attributes.messageStatus[attributes.mid[0]], 'Queued for Delivery');
    break;
  }
  const counts = async (filter: string) =>
    (await get(`/message-tracking/messages?${span()}&${filter}`, jwt)).json.meta.totalCount;
  assert.equal(await counts('envelopeSenderfilterOperator=contains&envelopeSenderfilterValue=@EXAMPLE.org'), 1);
  assert.equal(await counts('subjectfilterOperator=begins_with&subjectfilterValue=there'), 0);
  assert.equal(await counts('deliveryStatus=DELIVERED'), 0);
  assert.equal(await counts('offset=1'), 0);
  const summary = await get(`/reporting/mail_security_summary?${span()}&device_type=esa`, jwt);
  assert.equal(summary.json.data.type, 'mail_security_summary');
  const one = await get(`/reporting/mail_security_summary/received_conn_total?${span()}`, jwt);
  assert.equal(one.json.data.type, 'received_conn_total');
  assert.ok(one.json.data.resultSet.received_conn_total >= 0);

  const basic = { authorization: `Basic ${base64(`auditor:${api.password('auditor')}`)}` };
  assert.equal((await get(`/reporting/mail_security_summary?${span()}`, basic)).status, 200);
  assert.equal((await get(`/reporting/mail_security_summary?${span()}`, basic)).status, 200);
  const bearer = { authorization: `Bearer ${api.token('operator')}` };
  assert.equal((await get(`/reporting/mail_security_summary?${span()}`, bearer)).status, 200);
  for (const headers of [
    {},
    { jwttoken: 'x' },
    { authorization: `Basic ${base64('auditor:wrong')}` },
    { authorization: 'Basic ::' },
  ]) {
    assert.equal(
      (await get(`/reporting/mail_security_summary?${span()}`, headers)).status,
      401,
      JSON.stringify(headers),
    );
  }
  for (const query of [
    '',
    'startDate=x&endDate=y',
    'startDate=2026-11-25T00:00:00Z&endDate=2026-11-24T00:00:00Z',
    `${span()}&limit=x`,
    `${span()}&sender=a`,
  ]) {
    const answer = await get(`/message-tracking/messages?${query}`, jwt);
    assert.equal(answer.status, 400, query);
    assert.ok(answer.json.error.message.length > 5);
  }
  for (const [method, path] of [
    ['GET', '/config/logs/subscriptions'],
    ['POST', '/quarantine/messages'],
    ['GET', '/reporting/mail_dlp'],
    ['GET', '/login'],
  ] as const) {
    const answer = await ask(method, `${base}${path}`, { as: null });
    assert.equal(answer.status, 404, path);
    assert.match(answer.json.error.explanation, /message-tracking\/messages/);
  }
  const trail = await ask('GET', '/audit?user=auditor&action=logon');
  assert.ok(
    trail.json.items.some((entry: { face: string }) => entry.face === 'API'),
    trail.text,
  );
});
