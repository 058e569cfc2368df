// Sessions as text files, played through the real client and server: what is typed stands behind the prompts, and the
// whole output must be the file, character by character. `<time>`, `<span>` and others (`variable`) stand for what differs.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureDemoCertificate } from '../../src/tls/certificates.ts';
import { queueExample } from './host.ts';
import { script, withShell } from './shell.ts';

process.env['TZ'] = 'UTC';

const directory = join(import.meta.dirname, 'dialogues');
const prompt = /^(?:gw\.example\.com> |(?:[^[\n]* )?\[[^\]\n]*\]> )(.*)$/;

/** The file without its comments at the top (`#`), and the lines that are typed in it. */
function read(name: string): { readonly expected: string; readonly typed: string; readonly failing: boolean } {
  const text = readFileSync(join(directory, name), 'utf8');
  const lines = text.split('\n');
  const comments = lines.filter((_, index) => lines.slice(0, index + 1).every((above) => above.startsWith('#')));
  const expected = lines.slice(comments.length);
  let pasting = false;
  const typed = expected.flatMap((line) => {
    if (pasting) {
      pasting = line !== '.';
      return [line];
    }
    pasting = line.startsWith('Paste the configuration now.');
    return prompt.exec(line)?.slice(1, 2) ?? [];
  });
  return {
    expected: expected.join('\n'),
    typed: typed.map((line) => `${line}\n`).join(''),
    failing: comments.some((line) => line.includes('exit status 1')),
  };
}

/** Configurations of dialogues that have one of their own. */
const initials: Readonly<Record<string, string>> = {
  // Nobody answers there: what DNS says is the matter of test/publish/.
  'dkimconfig.txt': 'hostname: gw.example.com\ndns: { servers: ["127.0.0.1:9"] }\n',
};

const variable: readonly (readonly [string, RegExp])[] = [
  ['<time>', /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \d{4} [A-Z]+/g],
  ['<date>', /\b\d{4}-\d\d-\d\d\b/g],
  ['<key>', /[A-Za-z0-9+/]{40,}=*(?:" "[A-Za-z0-9+/=]+)*/g],
  ['<selector>', /\bp\d{8}[er]\b/g],
  ['<random>', /(?<=-)[0-9a-f]{8}(?=\.key)/g],
  ['<directory>', /\/\S*postern-shell-\w+/g],
  ['<span>', /\b(?:\d+d )?(?:\d+h )?(?:\d+m )?\d+s\b/g],
];

/** Replaces times by words where the expected text has the word at all. */
function settle(text: string, expected: string): string {
  return variable.reduce(
    (result, [word, form]) => (expected.includes(word) ? result.replaceAll(form, word) : result),
    text,
  );
}

for (const name of readdirSync(directory).filter((file) => file.endsWith('.txt'))) {
  test(`dialogue ${name}`, async () => {
    const { expected, typed, failing } = read(name);
    const initial = initials[name];
    const now = () => Date.UTC(2026, 10, 23, 14, 49, 0);
    await withShell(
      async ({ host }) => {
        if (initial !== undefined) await host.config.snapshot();
        const demo = join(host.dataDirectory, 'demo');
        await ensureDemoCertificate(demo, 'mx.example.com');
        cpSync(join(demo, 'demo-ecdsa.crt'), join(host.dataDirectory, 'mx.crt'));
        cpSync(join(demo, 'demo-ecdsa.key'), join(host.dataDirectory, 'mx.key'));
        const result = await script(host.dataDirectory, typed);
        assert.equal(settle(result.output, expected), expected);
        assert.equal(result.errors, '');
        assert.equal(result.status, failing ? 1 : 0);
      },
      { now, queue: queueExample(), ...(initial === undefined ? {} : { initial }) },
    );
  });
}

test('destconfig: an entry that leaves the level to the wider one goes on doing so', async () => {
  await withShell(async ({ host }) => {
    const entry = { domain: 'partner.example', names: ['host'], certificate: 'demo' };
    await host.config.edit('admin', (config) => ({ ...config, destinations: [entry] }));
    const { output } = await script(host.dataDirectory, 'destconfig\nedit\npartner.example\n\n\n\n\n\n\n\n\n\n');
    assert.match(output, /9\. Default\n\[9\]> /);
    assert.deepEqual(host.config.candidate('admin').config.destinations, [entry]);
    await script(host.dataDirectory, '', 'destconfig EDIT partner.example N N N N');
    assert.deepEqual(host.config.candidate('admin').config.destinations, [{ domain: 'partner.example' }]);
  });
});
