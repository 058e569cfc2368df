import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AccessTable, clientKey, plainAddress } from '../../src/smtp/access.ts';
import { snapshotOf } from './fixture.ts';

const nobody = { name: null, verified: false };
const verified = (name: string) => ({ name, verified: true });

function table(document: Record<string, unknown>): AccessTable {
  return new AccessTable(snapshotOf(document));
}

describe('sender groups', () => {
  test('the first match wins, and the log gets the entry that matched', () => {
    const access = table({
      relay: ['10.0.0.0/8', '2001:db8:1::/48', '192.0.2.7'],
      senderGroups: [
        { name: 'BLOCKED', match: ['10.6.6.6', '2001:db8:bad::/48', '.spam.example'], action: 'REJECT' },
        { name: 'PARTNERS', match: ['198.51.100.0/24', '.partner.example'], action: 'ACCEPT' },
        { name: 'SILENT', match: '203.0.113.0/24', action: 'TCPREFUSE' },
      ],
    });
    const find = (address: string, reverse = nobody as { name: string | null; verified: boolean }) => {
      const found = access.find(address, reverse);
      return found === null ? null : `${found.action} ${found.group} ${found.match}`;
    };
    assert.equal(find('10.1.2.3'), 'RELAY RELAYLIST 10.0.0.0/8');
    assert.equal(find('10.6.6.6'), 'REJECT BLOCKED 10.6.6.6');
    assert.equal(find('192.0.2.7'), 'RELAY RELAYLIST 192.0.2.7');
    assert.equal(find('192.0.2.8'), 'ACCEPT ALL ALL');
    assert.equal(find('2001:db8:1::5'), 'RELAY RELAYLIST 2001:db8:1::/48');
    assert.equal(find('2001:db8:2::5'), 'ACCEPT ALL ALL');
    assert.equal(find('2001:db8:bad::1'), 'REJECT BLOCKED 2001:db8:bad::/48');
    assert.equal(find('203.0.113.200'), 'TCPREFUSE SILENT 203.0.113.0/24');
    assert.equal(find('192.0.2.1', verified('mx.Partner.Example')), 'ACCEPT PARTNERS .partner.example');
    assert.equal(find('192.0.2.1', verified('a.b.partner.example.')), 'ACCEPT PARTNERS .partner.example');
    assert.equal(find('192.0.2.1', verified('partner.example')), 'ACCEPT ALL ALL');
    assert.equal(find('192.0.2.1', verified('notpartner.example')), 'ACCEPT ALL ALL');
    // A name that does not resolve back proves nothing.
    assert.equal(find('192.0.2.1', { name: 'mx.partner.example', verified: false }), 'ACCEPT ALL ALL');
    // Earlier groups win over later ones, whatever their kind.
    assert.equal(find('198.51.100.1', verified('x.spam.example')), 'REJECT BLOCKED .spam.example');
  });

  test('an entry that means nothing is refused', () => {
    for (const match of ['10.0.0.0/33', '1.2.3', 'a b', '*.example.com', '']) {
      const groups = [{ name: 'X', match: [match], action: 'ACCEPT' as const }];
      assert.throws(() => new AccessTable({ senderGroups: groups, relay: [] }), /matches nothing/, match);
    }
  });

  test('a range matches exactly the addresses inside it', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (network, address, prefix) => {
        const groups = [{ name: 'X', match: [`${network}/${prefix}`], action: 'ACCEPT' as const }];
        const number = (text: string) => text.split('.').reduce((value, part) => value * 256 + Number(part), 0);
        const size = 2 ** (32 - prefix);
        const inside = Math.floor(number(network) / size) === Math.floor(number(address) / size);
        assert.equal(new AccessTable({ senderGroups: groups, relay: [] }).find(address, nobody) !== null, inside);
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), (address, prefix) => {
        const groups = [{ name: 'X', match: [`${address}/${prefix}`], action: 'ACCEPT' as const }];
        assert.notEqual(new AccessTable({ senderGroups: groups, relay: [] }).find(address, nobody), null);
      }),
    );
  });
});

test('who a client is', () => {
  assert.equal(plainAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(plainAddress('fe80::1%eth0'), 'fe80::1');
  assert.equal(plainAddress('2001:db8::1'), '2001:db8::1');
  assert.equal(clientKey('192.0.2.1'), '192.0.2.1');
  assert.equal(clientKey('2001:db8:0:1:aaaa::1'), clientKey('2001:db8:0:1:bbbb::2'));
  assert.notEqual(clientKey('2001:db8:0:1::1'), clientKey('2001:db8:0:2::1'));
});
