import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { localDay } from '../../src/ledger/clock.ts';
import {
  bounced,
  deliveryResponse,
  type EventDefinition,
  eventTable,
  incomingConnection,
  mailNotice,
  messageId,
  messageTo,
  subject,
  systemNotice,
  type Value,
} from '../../src/ledger/events.ts';
import { redacted, redactText } from '../../src/ledger/privacy.ts';
import { longestValue } from '../../src/ledger/value.ts';
import { anyEvent, formatOne } from './fixture.ts';

/** Text with all that could end a line, turn a screen around or break JSON, more often than chance would have it. */
const nasty = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\n',
        '\r\n',
        '\0',
        '\u001b[2J',
        '\u0085',
        '\u2028',
        '\u2029',
        '\u202e',
        '"',
        '\\',
        "'",
        '\ud800',
      ),
      fc.constantFrom(
        '\nTue Mar 17 18:24:37 2026 Info: MID 1 queued for delivery\n',
        '}\n{"event":"x"}',
        '\x7f',
        '\ufeff',
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));
const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 6, arbitrary: nasty },
  { weight: 1, arbitrary: fc.constant('a'.repeat(5000)) },
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const anyRecord = fc
  .nat(eventTable.length - 1)
  .chain((code) => fc.tuple(fc.constant(anyEvent(code)), fc.tuple(...anyEvent(code).fields.map(() => value))));
const privacy = fc.record({ logSubjects: fc.boolean(), logAddresses: fc.boolean() });

/** Everything that a terminal, an editor or a collector may take for the end of a line, or act upon. */
const control = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

describe('one event, one line', () => {
  test('no value of any event makes a second line or a control character, in any log', () => {
    fc.assert(
      fc.property(anyRecord, privacy, ([event, values], settings) => {
        const { whole, text, mailLines, systemLines, json, heard } = formatOne(event, values as Value[], settings);
        assert.ok(whole);
        const lines = mailLines + systemLines;
        assert.equal(text.split('\n').length - 1, lines);
        assert.equal(json.split('\n').length - 1, mailLines);
        assert.equal(heard.length, lines);
        assert.doesNotMatch(text, control);
        assert.doesNotMatch(json, control);
        for (const line of heard) assert.ok(!line.includes('\n'));
        if (lines === 1) assert.match(text, /^Tue Mar 17 [0-9:]{8} 2026 (Critical|Warning|Info|Debug|Trace): .*\n$/u);
      }),
      { numRuns: 2000 },
    );
  });

  test('JSON lines parse, have the fields by name, and give the values back', () => {
    fc.assert(
      fc.property(anyRecord, ([event, values]) => {
        const { json } = formatOne(event, values as Value[]);
        if (event.log !== 'mail') {
          assert.equal(json, '');
          return;
        }
        const parsed = JSON.parse(json) as Record<string, unknown>;
        assert.deepEqual(Object.keys(parsed), ['time', 'level', 'event', ...event.fields]);
        assert.equal(parsed['time'], '2026-03-17T18:24:37.042Z');
        assert.equal(parsed['event'], event.name);
        event.fields.forEach((field, index) => {
          const given = values[index];
          const got = parsed[field];
          if (typeof given === 'number') assert.equal(got, Number.isFinite(given) ? given + 0 : null);
          else if (typeof given === 'string' && given.length > longestValue)
            assert.match(String(got), /\.\.\. \([0-9]+ more\)$/);
          else assert.equal(got, given);
        });
      }),
      { numRuns: 1000 },
    );
  });

  test('escapes say which character it was', () => {
    assert.ok(
      formatOne(subject as unknown as EventDefinition, [1, 'a\r\n\tb\x1b\x7f\u0085\u202ec']).text.includes(
        'Subject "a\\r\\n\\tb\\x1b\\x7f\\x85\\u202ec"',
      ),
    );
    assert.ok(
      formatOne(subject as unknown as EventDefinition, [1, 'Grüße 日本 🙂 "q" \\']).text.includes(
        'Subject "Grüße 日本 🙂 "q" \\"',
      ),
    );
  });

  test('a value is cut at its bound, not through a pair', () => {
    const { text } = formatOne(mailNotice as unknown as EventDefinition, [`${'x'.repeat(longestValue - 1)}🙂🙂`]);
    assert.ok(text.endsWith('x... (4 more)\n'));
  });

  test('a damaged batch is reported and makes no line', () => {
    const event = messageTo as unknown as EventDefinition;
    for (const values of [[1, 2, 0], [], [1]]) {
      const { whole, text, json } = formatOne(event, values);
      assert.equal(whole, false);
      assert.equal(text + json, '');
    }
  });
});

describe('privacy', () => {
  const off = { logAddresses: false };
  const bounce = bounced as unknown as EventDefinition;

  test('subjects are left out entirely, in all logs', () => {
    const { text, json, heard } = formatOne(subject as unknown as EventDefinition, [1, 'secret'], {
      logSubjects: false,
    });
    assert.deepEqual([text, json, heard], ['', '', []]);
  });

  test('addresses are replaced in all logs, in replies too', () => {
    const reply =
      '5.1.1 <Bob.Builder@example.com>: Recipient rejected: no user bob.builder here (SRS0=x=example.org=alice@relay.test)';
    const { text, json, heard } = formatOne(
      bounce,
      [1, 2, 'alice@example.org', 'bob.builder@example.com', 0, '5.1.1', 'No such user', '550', reply],
      off,
    );
    const said = '5.1.1 <redacted>: Recipient rejected: no user redacted here (redacted)';
    assert.ok(text.includes(`From: <redacted> To: <redacted> RID 0 - 5.1.1 - No such user ('550', ['${said}'])`), text);
    assert.equal((JSON.parse(json) as Record<string, unknown>)['reply'], said);
    assert.equal((JSON.parse(json) as Record<string, unknown>)['recipient'], redacted);
    assert.ok(heard[0]?.includes(said));
    for (const out of [text, json, heard[0] ?? '']) assert.doesNotMatch(out, /alice|bob|example\.com/i);
  });

  test('the null reverse-path stays, and so do host names, addresses of hosts and Message-IDs', () => {
    assert.ok(
      formatOne(bounce, [1, 2, '', 'b@y', 0, '5.1.1', 'x', '550', 'y'], off).text.includes('From: <> To: <redacted>'),
    );
    const connection = formatOne(
      incomingConnection as unknown as EventDefinition,
      [1, 'Management', '192.0.2.1', '198.51.100.7', 'mail.example.org', true, 'inbound', 'preferred'],
      off,
    );
    assert.ok(connection.text.includes('address 198.51.100.7 reverse dns host mail.example.org'));
    assert.ok(
      formatOne(messageId as unknown as EventDefinition, [1, '<x@example.org>'], off).text.includes(
        "'<x@example.org>'",
      ),
    );
  });

  test('no address of the usual kinds survives in any text field', () => {
    const local = fc.stringMatching(/^[A-Za-z0-9.!#$%&*+/=?^_{}~-]{1,30}$/).filter((text) => !/[{}]/.test(text));
    const address = fc.tuple(local, fc.domain()).map(([user, domain]) => `${user}@${domain}`);
    const around = fc.constantFrom(
      ['', ''],
      ['<', '>'],
      ['"', '"'],
      ['user ', ' unknown'],
      ['to=<', '>,'],
      ["'", "'"],
      ['(', ')'],
      ['mailto:', '.'],
    );
    fc.assert(
      fc.property(
        address,
        around,
        fc.constantFrom(deliveryResponse, systemNotice, bounced),
        (text, [before, after], event) => {
          const definition = event as unknown as EventDefinition;
          const values = definition.fields.map((field) => (/^(m|r|d)id$/.test(field) ? 1 : `${before}${text}${after}`));
          const { text: line, json, heard } = formatOne(definition, values, off);
          for (const out of [line, json, ...heard]) assert.ok(!out.includes(text), out);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('replacing is linear in the length of the text', () => {
    for (const text of [
      '@'.repeat(200_000),
      'a'.repeat(200_000),
      '"@'.repeat(100_000),
      'a@'.repeat(100_000),
      '"'.repeat(200_000),
    ]) {
      const begun = performance.now();
      redactText(text);
      assert.ok(performance.now() - begun < 1000, text.slice(0, 4));
    }
  });
});

test('days differ, hours do not', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('2000-01-01'), max: new Date('2099-01-01'), noInvalidDate: true }), (date) => {
      const noon = new Date(date.getFullYear(), date.getMonth(), date.getDate(), 12).getTime();
      assert.equal(localDay(date.getTime()), localDay(noon));
      assert.ok(localDay(noon + 86_400_000) > localDay(noon));
    }),
  );
});
