// A man in the middle, from end to end: he strips STARTTLS, shows a certificate of his own, or answers for TLSA what he likes. What he
// gets of protected mail, whom the gateway tells, and what becomes of the mail when he is gone.
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { test } from 'node:test';
import packet from 'dns-packet';
import { Authority, authority, server, tlsaText } from '../dane/certificates.ts';
import { claimNetwork } from '../dane/network.ts';
import { startSignedZone } from '../dane/zone.ts';
import { until } from '../delivery/fixture.ts';
import { Peer } from '../delivery/peer.ts';
import { policy, startPolicyHost } from '../mta-sts/policy-host.ts';
import { missing } from '../tls/peers.ts';
import { MailClient } from './client.ts';
import { freePort, startGateway } from './harness.ts';

const skip = process.getuid?.() === 0 ? missing('unbound') || missing('ldns-signzone') : 'ports 25, 53, 443 need root';

/** `garble`: between the gateway and its resolver; `forge`: between the resolver and the zone, so that signatures break. */
type Attack = 'strip' | 'self' | 'garble' | 'forge';

interface Row {
  readonly attack: Attack;
  /** What protects the domain `<attack>-<name>.dane.test`. */
  readonly name: string;
  readonly level?: string;
  readonly tlsa?: true;
  readonly sts?: true;
  readonly requireTls?: true;
  /** In the alert; null: nothing protects it against this, and he gets the message. */
  readonly wanted: string | null;
  readonly reason: RegExp;
}

const stripped = /^TLS is required, but STARTTLS is not offered$/;
const selfSigned = /^the certificate cannot be verified: it is self-signed /;
const unanswered = /DNS Soft Error looking up _25\._tcp\.\S+ \(TLSA\): /;
const rows: readonly Row[] = [
  // He can do what he is said to do.
  { attack: 'strip', name: 'nothing', wanted: null, reason: /none$/ },
  // `required` authenticates nothing: it holds against who listens, and against stripping.
  { attack: 'self', name: 'required', level: 'required', wanted: null, reason: /encrypted$/ },

  { attack: 'strip', name: 'dane', level: 'dane', tlsa: true, wanted: 'dane', reason: stripped },
  { attack: 'strip', name: 'sts', sts: true, wanted: 'mta-sts', reason: stripped },
  { attack: 'strip', name: 'required', level: 'required', wanted: 'required', reason: stripped },
  { attack: 'strip', name: 'verify', level: 'required-verify', wanted: 'required-verify', reason: stripped },
  { attack: 'strip', name: 'requiretls', requireTls: true, wanted: 'requiretls', reason: stripped },

  {
    attack: 'self',
    name: 'dane',
    level: 'dane',
    tlsa: true,
    wanted: 'dane',
    reason: /^the certificate matches no TLSA/,
  },
  { attack: 'self', name: 'sts', sts: true, wanted: 'mta-sts', reason: selfSigned },
  { attack: 'self', name: 'verify', level: 'required-verify', wanted: 'required-verify', reason: selfSigned },
  { attack: 'self', name: 'requiretls', requireTls: true, wanted: 'requiretls', reason: selfSigned },
  {
    attack: 'self',
    name: 'requiretls-dane',
    requireTls: true,
    tlsa: true,
    wanted: 'requiretls',
    reason: /^the certificate matches no TLSA/,
  },

  // At the other levels nobody asks for TLSA: there is nothing to garble, and his certificate fails as above.
  { attack: 'garble', name: 'dane', level: 'dane', tlsa: true, wanted: 'dane', reason: unanswered },
  { attack: 'garble', name: 'only', level: 'dane-only', tlsa: true, wanted: 'dane-only', reason: unanswered },
  { attack: 'garble', name: 'sts', level: 'dane', tlsa: true, sts: true, wanted: 'dane', reason: unanswered },
  { attack: 'garble', name: 'requiretls', requireTls: true, tlsa: true, wanted: 'requiretls', reason: unanswered },

  { attack: 'forge', name: 'dane', level: 'dane', tlsa: true, wanted: 'dane', reason: unanswered },
  { attack: 'forge', name: 'requiretls', requireTls: true, tlsa: true, wanted: 'requiretls', reason: unanswered },
];

const domainOf = ({ attack, name }: Row) => `${attack}-${name}.dane.test`;
const hostOf = ({ attack, name }: Row) => `${attack}-${name}.mx.dane.test`;
const escaped = (text: string) => text.replaceAll('.', '\\.');

test('a man in the middle gets no protected message, and is told of', { skip }, async (t) => {
  const network = await claimNetwork();
  const certificates = new Authority();
  t.after(() => certificates.remove());
  const root = certificates.issue('root', { extensions: authority });
  const honest = certificates.issue('honest', { issuer: root, extensions: server('*.mx.dane.test') });
  const his = certificates.issue('his', { extensions: server('*.mx.dane.test') });
  const guarded = rows.filter((row) => row.sts === true);
  const policyNames = guarded.map((row) => `mta-sts.${domainOf(row)}`);
  const pair = certificates.issue('policy', { issuer: root, extensions: server(policyNames.join(',DNS:')) });
  const policies = await startPolicyHost(network.at(20), pair);
  t.after(() => policies.close());
  for (const row of guarded)
    policies.answers.set(`mta-sts.${domainOf(row)}`, { body: policy('enforce', [hostOf(row)]) });

  const right = tlsaText(honest, 3, 1, 1);
  const signed = 'ab'.repeat(32);
  const zone = await startSignedZone(
    {
      signed: `${rows
        .flatMap((row) => [
          `${domainOf(row)}. IN MX 10 ${hostOf(row)}.`,
          `${hostOf(row)}. IN A ${network.at(row.attack === 'strip' ? 1 : 2)}`,
          ...(row.tlsa === undefined
            ? []
            : [`_25._tcp.${hostOf(row)}. IN TLSA ${row.attack === 'forge' ? `3 1 1 ${signed}` : right}`]),
          ...(row.sts === undefined
            ? []
            : [
                `_mta-sts.${domainOf(row)}. IN TXT "v=STSv1; id=1;"`,
                `mta-sts.${domainOf(row)}. IN A ${network.at(20)}`,
              ]),
        ])
        .join('\n')}\n`,
      plain: '',
      // His own certificate, as if it were the right one.
      forged: [[signed, tlsaText(his, 3, 1, 1).slice('3 1 1 '.length)]],
    },
    network.at(52),
  );
  t.after(() => zone.stop());
  const garbling = await startGarbling(network.at(53), network.at(52), /^_25\._tcp\.garble-/i);
  t.after(() => garbling.stop());

  const extensions = ['PIPELINING', 'ENHANCEDSTATUSCODES', 'REQUIRETLS'];
  const stripping = await Peer.start({ extensions }, 25, network.at(1));
  const showing = await Peer.start({ extensions, tls: his }, 25, network.at(2));
  const home = await Peer.start();
  t.after(() => Promise.all([stripping, showing, home].map((peer) => peer.close())));
  const arrived = () => [...stripping.messages, ...showing.messages];
  const recipients = () => arrived().flatMap(({ to }) => to);

  const port = await freePort();
  const gateway = await startGateway(t, {
    config: `
listeners: [{ name: in, port: ${port} }]
relay: [127.0.0.0/8]
dns: { servers: [${network.at(53)}] }
mtaSts: { ca: ${root.certFile} }
alerts: { to: [admin@home.test] }
routes: [{ domain: home.test, to: ["127.0.0.1:${home.port}"] }]
retry: { first: 1s, maximum: 1s, probe: 1s, jitter: 0 }
destinations:
${rows.map((row) => `  - { domain: ${domainOf(row)}, tls: ${row.level ?? 'preferred'}, ca: ${root.certFile} }\n`).join('')}`,
  });
  const send = async (row: Row): Promise<number> => {
    const client = await MailClient.open(port);
    await client.reply();
    await client.say('EHLO x');
    await client.startTls();
    await client.say('EHLO x');
    const mail = `MAIL FROM:<a@home.test>${row.requireTls === true ? ' REQUIRETLS' : ''}`;
    for (const line of [mail, `RCPT TO:<b@${domainOf(row)}>`, 'DATA'])
      assert.match(await client.say(line), /^(250|354)/);
    const mid = /^250 .*Message (\d+) /.exec(await client.say('Subject: x\r\n\r\nthe secret\r\n.'))?.[1];
    client.end();
    return Number(mid);
  };
  const open = rows.filter((row) => row.wanted === null);
  const kept = rows.filter((row) => row.wanted !== null);

  // While he is there.
  await Promise.all(
    rows.map(async (row) => {
      const domain = domainOf(row);
      const mid = await send(row);
      const end = await gateway.logged(new RegExp(`(Message done|Delayed:|Bounced:) DCID \\d+ MID ${mid} `));
      if (row.wanted === null) {
        assert.match(end, /Message done/, domain);
        await gateway.logged(
          new RegExp(` domain ${escaped(domain)} tls=${row.level ?? 'preferred'}:${row.reason.source}`),
        );
        return;
      }
      // RFC 8689 4.2.1: what cannot go on as it must comes back. What DNS does not say now may be said later.
      const back = row.requireTls === true && (row.attack === 'strip' || row.attack === 'self');
      assert.match(end, back ? /Bounced: .* - 5\.7\.10 - / : /Delayed: .* - 4\.7\.[45] - /, domain);
      assert.match(end, new RegExp(row.reason.source.replaceAll(/^\^|\$$/g, '')), domain);
    }),
  );
  const { output } = await gateway.shell(`displayalerts ${rows.length * 2}`);
  const listed = output.split('\n\n').map((block) => block.split('\n').map((line) => line.trim()));
  await until(() => home.messages.length >= kept.length, 'the mails about the alerts');
  for (const row of kept) {
    const domain = domainOf(row);
    const title = `TLS to ${domain} failed`;
    const [alert, ...more] = listed.filter((lines) => lines.some((line) => line.endsWith(`  ${title}`)));
    assert.ok(alert !== undefined && more.length === 0, `one alert about ${domain}:\n${output}`);
    assert.ok(alert.includes(`Host:   ${hostOf(row)}`) && alert.includes(`Level:  ${row.wanted}`), alert.join('\n'));
    const reason = alert.find((line) => line.startsWith('Reason: '))?.slice('Reason: '.length) ?? '';
    assert.match(reason, row.reason, domain);
    await until(() => mailsTo(home, 'admin@home.test').some((text) => text.includes(`Subject: ${title}\r\n`)), title);
    const mail = mailsTo(home, 'admin@home.test').find((text) => text.includes(`Subject: ${title}\r\n`)) ?? '';
    const words = (text: string) => text.replaceAll(/\s+/g, ' ');
    assert.ok(words(mail).includes(words(`Host: ${hostOf(row)} Reason: ${reason}`)), mail);
  }
  assert.deepEqual(
    listed.filter((lines) => open.some((row) => lines.some((line) => line.includes(` ${domainOf(row)} `)))),
    [],
    'where nothing was demanded nothing failed',
  );
  // Not even who writes to whom.
  const commands = [...stripping.commands, ...showing.commands];
  const envelope = commands.filter((line) => /^(MAIL|RCPT|DATA|BDAT)/i.test(line));
  assert.deepEqual(
    envelope.filter((line) => line.startsWith('RCPT')).toSorted(),
    open.map((row) => `RCPT TO:<b@${domainOf(row)}>`).toSorted(),
  );
  assert.equal(envelope.length, 3 * open.length, envelope.join('\n'));
  assert.deepEqual(recipients().toSorted(), open.map((row) => `b@${domainOf(row)}`).toSorted());

  // He is gone: what waited arrives at the right host, what came back can be sent again. Signatures stay broken.
  garbling.end();
  for (const peer of [stripping, showing]) peer.script = { extensions, tls: honest };
  const again = kept.filter((row) => row.attack !== 'forge');
  for (const row of again) if (row.requireTls === true && row.attack !== 'garble') await send(row);
  await until(() => again.every((row) => recipients().includes(`b@${domainOf(row)}`)), 'all that waited', 30_000);
  const late = arrived().filter(({ to }) => again.some((row) => to.includes(`b@${domainOf(row)}`)));
  assert.equal(late.length, again.length);
  for (const { to, protocol, body } of late) {
    assert.equal(protocol, 'TLSv1.3', to.join());
    assert.match(body.toString(), /the secret/);
  }
  assert.ok(!recipients().some((one) => one.includes('forge-')));
});

const mailsTo = (peer: Peer, address: string): readonly string[] =>
  peer.messages.filter(({ to }) => to.includes(address)).map(({ body }) => body.toString());

/**
 * Passes on all between the gateway and `resolver`, but answers about TLSA of names that match: those are cut, and what is asked for
 * over TCP then is garbage, until `end`.
 */
async function startGarbling(address: string, resolver: string, names: RegExp) {
  let over = false;
  const sockets = new Set<ReturnType<typeof createSocket>>();
  const front = createSocket('udp4', (query: Buffer, from: RemoteInfo) => {
    const question = packet.decode(query).questions?.[0];
    const garbles = !over && question?.type === 'TLSA' && names.test(question.name);
    const back = createSocket('udp4', (answer: Buffer) => {
      back.close();
      sockets.delete(back);
      if (garbles) answer[2] = (answer[2] ?? 0) | 0x02;
      front.send(answer, from.port, from.address);
    });
    sockets.add(back);
    back.send(query, 53, resolver);
  });
  front.bind(53, address);
  await once(front, 'listening');
  const garbage = Buffer.from('\0\x20this is no answer, but garbage..');
  const tcp = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end(garbage));
  });
  tcp.listen(53, address);
  await once(tcp, 'listening');
  return {
    end: () => {
      over = true;
    },
    stop: () => {
      for (const socket of [front, ...sockets]) socket.close();
      tcp.close();
    },
  };
}
