// REQUIRETLS and TLS-Required: No through whole gateways, to hosts behind a signed zone (RFC 8689).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, type TestContext, test } from 'node:test';
import { Authority, authority, type Issued, server, tlsaText } from '../dane/certificates.ts';
import { type SignedZone, startSignedZone } from '../dane/zone.ts';
import { Peer, type PeerScript } from '../delivery/peer.ts';
import { policy, startPolicyHost } from '../mta-sts/policy-host.ts';
import { missing } from '../tls/peers.ts';
import { MailClient } from './client.ts';
import { freePort, type RunningGateway, startGateway } from './harness.ts';
import { startPostfix } from './postfix.ts';

const skip =
  process.getuid?.() === 0
    ? missing('unbound') || missing('ldns-signzone') || missing('postfix') || missing('swaks')
    : 'ports 25, 53, 443 need root';

const resolver = '127.9.4.53';
/** Domain → the last number of its host's address: `id.dane.test` has the mail host `mx.id.dane.test`. */
const hosts = {
  gateway: 1,
  postfix: 2,
  strip: 3,
  self: 4,
  ee: 5,
  lacks: 6,
  sink: 7,
  back: 8,
  backreq: 9,
  late: 10,
  garbage: 11,
  busy: 12,
} as const;
type Host = keyof typeof hosts;

const requireTls = ['PIPELINING', 'ENHANCEDSTATUSCODES', 'REQUIRETLS'];

describe('REQUIRETLS', { skip }, () => {
  const certificates = new Authority();
  const ends: (() => unknown)[] = [];
  const peers = new Map<Host, Peer>();
  let pairs: ReadonlyMap<Host, Issued>;
  let root: Issued;
  let zone: SignedZone;
  /** What our users send through. */
  let ours: RunningGateway;
  let port: number;
  /** What is the mail host of gateway.dane.test. */
  let theirs: RunningGateway;
  /** A context for what lives as long as all tests here. */
  const lasting = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext;

  const peer = async (host: Host, script: PeerScript, at = 25) => {
    const started = await Peer.start(script, at, `127.9.4.${hosts[host]}`);
    peers.set(host, started);
    ends.push(() => started.close());
    return started;
  };
  const secured = (host: Host) => {
    const pair = pairs.get(host);
    return { cert: pair?.cert ?? '', key: pair?.key ?? '' };
  };
  const configuration = () => `
hostname: ours.example
listeners: [{ name: in, port: ${port} }]
relay: [127.0.0.0/8]
dns: { servers: [${resolver}] }
mtaSts: { ca: ${root.certFile} }
alerts: { to: [admin@backreq.dane.test] }
destinations:
  - { domain: "*", ca: ${root.certFile}, systemCa: true }
  - { domain: must.dane.test, tls: required }
  - { domain: dane.dane.test, tls: dane }
retry: { first: 1s, maximum: 2s, probe: 1s }
`;

  before(async () => {
    root = certificates.issue('root', { extensions: authority });
    const made = Object.keys(hosts).map((id) => {
      const issuer = id === 'self' || id === 'ee' ? {} : { issuer: root };
      return [id as Host, certificates.issue(id, { ...issuer, extensions: server(`mx.${id}.dane.test`) })] as const;
    });
    pairs = new Map(made);
    const sts = certificates.issue('sts', { issuer: root, extensions: server('mta-sts.plain.test') });
    const strange = certificates.issue('strange', { extensions: server('elsewhere.test') });
    const ee = pairs.get('ee');
    const signed = Object.entries(hosts).flatMap(([id, last]) => [
      `${id} IN MX 10 mx.${id}`,
      `mx.${id} IN A 127.9.4.${last}`,
    ]);
    zone = await startSignedZone(
      {
        signed: [
          ...signed,
          `_25._tcp.mx.ee IN TLSA ${ee === undefined ? '' : tlsaText(ee, 3, 1, 1)}`,
          // The first host cannot do it, the second can; the first is away, the second cannot.
          'second IN MX 10 mx.lacks\nsecond IN MX 20 mx.sink',
          'away IN MX 10 mx.away\naway IN MX 20 mx.lacks\nmx.away IN A 127.9.4.99',
          'must IN MX 10 mx.strip',
          `dane IN MX 10 mx.dane\nmx.dane IN A 127.9.4.4\n_25._tcp.mx.dane IN TLSA 3 1 1 ${'00'.repeat(32)}`,
          '',
        ].join('\n'),
        plain: [
          '@ IN MX 10 mx.sink.dane.test.\n_mta-sts IN TXT "v=STSv1; id=1;"\nmta-sts IN A 127.9.4.20',
          'unsigned IN MX 10 mx.sink.dane.test.',
          '',
        ].join('\n'),
        forged: [],
      },
      resolver,
    );
    ends.push(() => zone.stop());
    const policies = await startPolicyHost('127.9.4.20', sts);
    ends.push(() => policies.close());
    policies.answers.set('mta-sts.plain.test', { body: policy('enforce', ['mx.sink.dane.test']) });

    await peer('strip', {});
    await peer('self', { tls: secured('self'), extensions: requireTls });
    await peer('ee', { tls: secured('ee'), extensions: requireTls });
    await peer('lacks', { tls: secured('lacks') });
    await peer('sink', { tls: secured('sink'), extensions: requireTls });
    await peer('back', { tls: { cert: strange.cert, key: strange.key } });
    await peer('backreq', { tls: secured('backreq'), extensions: requireTls });
    // Says that it does TLS, and does not.
    await peer('garbage', {
      extensions: ['STARTTLS'],
      reply: (line, { socket }) => {
        if (line !== 'STARTTLS') return null;
        socket.removeAllListeners('data');
        socket.once('data', () => socket.end('500 what?\r\n'));
        return '220 go on';
      },
    });
    await peer('busy', {
      extensions: ['STARTTLS'],
      reply: (line) => (line === 'STARTTLS' ? '454 4.7.0 TLS is not available now' : null),
    });
    const mx = pairs.get('postfix');
    await startPostfix(
      lasting,
      9,
      [
        `smtpd_tls_cert_file = ${mx?.certFile}`,
        `smtpd_tls_key_file = ${mx?.keyFile}`,
        'smtpd_tls_security_level = may',
      ],
      `127.9.4.${hosts.postfix}`,
    );
    port = await freePort();
    const own = pairs.get('gateway');
    [ours, theirs] = await Promise.all([
      startGateway(lasting, { config: configuration() }),
      startGateway(lasting, {
        config: `
hostname: theirs.example
certificates: [{ name: mx, cert: ${own?.certFile}, key: ${own?.keyFile} }]
listeners: [{ name: in, address: 127.9.4.1, port: 25, certificate: mx }]
accept: [gateway.dane.test]
routes: [{ domain: gateway.dane.test, to: ["mx.sink.dane.test:25"] }]
destinations: [{ domain: "*", ca: ${root.certFile} }]
dns: { servers: [${resolver}] }
`,
      }),
    ]);
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
    certificates.remove();
  });

  const send = async (to: string, more: { from?: string; header?: string; required?: boolean } = {}) => {
    const { from = 'a@backreq.dane.test', header = '', required = true } = more;
    const client = await MailClient.open(port);
    await client.reply();
    await client.say('EHLO x');
    await client.startTls();
    assert.match(await client.say('EHLO x'), /^250.REQUIRETLS$/m);
    const mail = `MAIL FROM:<${from}> RET=FULL${required ? ' REQUIRETLS' : ''}`;
    for (const line of [mail, `RCPT TO:<${to}>`, 'DATA']) assert.match(await client.say(line), /^(250|354)/);
    const reply = await client.say(`${header}Subject: for ${to}\r\n\r\nthe secret\r\n.`);
    const mid = /^250 .*Message (\d+) /.exec(reply)?.[1];
    assert.ok(mid !== undefined, reply);
    await client.say('QUIT');
    return Number(mid);
  };
  /** What was sent to a host after it had `before` commands. */
  const mailTo = (host: Host, before: number) =>
    peers
      .get(host)
      ?.commands.slice(before)
      .filter((line) => line.startsWith('MAIL')) ?? [];
  const counted = (host: Host) => peers.get(host)?.commands.length ?? 0;
  const bounce = async (mid: number, host: Host) => {
    const line = await ours.logged(new RegExp(`MID \\d+ was generated for bounce of MID ${mid}$`));
    const of = /MID (\d+)/.exec(line)?.[1];
    await ours.logged(new RegExp(`Message done DCID \\d+ MID ${of} to RID`));
    const text = peers.get(host)?.messages.at(-1)?.body.toString() ?? '';
    assert.ok(!text.includes('the secret'), 'RET=FULL does not count');
    return text.replaceAll(/\r\n +/g, ' ');
  };

  test('from client to client through two gateways', async () => {
    const before = counted('sink');
    const mid = await send('b@gateway.dane.test');
    await ours.logged(
      /domain gateway\.dane\.test tls=requiretls:verified \(certificate for mx\.gateway\.dane\.test, REQUIRETLS\)/,
    );
    await theirs.logged(/^Info: MID \d+ REQUIRETLS$/);
    await theirs.logged(
      /domain gateway\.dane\.test tls=requiretls:verified \(certificate for mx\.sink\.dane\.test, REQUIRETLS\)/,
    );
    await theirs.logged(/Message done DCID/);
    assert.match(mailTo('sink', before).join(), /^MAIL FROM:<a@backreq\.dane\.test> .*REQUIRETLS$/);
    await ours.logged(new RegExp(`^Info: MID ${mid} REQUIRETLS$`));
  });

  test('a host without it: the next one, a bounce where there is none, waiting where one is away', async () => {
    const before = counted('sink');
    await send('b@second.dane.test');
    await ours.logged(/domain second\.dane\.test tls=requiretls:failed \(REQUIRETLS is not offered\)/);
    await ours.logged(/domain second\.dane\.test tls=requiretls:verified/);
    await ours.logged(/Message done DCID \d+ MID 2 /);
    assert.match(mailTo('sink', before).join(), / REQUIRETLS$/);
    // Only TLS and EHLO went to the first.
    assert.deepEqual(mailTo('lacks', 0), []);

    const waits = await send('b@away.dane.test');
    await ours.logged(new RegExp(`Delayed: DCID \\d+ MID ${waits} .* - 4\\.4\\.1 - `));
    assert.match((await ours.shell(`showrecipients 4 ${waits}`)).output, /to away\.dane\.test requiretls/);
    assert.match((await ours.shell(`delete ${waits} -y`)).output, /1 /);

    // RFC 3207 4: for a temporary reason.
    const later = await send('b@busy.dane.test');
    const line = await ours.logged(new RegExp(`(Delayed|Bounced): DCID \\d+ MID ${later} `));
    assert.match(line, /Delayed: .* - 4\.7\.4 - .*STARTTLS was refused: 454 4\.7\.0 TLS is not available now/);
    assert.match((await ours.shell(`delete ${later} -y`)).output, /1 /);
  });

  test('to Postfix, which does not know it: a bounce that says who can do what, itself protected', async () => {
    const mid = await send('b@postfix.dane.test');
    await ours.logged(
      new RegExp(
        `Bounced: DCID \\d+ MID ${mid} .* - 5\\.7\\.30 - REQUIRETLS support required \\('000', \\['REQUIRETLS is not`,
      ),
    );
    const text = await bounce(mid, 'backreq');
    assert.match(text, /^Status: 5\.7\.30\r$/m);
    assert.match(
      text,
      /mx\.postfix\.dane\.test must offer REQUIRETLS \(RFC 8689\), or the message must be sent again without REQUIRETLS/,
    );
    assert.match(mailTo('backreq', 0).at(-1) ?? '', /^MAIL FROM:<>.* REQUIRETLS$/);
    assert.match(text, /^Subject: for b@postfix\.dane\.test\r$/m, 'with the header');
    const alerts = ours.log().filter((line) => /Alert: TLS to postfix/.test(line));
    assert.deepEqual(alerts, [], 'nobody was in the way');
  });

  test('no TLS that proves the host, no mail; a bounce comes back also where nobody does REQUIRETLS', async () => {
    const rows = [
      ['strip.dane.test', /TLS is required, but STARTTLS is not offered/, true],
      ['self.dane.test', /the certificate cannot be verified: it is self-signed/, true],
      ['garbage.dane.test', /TLS handshake failed: \(\d+, 'error:/, true],
      [
        'unsigned.plain.test',
        /its MX answer is not signed \(DNSSEC\), and it has no MTA-STS policy in mode enforce/,
        false,
      ],
    ] as const;
    for (const [domain, why, alert] of rows) {
      const mid = await send(`b@${domain}`, { from: 'a@back.dane.test' });
      const line = await ours.logged(new RegExp(`Bounced: DCID \\d+ MID ${mid} .* - 5\\.7\\.10 - Encryption needed`));
      assert.match(line, why);
      const text = await bounce(mid, 'back');
      assert.match(text, /the message must be sent again without REQUIRETLS/);
      assert.match(text, /^The header of your message is left out here: it was sent with REQUIRETLS/m);
      assert.doesNotMatch(text, /Subject: for/, 'nothing of the message');
      const raised = ours.log().some((one) => one.includes(`Alert: TLS to ${domain} failed`));
      assert.equal(raised, alert, domain);
    }
    assert.deepEqual(new Set(mailTo('back', 0)), new Set(['MAIL FROM:<>']));
    for (const host of ['strip', 'self', 'garbage'] as const) assert.deepEqual(mailTo(host, 0), []);
  });

  test('the host proves itself by DANE, or its name by MTA-STS', async () => {
    const rows = [
      ['ee.dane.test', 'ee', /tls=requiretls:dane \(TLSA 3 1 1 .* at mx\.ee\.dane\.test, REQUIRETLS\)/],
      ['plain.test', 'sink', /domain plain\.test tls=requiretls:verified/],
    ] as const;
    for (const [domain, host, line] of rows) {
      const before = counted(host);
      const mid = await send(`b@${domain}`);
      await ours.logged(new RegExp(`Message done DCID \\d+ MID ${mid} `));
      await ours.logged(line);
      assert.match(mailTo(host, before).join(), / REQUIRETLS$/);
    }
  });

  test('TLS-Required: No goes past DANE and a handshake that fails, not past what the administrator demands', async () => {
    const header = 'TLS-Required: No\r\n';
    const rows = [
      ['dane.dane.test', 'self', ['optional:encrypted'], 'TLSv1.3'],
      ['garbage.dane.test', 'garbage', ['optional:failed', 'optional:none'], 'none'],
    ] as const;
    for (const [domain, host, got, protocol] of rows) {
      const mid = await send(`b@${domain}`, { header, required: false });
      await ours.logged(new RegExp(`Message done DCID \\d+ MID ${mid} `));
      for (const one of got) await ours.logged(new RegExp(`domain ${domain.replaceAll('.', '\\.')} tls=${one}`));
      assert.equal(peers.get(host)?.messages.at(-1)?.protocol, protocol);
      await ours.logged(new RegExp(`^Info: MID ${mid} TLS-Required: No$`));
    }
    for (const [domain, more] of [
      ['must.dane.test', { header, required: false }],
      ['dane.dane.test', { required: false }],
    ] as const) {
      const mid = await send(`b@${domain}`, more);
      await ours.logged(new RegExp(`Delayed: DCID \\d+ MID ${mid} .* - 4\\.7\\.[45] - `));
    }
    assert.deepEqual(peers.get('strip')?.messages, []);
  });

  test('swaks and a client without TLS hear what is wrong', async () => {
    const swaks = spawnSync(
      'swaks',
      [
        '--server',
        `127.0.0.1:${port}`,
        '--from',
        // swaks puts it between < and >.
        'a@example.org> REQUIRETLS ENVID=x',
        '--to',
        'b@ee.dane.test',
        '--helo',
        'x',
      ],
      { encoding: 'utf8' },
    );
    assert.match(swaks.stdout, /530 5\.7\.10 REQUIRETLS needs TLS; issue STARTTLS first/);
  });

  test('queued over a restart, and sent on another way by a new route: still with REQUIRETLS', async () => {
    const mid = await send('b@late.dane.test');
    await ours.logged(new RegExp(`Delayed: DCID \\d+ MID ${mid} .* - 4\\.4\\.1 - `));
    assert.equal(await ours.stop(), 0);
    ours = await startGateway(lasting, { data: ours.data });
    const before = counted('sink');
    const yaml = `gui: { ports: [] }\n${configuration()}routes: [{ domain: late.dane.test, to: ["mx.sink.dane.test:25"] }]`;
    const done = await ours.shell(['loadconfig 1', ...yaml.split('\n'), '.', 'commit', 'a route', '']);
    assert.match(done.output, /Changes committed/);
    await ours.logged(new RegExp(`Message done DCID \\d+ MID ${mid} `));
    assert.match(mailTo('sink', before).join(), /^MAIL FROM:<a@backreq\.dane\.test> .*REQUIRETLS$/);
  });
});
