// The resolver against servers that lie, cut, stall and fail.
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import packet, { type Answer } from 'dns-packet';
import fc from 'fast-check';
import { askedServers } from '../../src/dns/exchange.ts';
import { decodeAnswer, encodeQuestion, isName, reverseName } from '../../src/dns/message.ts';
import { createResolver, type Resolver } from '../../src/dns/stub.ts';
import { parseHosts, parseResolvConf } from '../../src/dns/system.ts';
import { snapshotOf } from '../delivery/fixture.ts';

interface Question {
  readonly id: number;
  /** In small letters. */
  readonly name: string;
  /** As it came. */
  readonly sent?: string;
  readonly type: string;
  readonly edns: boolean;
}

type Reply = (question: Question, say: (bytes: Buffer) => void) => void;

/** A UDP server on the loopback (and TCP on the same port) that says what the test wants. */
class Server {
  readonly questions: Question[] = [];
  readonly #udp: Socket;
  readonly #tcp: net.Server;
  port = 0;

  constructor(reply: Reply, overTcp: Reply | null) {
    const asked = (bytes: Buffer): Question => {
      const query = packet.decode(bytes);
      const [question] = query.questions ?? [];
      const one = {
        id: query.id ?? 0,
        name: (question?.name ?? '').toLowerCase(),
        sent: question?.name ?? '',
        type: question?.type ?? '',
        edns: query.additionals?.some((record) => record.type === 'OPT') === true,
      };
      this.questions.push(one);
      return one;
    };
    this.#udp = createSocket('udp4', (bytes: Buffer, from: RemoteInfo) =>
      reply(asked(bytes), (answer) => this.#udp.send(answer, from.port, from.address)),
    );
    this.#tcp = net.createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes: Buffer) =>
        overTcp?.(asked(bytes.subarray(2)), (answer) => {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          // In two pieces, as TCP may.
          socket.write(Buffer.concat([length, answer.subarray(0, 5)]));
          setTimeout(() => socket.write(answer.subarray(5)), 5);
        }),
      );
    });
  }

  async listen(): Promise<void> {
    // TCP first: its port may be in use for UDP only by a rare chance, and the error says so.
    await new Promise<void>((resolve, reject) => this.#tcp.once('error', reject).listen(0, '127.0.0.1', resolve));
    const address = this.#tcp.address();
    this.port = address !== null && typeof address === 'object' ? address.port : 0;
    await new Promise<void>((resolve, reject) =>
      this.#udp.once('error', reject).bind(this.port, '127.0.0.1', () => resolve()),
    );
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
  }
}

function answerTo(
  question: Question,
  answers: Answer[],
  more: { flags?: number; rcode?: number; authorities?: Answer[]; name?: string; id?: number } = {},
): Buffer {
  return packet.encode({
    type: 'response',
    id: more.id ?? question.id,
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | (more.flags ?? 0) | (more.rcode ?? 0),
    questions: [{ type: question.type as 'A', name: more.name ?? question.sent ?? question.name }],
    answers,
    authorities: more.authorities ?? [],
  });
}

const a = (name: string, data: string, ttl = 60): Answer => ({ type: 'A', name, data, ttl });
const cname = (name: string, data: string): Answer => ({ type: 'CNAME', name, data, ttl: 60 });
const soa = (minimum: number): Answer => ({
  type: 'SOA',
  name: 'test',
  ttl: 3600,
  data: { mname: 'ns.test', rname: 'x.test', serial: 1, refresh: 1, retry: 1, expire: 1, minimum },
});

async function resolverOf(
  t: TestContext,
  reply: Reply,
  overTcp: Reply | null = null,
  others: readonly Reply[] = [],
): Promise<{ server: Server; resolver: Resolver }> {
  const servers = [new Server(reply, overTcp), ...others.map((one) => new Server(one, null))];
  for (const server of servers) {
    t.after(() => server.close());
    await server.listen();
  }
  const [server] = servers;
  assert.ok(server !== undefined);
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`);
  return { server, resolver: createResolver(snapshotOf({ dns: { servers: addresses }, timeouts: { dns: '1s' } })) };
}

const only4 =
  (reply: Reply): Reply =>
  (question, say) =>
    question.type === 'AAAA' ? say(answerTo(question, [], { authorities: [soa(60)] })) : reply(question, say);

test('forged answers are not heard: wrong ID, wrong name, wrong type, a question, garbage', async (t) => {
  const { resolver } = await resolverOf(
    t,
    only4((question, say) => {
      say(answerTo(question, [a(question.name, '192.0.2.66')], { id: (question.id + 1) % 65_536 }));
      say(answerTo(question, [a(question.name, '192.0.2.66')], { name: 'other.test' }));
      say(answerTo({ ...question, type: 'TXT' }, [a(question.name, '192.0.2.66')]));
      const query = answerTo(question, [a(question.name, '192.0.2.66')]);
      query[2] = (query[2] ?? 0) & 0x7f;
      say(query);
      say(Buffer.from('garbage that is no DNS message'));
      say(Buffer.alloc(12, 0xff));
      // A name that points to itself (RFC 1035 4.1.4).
      const loop = answerTo(question, []);
      loop[12] = 0xc0;
      loop[13] = 0x0c;
      say(loop);
      setTimeout(() => say(answerTo(question, [a(question.name, '192.0.2.1')])), 20);
    }),
  );
  assert.deepEqual((await resolver.addresses('host.test')).addresses, ['192.0.2.1']);
});

test('why there is no answer, in the words of the server (RFC 8914)', async (t) => {
  const { resolver } = await resolverOf(t, (question, say) =>
    say(
      packet.encode({
        type: 'response',
        id: question.id,
        flags: 2,
        questions: [{ type: question.type as 'A', name: question.sent ?? '' }],
        additionals: [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: 1232,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [{ code: 15, data: Buffer.from([0, 6, 0x78]) } as never],
          },
        ],
      }),
    ),
  );
  await assert.rejects(resolver.ask('_25._tcp.mx.test', 'TLSA'), {
    message: 'DNS Soft Error looking up _25._tcp.mx.test (TLSA):  SERVFAIL (DNSSEC Bogus)',
  });
});

test('names go out in capitals and small letters by chance; an answer without them is asked for again over TCP', async (t) => {
  const { server, resolver } = await resolverOf(
    t,
    only4((question, say) => say(answerTo(question, [a(question.name, '192.0.2.66')], { name: question.name }))),
    only4((question, say) => say(answerTo(question, [a(question.name, '192.0.2.1')]))),
  );
  const name = 'a-host-with-many-letters.test';
  assert.deepEqual((await resolver.addresses(name)).addresses, ['192.0.2.1']);
  const sent = server.questions.map((question) => question.sent ?? '');
  assert.ok(sent.every((one) => one.toLowerCase() === name));
  assert.ok(new Set(sent).size > 1 && sent.some((one) => one !== name && one !== name.toUpperCase()));
});

test('an answer from another port is not heard', async (t) => {
  const stranger = createSocket('udp4');
  t.after(() => stranger.close());
  let asker = 0;
  const udp = createSocket('udp4', (bytes, from) => {
    asker = from.port;
    const query = packet.decode(bytes);
    const type = query.questions?.[0]?.type ?? 'A';
    const sent = query.questions?.[0]?.name ?? '';
    const question = { id: query.id ?? 0, name: 'host.test', sent, type, edns: true };
    stranger.send(answerTo(question, [a('host.test', '192.0.2.66')]), from.port, from.address);
    setTimeout(
      () => udp.send(answerTo(question, type === 'A' ? [a('host.test', '192.0.2.1')] : []), from.port, from.address),
      20,
    );
  });
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  t.after(() => udp.close());
  const resolver = createResolver(snapshotOf({ dns: { servers: [`127.0.0.1:${udp.address().port}`] } }));
  assert.deepEqual((await resolver.addresses('host.test')).addresses, ['192.0.2.1']);
  assert.ok(asker > 0);
});

test('IDs and ports differ from question to question', async (t) => {
  const { server, resolver } = await resolverOf(
    t,
    only4((question, say) => say(answerTo(question, [a(question.name, '192.0.2.1')]))),
  );
  for (let i = 0; i < 20; i++) await resolver.addresses(`host${i}.test`);
  assert.ok(new Set(server.questions.map(({ id }) => id)).size > 30);
});

test('half an answer over TCP is none', async (t) => {
  const cut = only4((question, say) =>
    say(answerTo(question, [a(question.name, '192.0.2.1')], { flags: packet.TRUNCATED_RESPONSE })),
  );
  const { resolver } = await resolverOf(t, cut, cut);
  await assert.rejects(resolver.ask('cut.test', 'A'), /malformed answer/);
});

test('where a server is trusted, no other is asked: what the one refuses as bogus the other would hand out as unsigned', () => {
  const server = (address: string, trusted: boolean) => ({ address, port: 53, trusted });
  const [own, other] = [server('127.0.0.1', true), server('192.0.2.1', false)];
  assert.deepEqual(askedServers([other, own]), [own]);
  assert.deepEqual(askedServers([own]), [own]);
  assert.deepEqual(askedServers([other]), [other]);
});

test('truncated: the whole answer comes over TCP', async (t) => {
  const { resolver } = await resolverOf(
    t,
    only4((question, say) => say(answerTo(question, [], { flags: packet.TRUNCATED_RESPONSE }))),
    only4((question, say) => say(answerTo(question, [a(question.name, '192.0.2.1')]))),
  );
  assert.deepEqual((await resolver.addresses('host.test')).addresses, ['192.0.2.1']);
});

test('a server without EDNS0 is asked without it', async (t) => {
  const { server, resolver } = await resolverOf(
    t,
    only4((question, say) =>
      say(question.edns ? answerTo(question, [], { rcode: 1 }) : answerTo(question, [a(question.name, '192.0.2.1')])),
    ),
  );
  assert.deepEqual((await resolver.addresses('host.test')).addresses, ['192.0.2.1']);
  assert.ok(server.questions.some(({ edns }) => !edns));
});

test('SERVFAIL and silence: the next server; all of them: a temporary error, in time, remembered for a moment', async (t) => {
  const servfail: Reply = (question, say) => say(answerTo(question, [], { rcode: 2 }));
  const good = await resolverOf(t, servfail, null, [
    () => undefined,
    only4((question, say) => say(answerTo(question, [a(question.name, '192.0.2.1')]))),
  ]);
  assert.deepEqual((await good.resolver.addresses('host.test')).addresses, ['192.0.2.1']);

  const failing = await resolverOf(t, servfail);
  await assert.rejects(
    failing.resolver.mailHosts('host.test'),
    /DNS Soft Error looking up host\.test \(MX\): {2}SERVFAIL/,
  );
  const asked = failing.server.questions.length;
  await assert.rejects(failing.resolver.mailHosts('host.test'), /SERVFAIL/);
  assert.equal(failing.server.questions.length, asked);

  const silent = await resolverOf(t, () => undefined);
  const started = performance.now();
  await assert.rejects(
    silent.resolver.mailHosts('host.test'),
    /DNS Soft Error looking up host\.test \(MX\): {2}Timeout/,
  );
  const took = performance.now() - started;
  assert.ok(took > 800 && took < 1500, `${took} ms`);
  assert.ok(silent.server.questions.length >= 3);
});

test('a lost question is asked again', async (t) => {
  let count = 0;
  const { resolver } = await resolverOf(t, (question, say) => {
    if (++count > 1)
      say(
        answerTo(question, [
          { type: 'MX', name: question.name, ttl: 60, data: { preference: 1, exchange: 'mx.test' } },
        ]),
      );
  });
  assert.deepEqual((await resolver.mailHosts('host.test')).hosts, [{ name: 'mx.test', preference: 1 }]);
});

test('the cache: TTLs, negative answers by their SOA, none without; equal questions fly once', async (t) => {
  const { server, resolver } = await resolverOf(
    t,
    only4((question, say) => {
      if (question.name.startsWith('none')) say(answerTo(question, [], { rcode: 3, authorities: [soa(1)] }));
      else if (question.name.startsWith('nosoa')) say(answerTo(question, [], { rcode: 3 }));
      else setTimeout(() => say(answerTo(question, [a(question.name, '192.0.2.1', 1)])), 10);
    }),
  );
  const count = (name: string) => server.questions.filter((one) => one.name === name && one.type === 'A').length;
  await Promise.all(Array.from({ length: 10 }, () => resolver.addresses('host.test')));
  await resolver.addresses('HOST.test.');
  assert.equal(count('host.test'), 1);
  for (const name of ['none.test', 'nosoa.test']) {
    await assert.rejects(resolver.addresses(name), /NXDomain/);
    await assert.rejects(resolver.addresses(name), /NXDomain/);
  }
  assert.equal(count('none.test'), 1);
  assert.equal(count('nosoa.test'), 2);
  await sleep(1100);
  await resolver.addresses('host.test');
  await assert.rejects(resolver.addresses('none.test'), /NXDomain/);
  assert.equal(count('host.test'), 2);
  assert.equal(count('none.test'), 2);
});

test('CNAME chains: within an answer, across answers, in a circle, without end', async (t) => {
  const { server, resolver } = await resolverOf(
    t,
    only4((question, say) => {
      const { name } = question;
      if (name === 'one.test')
        say(
          answerTo(question, [
            cname('one.test', 'two.test'),
            cname('two.test', 'three.test'),
            a('three.test', '192.0.2.3'),
          ]),
        );
      else if (name === 'far.test') say(answerTo(question, [cname('far.test', 'end.test')]));
      else if (name === 'end.test') say(answerTo(question, [a('end.test', '192.0.2.4')]));
      else if (name === 'circle.test')
        say(answerTo(question, [cname('circle.test', 'round.test'), cname('round.test', 'circle.test')]));
      else if (name === 'stranger.test') say(answerTo(question, [a('other.test', '192.0.2.66')]));
      else say(answerTo(question, [cname(name, `x${name}`)]));
    }),
  );
  assert.deepEqual((await resolver.addresses('one.test')).addresses, ['192.0.2.3']);
  assert.deepEqual((await resolver.addresses('far.test')).addresses, ['192.0.2.4']);
  await assert.rejects(resolver.addresses('circle.test'), /CNAME chain too long/);
  await assert.rejects(resolver.addresses('stranger.test'), /NoData/);
  await assert.rejects(resolver.addresses('endless.test'), /CNAME chain too long/);
  assert.ok(server.questions.filter((one) => one.name.endsWith('endless.test')).length <= 8);
});

test('the AD bit counts only from a server that is trusted', async (t) => {
  const { resolver } = await resolverOf(
    t,
    only4((question, say) =>
      say(answerTo(question, [a(question.name, '192.0.2.1')], { flags: packet.AUTHENTIC_DATA })),
    ),
  );
  assert.equal((await resolver.ask('host.test', 'A')).secure, true);
  assert.deepEqual(
    parseResolvConf('nameserver 192.0.2.53\nnameserver ::1\n').map(({ trusted }) => trusted),
    [false, true],
  );
  assert.deepEqual(
    parseResolvConf('nameserver 192.0.2.53\noptions edns0 trust-ad\n').map(({ trusted }) => trusted),
    [true],
  );
  assert.deepEqual(
    parseResolvConf('# nothing\n').map(({ address }) => address),
    ['127.0.0.1'],
  );
});

test('MX: invalid host names are left out; only invalid ones are an error', async (t) => {
  const mx = (exchange: string): Answer => ({ type: 'MX', name: 'x.test', ttl: 60, data: { preference: 1, exchange } });
  const { resolver } = await resolverOf(t, (question, say) => {
    if (question.name === 'x.test')
      say(answerTo(question, [mx('bad name.test'), mx('good.test'), mx('a\u0007b.test')]));
    else say(answerTo(question, [{ ...mx('bad name.test'), name: question.name }]));
  });
  assert.deepEqual(
    (await resolver.mailHosts('x.test')).hosts.map(({ name }) => name),
    ['good.test'],
  );
  await assert.rejects(resolver.mailHosts('y.test'), /no valid host name/);
});

test('/etc/hosts goes before the DNS, and is read again when it changes', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-hosts-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const hosts = join(directory, 'hosts');
  writeFileSync(
    hosts,
    '# comment\n192.0.2.8 Mail.Inside mail # x\n2001:db8::8 mail.inside\nnonsense line\n127.0.0.1 gateway.inside localhost\n',
  );
  const resolver = createResolver(snapshotOf({ dns: { servers: ['127.0.0.1:1'] } }), { hosts });
  assert.deepEqual((await resolver.addresses('mail.inside')).addresses.toSorted(), ['192.0.2.8', '2001:db8::8']);
  assert.deepEqual((await resolver.addresses('mail')).addresses, ['192.0.2.8']);
  assert.deepEqual(resolver.reverse('127.0.0.1'), { name: 'gateway.inside', verified: true });
  assert.deepEqual(resolver.reverse('::1'), { name: 'localhost', verified: true });
  const without = createResolver(snapshotOf({ dns: { servers: ['127.0.0.1:1'] } }), {
    hosts: join(directory, 'missing'),
  });
  assert.deepEqual((await without.addresses('localhost')).addresses, ['127.0.0.1', '::1']);
  assert.equal(parseHosts('').byName.size, 0);
});

test('reverse names never reject, keep their time, and are known at once the second time', async (t) => {
  const { server, resolver } = await resolverOf(t, () => undefined);
  const quick = createResolver(
    snapshotOf({ dns: { servers: [`127.0.0.1:${server.port}`] }, timeouts: { dns: '1s', reverseLookup: '100ms' } }),
  );
  const started = performance.now();
  assert.deepEqual(await quick.reverse('192.0.2.1'), { name: null, verified: false });
  assert.ok(performance.now() - started < 500);
  assert.deepEqual(await resolver.reverse('2001:db8::1'), { name: null, verified: false });
  assert.deepEqual(resolver.reverse('2001:db8::1'), { name: null, verified: false });
});

test('a commit takes other servers', async (t) => {
  const one = await resolverOf(
    t,
    only4((question, say) => say(answerTo(question, [a(question.name, '192.0.2.1')]))),
  );
  const two = await resolverOf(
    t,
    only4((question, say) => say(answerTo(question, [a(question.name, '192.0.2.2')]))),
  );
  assert.deepEqual((await one.resolver.addresses('host.test')).addresses, ['192.0.2.1']);
  const prepared = one.resolver.prepare(snapshotOf({ dns: { servers: [`127.0.0.1:${two.server.port}`] } }));
  assert.deepEqual((await one.resolver.addresses('host.test')).addresses, ['192.0.2.1']);
  prepared.activate();
  assert.deepEqual((await one.resolver.addresses('host.test')).addresses, ['192.0.2.2']);
});

test('names that can be asked for', () => {
  for (const good of ['a', 'a.b', 'xn--bcher-kva.example', '_dmarc.example.com', 'a'.repeat(63), '1.2.3.4'])
    assert.ok(isName(good), good);
  for (const bad of ['', '.', 'a.', '.a', 'a..b', 'a b', 'a\u0000', 'ä', 'a'.repeat(64), `${'a.'.repeat(127)}a`, 'a/b'])
    assert.ok(!isName(bad), bad);
});

test('reverse names of addresses', () => {
  assert.equal(reverseName('192.0.2.1'), '1.2.0.192.in-addr.arpa');
  const expanded = '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa';
  for (const spelling of ['2001:db8::1', '2001:0DB8:0:0:0:0:0:1'.toLowerCase(), '2001:db8::0.0.0.1'])
    assert.equal(reverseName(spelling), expanded);
});

test('whatever comes as an answer: never an exception, never an answer to something else', () => {
  const question = encodeQuestion(7, 'host.test', 'A', true);
  const real = answerTo({ id: 7, name: 'host.test', type: 'A', edns: true }, [
    a('host.test', '192.0.2.1'),
    cname('x.test', 'host.test'),
  ]);
  assert.ok(decodeAnswer(real, 7, 'host.test', 'A') !== null);
  assert.equal(decodeAnswer(question, 7, 'host.test', 'A'), null);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.nat(real.length),
      (edits, length) => {
        const bytes = Buffer.from(real.subarray(0, length));
        for (const [at, value] of edits) if (at < length) bytes[at] = value;
        const answer = decodeAnswer(bytes, 7, 'host.test', 'A');
        if (answer !== null) assert.equal(bytes.readUInt16BE(0), 7);
      },
    ),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      (bytes) => decodeAnswer(Buffer.from(bytes), 7, 'host.test', 'A') === null,
    ),
  );
});
