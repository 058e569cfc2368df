import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spf } from 'mailauth/lib/spf/index.js';
import type { Found } from '../../src/dns/lookup.ts';
import type { QuestionType } from '../../src/dns/message.ts';
import { checkSpf } from '../../src/publish/spf.ts';

const zone: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'mail.test': { A: ['192.0.2.7'], AAAA: ['2001:db8::7'] },
  'mx.test': { MX: ['mail.test'] },
  'inner.test': { TXT: ['v=spf1 ip4:192.0.2.0/24 -all'] },
  'none.test': { TXT: ['something else'] },
  'loop.test': { TXT: ['v=spf1 include:loop.test -all'] },
};

const records: readonly (readonly [record: string, address: string, result: string])[] = [
  ['v=spf1 -all', '192.0.2.7', 'fail'],
  ['v=spf1 ~all', '192.0.2.7', 'softfail'],
  ['v=spf1 ?all', '192.0.2.7', 'neutral'],
  ['v=spf1', '192.0.2.7', 'neutral'],
  ['v=spf1 ip4:192.0.2.7 -all', '192.0.2.7', 'pass'],
  ['v=spf1 ip4:192.0.2.9/29 -all', '192.0.2.8', 'pass'],
  ['v=spf1 ip4:192.0.2.8 -all', '192.0.2.7', 'fail'],
  ['v=spf1 ip6:2001:db8::/32 -all', '2001:db8::7', 'pass'],
  ['v=spf1 ip6:2001:db8::/32 -all', '192.0.2.7', 'fail'],
  ['V=SPF1 A:mail.test -ALL', '192.0.2.7', 'pass'],
  ['v=spf1 a:mail.test -all', '2001:db8::7', 'pass'],
  ['v=spf1 a:mail.test/24 -all', '192.0.2.200', 'pass'],
  ['v=spf1 a:mail.test/24//64 -all', '2001:db8::99', 'pass'],
  ['v=spf1 mx:mx.test -all', '192.0.2.7', 'pass'],
  ['v=spf1 -mx:mx.test +all', '192.0.2.7', 'fail'],
  ['v=spf1 include:inner.test -all', '192.0.2.7', 'pass'],
  ['v=spf1 include:inner.test ~all', '198.51.100.1', 'softfail'],
  ['v=spf1 redirect=inner.test', '198.51.100.1', 'fail'],
  ['v=spf1 include:none.test -all', '192.0.2.7', 'permerror'],
  ['v=spf1 redirect=none.test', '192.0.2.7', 'permerror'],
  ['v=spf1 include:loop.test -all', '192.0.2.7', 'permerror'],
  ['v=spf1 ip4:nonsense -all', '192.0.2.7', 'permerror'],
  ['v=spf1 strange:x -all', '192.0.2.7', 'permerror'],
];

test('SPF comes out as mailauth says', async () => {
  for (const [record, address, result] of records) {
    const all: typeof zone = { ...zone, 'own.test': { TXT: [record] } };
    const look = (name: string, type: string) => all[name]?.[type] ?? [];
    const ask = async (name: string, type: QuestionType): Promise<Found> => {
      const found = look(name, type).map((data) => {
        const value = type === 'MX' ? { preference: 10, exchange: data } : type === 'TXT' ? [Buffer.from(data)] : data;
        return { name, type, data: value } as never;
      });
      return { kind: found.length > 0 ? 'records' : 'nodata', name, records: found, secure: false, ttl: 60, until: 0 };
    };
    assert.equal((await checkSpf(address, 'own.test', ask)).result, result, `${record} for ${address}`);
    const theirs = await spf({
      ip: address,
      sender: 'x@own.test',
      helo: 'own.test',
      mta: 'mx.test',
      resolver: (async (name: string, type: string) => {
        const found = look(name, type);
        if (found.length === 0) throw Object.assign(new Error('none'), { code: 'ENODATA' });
        if (type === 'MX') return found.map((exchange) => ({ priority: 10, exchange }));
        return type === 'TXT' ? found.map((text) => [text]) : found;
      }) as never,
    } as never);
    assert.equal(theirs.status.result, result, `mailauth: ${record} for ${address}`);
  }
});

test('what depends on the message is not guessed', async () => {
  const ask = async (name: string): Promise<Found> => {
    const data = [Buffer.from('v=spf1 exists:%{i}.list.test -all')];
    return { kind: 'records', name, records: [{ name, type: 'TXT', data }], secure: false, ttl: 60, until: 0 };
  };
  assert.equal((await checkSpf('192.0.2.7', 'own.test', ask)).result, 'unknown');
});
