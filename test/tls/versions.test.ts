import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  boxes,
  checkSelection,
  logName,
  menu,
  menuDefault,
  methodToken,
  nodeVersionRange,
  parseMenu,
  parseMethodToken,
  type TlsVersion,
  tlsVersions,
} from '../../src/tls/versions.ts';
import { legalSelections } from './peers.ts';

/** `0 2` → TLSv1.0, TLSv1.2. */
const pick = (digits: string) =>
  tlsVersions.filter((version) => digits.split(' ').some((digit) => digit !== '' && version === `TLSv1.${digit}`));

const anySubset = fc.subarray([...tlsVersions]);

describe('the run rule', () => {
  test('allows ten selections and refuses six', () => {
    const all = Array.from({ length: 16 }, (_, bits) => tlsVersions.filter((_v, index) => ((bits >> index) & 1) === 1));
    const allowed = all.filter((versions) => checkSelection(versions).ok);
    assert.equal(allowed.length, 10);
    assert.deepEqual(allowed.map(String).sort(), legalSelections.map(String).sort());
  });

  const holes: readonly [string, RegExp][] = [
    ['', /at least one/],
    ['0 2', /^TLS v1\.1 is missing/],
    ['0 3', /^TLS v1\.1 and TLS v1\.2 are missing/],
    ['1 3', /^TLS v1\.2 is missing/],
    ['0 1 3', /^TLS v1\.2 is missing/],
    ['0 2 3', /^TLS v1\.1 is missing/],
  ];
  for (const [digits, message] of holes) {
    test(`refuses {${digits}}`, () => {
      const result = checkSelection(pick(digits));
      assert.ok(!result.ok);
      assert.match(result.message, message);
    });
  }

  test('sorts, and takes a version once', () => {
    assert.deepEqual(checkSelection(['TLSv1.3', 'TLSv1.2', 'TLSv1.3']), { ok: true, versions: pick('2 3') });
  });

  test('names a word that is no version', () => {
    const result = checkSelection(['SSLv3']);
    assert.ok(!result.ok);
    assert.match(result.message, /"SSLv3" is no TLS version/);
  });
});

describe('method tokens', () => {
  test('are ascending and glued together', () => {
    assert.equal(methodToken(['TLSv1.2', 'TLSv1.1']), 'tlsv1_1tlsv1_2');
    assert.equal(methodToken(tlsVersions), 'tlsv1_0tlsv1_1tlsv1_2tlsv1_3');
  });

  test('are read back', () => {
    for (const versions of legalSelections) {
      assert.deepEqual(parseMethodToken(methodToken(versions).toUpperCase()), { ok: true, versions });
    }
  });

  test('of other text are refused', () => {
    for (const text of ['', 'tlsv1', 'tlsv1_4', 'tlsv1_1tlsv1_3', 'sslv3tlsv1_0', 'tlsv1_2x']) {
      assert.ok(!parseMethodToken(text).ok, text);
    }
  });
});

describe('the menu', () => {
  test('is descending', () => {
    assert.deepEqual(
      menu.map((entry) => entry.text),
      ['1. TLS v1.3', '2. TLS v1.2', '3. TLS v1.1', '4. TLS v1.0'],
    );
  });

  test('has the present selection as its default', () => {
    assert.equal(menuDefault(pick('0 1 2')), '2-4');
    assert.equal(menuDefault(pick('1 2')), '2-3');
    assert.equal(menuDefault(pick('2')), '2');
  });

  const accepted: readonly [string, string][] = [
    ['2', '2'],
    ['1-4', '0 1 2 3'],
    ['4-1', '0 1 2 3'],
    ['1, 2, 3', '1 2 3'],
    ['1,2', '2 3'],
    ['3 2', '1 2'],
    [' 1 - 2 ', '2 3'],
    ['1,2-3', '1 2 3'],
    ['', '1 2'],
    ['  ', '1 2'],
  ];
  for (const [input, digits] of accepted) {
    test(`"${input}"`, () => {
      assert.deepEqual(parseMenu(input, pick('1 2')), { ok: true, versions: pick(digits) });
    });
  }

  test('a hole names the missing version', () => {
    const result = parseMenu('1, 3', pick('2'));
    assert.ok(!result.ok);
    assert.match(result.message, /^TLS v1\.2 is missing/);
  });

  for (const input of ['0', '5', '1-5', 'x', '1;2', '-1', '1-', '1--2', '１', '9'.repeat(300)]) {
    test(`"${input.slice(0, 10)}" is refused`, () => {
      const result = parseMenu(input, pick('2'));
      assert.ok(!result.ok);
      assert.match(result.message, /is not a choice; enter a number from 1 to 4/);
    });
  }

  test('the default that is shown gives the selection back', () => {
    for (const versions of legalSelections) {
      assert.deepEqual(parseMenu(menuDefault(versions), pick('3')), { ok: true, versions });
    }
  });

  test('never throws, and what it lets pass is a legal selection', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-5 ,-]{0,12}$/)), (input) => {
        const result = parseMenu(input, pick('2'));
        if (result.ok) assert.deepEqual(checkSelection(result.versions), result);
        else assert.ok(result.message.length > 0);
      }),
    );
  });
});

describe('the boxes', () => {
  const table: readonly [selected: string, add: string, remove: string][] = [
    ['1 2', '0 3', '1 2'],
    ['2 3', '1', '2 3'],
    ['1 2 3', '0', '1 3'],
    ['0 1 2 3', '', '0 3'],
    ['3', '2', ''],
    ['2', '1 3', ''],
    ['0', '1', ''],
    ['0 1 2', '3', '0 2'],
  ];
  for (const [selected, add, remove] of table) {
    test(selected, () => {
      const shown = boxes(pick(selected));
      const having = (action: string | null) => shown.filter((box) => box.action === action).map((box) => box.version);
      assert.deepEqual(having('add'), pick(add));
      assert.deepEqual(having('remove'), pick(remove));
      assert.deepEqual(
        shown.filter((box) => box.selected).map((box) => box.version),
        pick(selected),
      );
    });
  }

  test('whatever they let one do leads to a legal selection, and everything else would not', () => {
    for (const selection of legalSelections) {
      for (const box of boxes(selection)) {
        const changed: readonly TlsVersion[] = box.selected
          ? selection.filter((version) => version !== box.version)
          : [...selection, box.version];
        assert.equal(box.active, checkSelection(changed).ok, `${selection} ${box.version}`);
        assert.equal(box.action, box.active ? (box.selected ? 'remove' : 'add') : null);
      }
    }
  });

  test('a grey box says why, and names the versions that it speaks of', () => {
    const table: readonly (readonly [string, string, string, string, RegExp])[] = [
      ['2 3', '0', 'apart', '1', /^Select TLS v1\.1 first: /],
      ['3', '0', 'apart', '1 2', /^Select TLS v1\.1 and TLS v1\.2 first: /],
      ['0', '3', 'apart', '1 2', /^Select TLS v1\.1 and TLS v1\.2 first: /],
      ['1 2 3', '2', 'inside', '1 3', /^TLS v1\.2 bridges TLS v1\.1 and TLS v1\.3: /],
      ['3', '3', 'last', '', /^TLS v1\.3 is the only version selected/],
    ];
    for (const [selected, which, code, versions, text] of table) {
      const box = boxes(pick(selected)).find(({ version }) => version === pick(which)[0]);
      assert.equal(box?.reason?.code, code);
      assert.deepEqual(box?.reason?.versions, pick(versions));
      assert.match(box?.reason?.text ?? '', text);
    }
    for (const selection of legalSelections) {
      for (const box of boxes(selection)) assert.equal(box.reason === null, box.active);
    }
  });

  test('every legal selection is reached from every other', () => {
    const reached = new Set<string>();
    const walk = (selection: readonly TlsVersion[]): void => {
      const token = methodToken(selection);
      if (reached.has(token)) return;
      reached.add(token);
      for (const box of boxes(selection)) {
        if (box.action === 'remove') walk(selection.filter((version) => version !== box.version));
        if (box.action === 'add') walk([...selection, box.version]);
      }
    };
    walk(pick('3'));
    assert.equal(reached.size, 10);
  });
});

test('names for Node and for the log', () => {
  assert.deepEqual(nodeVersionRange(pick('0 1 2')), { minVersion: 'TLSv1', maxVersion: 'TLSv1.2' });
  assert.deepEqual(nodeVersionRange(pick('3')), { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' });
  assert.deepEqual(tlsVersions.map(logName), ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']);
});

test('order and repeats of the input make no difference', () => {
  fc.assert(
    fc.property(anySubset, fc.array(fc.nat(3)), (versions, repeats) => {
      const again = repeats.flatMap((index) => versions[index] ?? []);
      assert.deepEqual(checkSelection([...again, ...versions.toReversed()]), checkSelection(versions));
    }),
  );
});
