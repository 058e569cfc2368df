// Somebody in the middle who answers questions about TLSA with garbage gets no message of a domain with DANE, and the alert is raised.
import assert from 'node:assert/strict';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { after, before, describe, test } from 'node:test';
import packet, { type Answer } from 'dns-packet';
import { createResolver } from '../../src/dns/stub.ts';
import { Sender, snapshotOf } from '../delivery/fixture.ts';
import { Peer } from '../delivery/peer.ts';
import { Ends } from './ends.ts';
import { claimNetwork } from './network.ts';

const skip = process.getuid?.() === 0 ? false : 'port 25 needs root';

/** What the answer about TLSA becomes; `cut`: over TCP too. */
const attacks: Readonly<Record<string, (whole: Buffer) => Buffer>> = {
  'not a message': () => Buffer.from('garbage that is no DNS message'),
  'another id': (whole) => Buffer.concat([Buffer.from([whole[0] ?? 0, (whole[1] ?? 0) ^ 1]), whole.subarray(2)]),
  'cut in the middle of the record': (whole) => whole.subarray(0, whole.length - 20),
  'a length beyond the end': (whole) => {
    const longer = Buffer.from(whole);
    longer.writeUInt16BE(60_000, whole.length - 37);
    return longer;
  },
  'cut over TCP too': (whole) => {
    const cut = Buffer.from(whole);
    cut[2] = (cut[2] ?? 0) | 0x02;
    return cut;
  },
  'a question instead of an answer': (whole) => {
    const asked = Buffer.from(whole);
    asked[2] = (asked[2] ?? 0) & 0x7f;
    return asked;
  },
};

describe('garbage instead of TLSA records', { skip, concurrency: true }, () => {
  const ends = new Ends();
  let sender: Sender;
  let attacker: Peer;

  before(() =>
    ends.prepare(async () => {
      const network = await claimNetwork();
      attacker = await Peer.start({}, 25, network.at(1));
      ends.add(() => attacker.close());
      const answer = (bytes: Buffer): Buffer => {
        const query = packet.decode(bytes);
        const { name = '', type = 'A' } = query.questions?.[0] ?? {};
        const number = Number(/(\d+)\.test$/i.exec(name)?.[1] ?? 0);
        const data: Readonly<Record<string, readonly Answer[]>> = {
          MX: [{ type: 'MX', name, ttl: 60, data: { preference: 10, exchange: `mx${number}.test` } }],
          A: [{ type: 'A', name, ttl: 60, data: network.at(1) }],
          TLSA: [
            {
              type: 'TLSA',
              name,
              ttl: 60,
              data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) },
            },
          ],
        };
        const flags = packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | packet.AUTHENTIC_DATA;
        const answers = [...(data[type] ?? [])];
        const whole = packet.encode({
          type: 'response',
          id: query.id ?? 0,
          flags,
          questions: query.questions ?? [],
          answers,
        });
        const attack = Object.values(attacks)[number];
        return type === 'TLSA' && attack !== undefined ? attack(whole) : whole;
      };
      const udp = createSocket('udp4', (bytes: Buffer, from: RemoteInfo) =>
        udp.send(answer(bytes), from.port, from.address),
      );
      udp.bind(53, network.at(53));
      await once(udp, 'listening');
      ends.add(() => udp.close());
      const tcp = net.createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.on('data', (bytes: Buffer) => {
          const message = answer(bytes.subarray(2));
          const length = Buffer.alloc(2);
          length.writeUInt16BE(message.length);
          socket.end(Buffer.concat([length, message]));
        });
      });
      tcp.listen(53, network.at(53));
      await once(tcp, 'listening');
      ends.add(() => tcp.close());
      const snapshot = snapshotOf({
        dns: { servers: [network.at(53)] },
        timeouts: { dns: '1s' },
        destinations: [{ domain: '*', tls: 'dane' }],
      });
      sender = new Sender(snapshot, tmpdir(), createResolver(snapshot, { hosts: '/dev/null' }));
      ends.add(() => sender.stop());
    }),
  );
  after(() => ends.run());

  for (const [number, what] of Object.keys(attacks).entries()) {
    test(what, async () => {
      const domain = `d${number}.test`;
      const [result = ''] = await sender.settled(sender.send(`x@${domain}`), 30_000);
      assert.match(result, /^0 deferred 4\.7\.5 .*DNS Soft Error looking up _25\._tcp\.mx\d\.test \(TLSA\)/);
      assert.equal(sender.alerts.filter((alert) => alert.domain === domain).length, 1);
      assert.deepEqual(attacker.commands, [], 'it was not even dialled');
    });
  }
});
