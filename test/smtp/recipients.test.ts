import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RecipientTable } from '../../src/smtp/recipients.ts';

function table(
  accept: string[],
  recipients: { addresses?: string[]; patterns?: string[]; callAhead?: boolean } = {},
  receive: string[] = [],
): RecipientTable {
  const tlsReports = { send: false, receive, https: false, signed: true, spread: 0, retryFor: 0, keep: 0 };
  return new RecipientTable({
    accept,
    hostname: 'gw.example.net',
    recipients: { callAhead: false, cache: 0, ...recipients },
    tlsReports,
  });
}

function decide(rules: RecipientTable, address: string, relay = false): string {
  return rules.decide(address, address.slice(address.lastIndexOf('@') + 1), relay);
}

describe('recipients', () => {
  test('accepted domains from anybody, any domain for relay clients', () => {
    const rules = table(['example.com', '.sub.example', 'xn--mnchen-3ya.example']);
    assert.equal(decide(rules, 'a@example.com'), 'accept');
    assert.equal(decide(rules, 'a@x.example.com'), 'denied');
    assert.equal(decide(rules, 'a@deep.er.sub.example'), 'accept');
    assert.equal(decide(rules, 'a@sub.example'), 'denied');
    assert.equal(decide(rules, 'a@münchen.example'), 'accept');
    assert.equal(decide(rules, 'a@else.example'), 'denied');
    assert.equal(decide(rules, 'a@else.example', true), 'accept');
    assert.equal(decide(rules, 'a@[192.0.2.1]'), 'denied');
    assert.equal(decide(rules, 'a@[192.0.2.1]', true), 'accept');
  });

  test('a local part that routes on is no way around that', () => {
    const rules = table(['example.com']);
    for (const local of ['victim%else.example', 'else.example!victim', '"victim@else.example"']) {
      assert.equal(decide(rules, `${local}@example.com`), 'denied', local);
      assert.equal(decide(rules, `${local}@example.com`, true), 'accept', local);
    }
  });

  test('a list, patterns and call-ahead say who exists', () => {
    const rules = table(['example.com', 'whole.example'], {
      addresses: ['Info@Example.com', '@whole.example'],
      patterns: ['sales-*@example.com', '*.dept.*@example.com'],
    });
    assert.equal(decide(rules, 'info@example.com'), 'accept');
    assert.equal(decide(rules, 'INFO@example.com'), 'accept');
    assert.equal(decide(rules, '"info"@example.com'), 'accept');
    assert.equal(decide(rules, 'anybody@whole.example'), 'accept');
    assert.equal(decide(rules, 'sales-emea@example.com'), 'accept');
    assert.equal(decide(rules, 'a.dept.b@example.com'), 'accept');
    assert.equal(decide(rules, 'sales@example.com'), 'unknown');
    assert.equal(decide(rules, 'nobody@example.com'), 'unknown');
    // Also for relay clients: no backscatter to one's own users.
    assert.equal(decide(rules, 'nobody@example.com', true), 'unknown');
    assert.equal(decide(rules, 'nobody@else.example', true), 'accept');
    assert.equal(decide(table(['example.com'], { callAhead: true }), 'a@example.com'), 'ask');
    const both = table(['example.com'], { addresses: ['info@example.com'], callAhead: true });
    assert.equal(decide(both, 'info@example.com'), 'accept');
    assert.equal(decide(both, 'a@example.com'), 'ask');
    assert.equal(decide(table(['example.com'], { addresses: [] }), 'a@example.com'), 'unknown');
  });

  test('postmaster is always taken (RFC 5321 4.5.1)', () => {
    const rules = table(['example.com'], { addresses: [] });
    assert.equal(decide(rules, 'PostMaster@example.com'), 'accept');
    assert.equal(decide(rules, '"postmaster"@example.com'), 'accept');
    assert.equal(decide(rules, 'postmaster@else.example'), 'denied');
    assert.equal(rules.postmaster, 'postmaster@example.com');
    assert.equal(rules.isOwnPostmaster('postmaster', '', '192.0.2.1'), true);
    assert.equal(rules.isOwnPostmaster('postmaster@gw.example.net', 'gw.example.net', '192.0.2.1'), true);
    assert.equal(rules.isOwnPostmaster('postmaster@[192.0.2.1]', '[192.0.2.1]', '192.0.2.1'), true);
    assert.equal(rules.isOwnPostmaster('postmaster@[192.0.2.2]', '[192.0.2.2]', '192.0.2.1'), false);
    assert.equal(rules.isOwnPostmaster('postmaster@example.com', 'example.com', '192.0.2.1'), false);
    assert.equal(rules.isOwnPostmaster('post@gw.example.net', 'gw.example.net', '192.0.2.1'), false);
    assert.equal(table([]).postmaster, 'postmaster@gw.example.net');
  });

  test('a pattern matches what the same regular expression matches', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '.'), maxLength: 8 });
    fc.assert(
      fc.property(
        letters,
        fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 12 }),
        (pattern, local) => {
          const rules = table(['example.com'], { patterns: [`${pattern}@example.com`] });
          const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
          assert.equal(decide(rules, `${local}@example.com`) === 'accept', expression.test(local));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a hostile pattern and address take no time', () => {
    const rules = table(['example.com'], { patterns: [`${'*a'.repeat(60)}b@example.com`] });
    const start = performance.now();
    for (let i = 0; i < 1000; i++) decide(rules, `${'a'.repeat(200)}@example.com`);
    assert.ok(performance.now() - start < 1000);
  });
});

test('addresses that TLS reports come to are taken from anybody, also in a domain that is not ours', () => {
  const rules = table(['example.com'], { addresses: ['info@example.com'] }, [
    'tls@example.com',
    'tls@reports.example.net',
  ]);
  assert.equal(rules.decide('TLS@example.com', 'example.com', false), 'accept');
  assert.equal(rules.decide('tls@reports.example.net', 'reports.example.net', false), 'accept');
  assert.equal(rules.decide('other@reports.example.net', 'reports.example.net', false), 'denied');
  assert.equal(rules.decide('other@example.com', 'example.com', false), 'unknown');
});
