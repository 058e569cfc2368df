import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { defaultConfig } from '../../src/config/defaults.ts';
import { RevisionFiles } from '../../src/config/revisions.ts';
import { ConfigStore } from '../../src/config/store.ts';
import { requireValid } from '../../src/config/validate.ts';
import { PosternError } from '../../src/errors.ts';
import { demo, recorder, temporaryDirectory } from './directory.ts';

const initial = `hostname: gw.example.com
listeners:
  - { name: inbound, port: 2525 }
accept: [example.com]
`;

const revisionFile = (directory: string, number: number) =>
  join(directory, 'config', 'revisions', `${String(number).padStart(8, '0')}.json`);

/** Everything below `config/`, by name and contents. */
function contents(directory: string): Record<string, string> {
  const root = join(directory, 'config');
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'utf8')]),
  );
}

function refused(code: string, message: RegExp, remedy = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof PosternError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.match(error.remedy ?? '', remedy);
    return true;
  };
}

const rename = (hostname: string) => (config: ReturnType<typeof defaultConfig>) => ({ ...config, hostname });

test('a new data directory gets all defaults as revision 1, readable for nobody else', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { demo });
  assert.equal(store.committed().number, 1);
  assert.deepEqual(store.committed().config, requireValid({}));
  assert.deepEqual(store.warnings, []);
  const again = await ConfigStore.open(directory, { demo });
  assert.deepEqual(again.committed(), store.committed());
  await store.edit('admin', rename('new.example.com'));
  for (const entry of readdirSync(join(directory, 'config'), { recursive: true, withFileTypes: true })) {
    const { mode } = statSync(join(entry.parentPath, entry.name));
    assert.equal(mode & 0o777, entry.isDirectory() ? 0o700 : 0o600, entry.name);
  }
});

test('the first configuration comes from a YAML file', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo, now: () => 1234 });
  assert.equal(store.committed().config.hostname, 'gw.example.com');
  assert.deepEqual(store.history(), [
    { number: 1, time: 1234, user: 'postern', comment: 'Initial configuration (gateway.yaml)', offered: true },
  ]);
  const snapshot = await store.snapshot();
  assert.equal(snapshot.revision, 1);
  assert.equal(snapshot, store.current());
});

test('a broken first file is refused with line, key, reason and remedy, and nothing is stored', async (context) => {
  const directory = temporaryDirectory(context);
  for (const [text, message, remedy] of [
    ['hostnam: x\n', /^gateway\.yaml:1:1: hostnam: unknown key/, /did you mean "hostname"/],
    ['a: [\n', /^gateway\.yaml:1:4: a: the "\[" here is never closed/, /write "\]"/],
    [
      'certificates:\n  - {name: a, cert: /nonexistent.crt, key: /x.key}\n',
      /:2:21: certificates\[a\]\.cert: cannot read \/nonexistent\.crt: there is no such file/,
      /may read/,
    ],
  ] as const) {
    await assert.rejects(
      ConfigStore.open(directory, { initial: text, demo }),
      refused('bad-configuration', message, remedy),
    );
  }
  const store = await ConfigStore.open(directory, { initial, demo });
  assert.equal(store.committed().number, 1);
  assert.equal(store.committed().config.hostname, 'gw.example.com');
});

test('a file for a directory that has a configuration is not read, and that is said', async (context) => {
  const directory = temporaryDirectory(context);
  await ConfigStore.open(directory, { initial, demo });
  const store = await ConfigStore.open(directory, { initial: 'hostname: other.example.com\n', source: 'g.yaml', demo });
  assert.equal(store.committed().config.hostname, 'gw.example.com');
  assert.match(store.warnings.join(), /g\.yaml was not read.*revision 1.*config import/);
});

test('an upgraded first file says what it changed', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial: 'schema: 1\n', demo });
  assert.match(store.changes.join('\n'), /tls\.inbound\.versions: \(not set\) -> TLSv1\.1, TLSv1\.2/);
});

test('an edit is pending for its user alone, and survives a restart', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  assert.deepEqual(await store.edit('admin', rename('new.example.com')), [
    'hostname: gw.example.com -> new.example.com',
  ]);
  const again = await ConfigStore.open(directory, { demo });
  assert.deepEqual(again.pending('admin'), ['hostname: gw.example.com -> new.example.com']);
  assert.deepEqual(again.pending('other'), []);
  assert.deepEqual(again.users(), ['admin']);
  assert.equal(again.committed().config.hostname, 'gw.example.com');
  assert.equal(again.candidate('admin').config.hostname, 'new.example.com');
  assert.equal(again.candidate('other').config.hostname, 'gw.example.com');
  await again.clear('admin');
  assert.deepEqual((await ConfigStore.open(directory, { demo })).pending('admin'), []);
});

test('an edit that leads back to where it began leaves nothing pending', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  const before = contents(directory);
  await store.edit('admin', rename('new.example.com'));
  assert.deepEqual(await store.edit('admin', rename('gw.example.com')), []);
  assert.deepEqual(store.users(), []);
  assert.deepEqual(contents(directory), before);
});

test('a bad edit changes nothing', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  await store.edit('admin', rename('new.example.com'));
  const before = contents(directory);
  const bad: readonly (readonly [
    (config: ReturnType<typeof defaultConfig>) => ReturnType<typeof defaultConfig>,
    RegExp,
  ])[] = [
    [rename('bad name'), /hostname: "bad name" is not a host name/],
    [
      (config) => {
        config.tls.inbound.versions = ['TLSv1.0', 'TLSv1.2'];
        return config;
      },
      /tls\.inbound\.versions: .*TLS v1\.1/,
    ],
    [
      (config) => ({ ...config, certificates: [{ name: 'a', cert: '/nonexistent', key: '/x' }] }),
      /certificates\[a\]\.cert: cannot read/,
    ],
  ];
  for (const [change, message] of bad)
    await assert.rejects(store.edit('admin', change), refused('bad-configuration', message));
  await assert.rejects(
    store.edit('admin', () => {
      throw new Error('the dialogue was broken off');
    }),
    /broken off/,
  );
  await assert.rejects(store.edit('', rename('x.example.com')), refused('bad-usage', /user name/));
  await assert.rejects(store.edit('a\nb', rename('x.example.com')), refused('bad-usage', /user name/));
  assert.deepEqual(contents(directory), before);
  assert.deepEqual(store.pending('admin'), ['hostname: gw.example.com -> new.example.com']);
});

test('what is committed cannot be changed by accident', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  assert.throws(() => store.committed().config.accept.push('x'), TypeError);
  assert.throws(() => store.candidate('admin').config.accept.push('x'), TypeError);
  await store.edit('admin', (config) => {
    config.accept.push('other.example');
    return config;
  });
  assert.deepEqual(store.committed().config.accept, ['example.com']);
});

test('users whose names are paths, differ in case, or are long have candidates of their own', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  const users = ['admin', 'Admin', 'ADMIN', '../../etc/passwd', 'a/b', '.', '..', 'ä'.repeat(64), 'x%41', 'xA', 'con'];
  for (const [index, user] of users.entries()) await store.edit(user, rename(`h${index}.example.com`));
  const again = await ConfigStore.open(directory, { demo });
  assert.deepEqual(again.warnings, []);
  for (const [index, user] of users.entries())
    assert.equal(again.candidate(user).config.hostname, `h${index}.example.com`);
  const names = readdirSync(join(directory, 'config', 'candidates'));
  assert.equal(new Set(names.map((name) => name.toLowerCase())).size, users.length);
});

test('a commit prepares, stores, activates, in this order', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo, now: () => 99 });
  await store.snapshot();
  await store.edit('admin', rename('new.example.com'));
  const apply = recorder({
    prepare: async () => {
      assert.equal(existsSync(revisionFile(directory, 2)), false);
      assert.equal(store.current().revision, 1);
    },
    activate: async () => {
      assert.equal(existsSync(revisionFile(directory, 2)), true);
      assert.equal(store.current().revision, 2);
      assert.equal(store.committed().number, 2);
    },
  });
  const committed = await store.commit('admin', ' two\nlines\u0007 ', apply);
  assert.deepEqual(apply.steps, ['prepare 2', 'activate 2']);
  assert.equal(apply.snapshots[0]?.hostname, 'new.example.com');
  const { config, ...info } = committed;
  assert.deepEqual(info, { number: 2, time: 99, user: 'admin', comment: 'two lines', offered: true, problem: null });
  assert.equal(config.hostname, 'new.example.com');
  assert.deepEqual(store.pending('admin'), []);
  const again = await ConfigStore.open(directory, { demo });
  assert.deepEqual([again.committed().number, again.committed().config.hostname], [2, 'new.example.com']);
});

test('nothing pending: there is no data to commit', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  await assert.rejects(store.commit('admin', '', recorder()), /^PosternError: There is no data to commit\.$/);
});

test('a commit that a thread refuses changes nothing and is abandoned', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  await store.snapshot();
  await store.edit('admin', rename('new.example.com'));
  const before = contents(directory);
  const apply = recorder({
    prepare: async () => {
      throw new PosternError('bad-certificate', 'worker 1 cannot use it');
    },
  });
  await assert.rejects(store.commit('admin', '', apply), /worker 1 cannot use it/);
  assert.deepEqual(apply.steps, ['prepare 2', 'abandon 2']);
  assert.deepEqual(contents(directory), before);
  assert.deepEqual([store.committed().number, store.current().revision], [1, 1]);
  assert.deepEqual(store.pending('admin').length, 1);
  assert.equal((await store.commit('admin', '', recorder())).number, 2);
});

test('a commit that cannot be stored changes nothing and is abandoned', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  await store.edit('admin', rename('new.example.com'));
  // The file that would be written beside it cannot be opened: a directory stands there.
  mkdirSync(join(directory, 'config', 'revisions', '.new-00000002.json'));
  const apply = recorder();
  await assert.rejects(store.commit('admin', '', apply), refused('io', /cannot write .*00000002\.json/, /writable/));
  assert.deepEqual(apply.steps, ['prepare 2', 'abandon 2']);
  assert.equal(store.committed().number, 1);
  assert.equal(store.pending('admin').length, 1);
  assert.equal((await ConfigStore.open(directory, { demo })).committed().number, 1);
});

test('a thread that hangs in prepare ends the commit at the deadline', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo, deadline: 50 });
  await store.edit('admin', rename('new.example.com'));
  const hang = () => new Promise<void>(() => undefined);
  const apply = recorder({ prepare: hang, abandon: hang });
  await assert.rejects(
    store.commit('admin', '', apply),
    refused('timeout', /did not prepare the configuration within 50 ms/),
  );
  assert.deepEqual(apply.steps, ['prepare 2', 'abandon 2']);
  assert.equal(store.committed().number, 1);
  assert.match(store.warnings.join(), /could not be abandoned everywhere/);
});

test('once it is stored, a silent thread is a problem to tell, not a failure', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo, deadline: 50 });
  await store.edit('admin', rename('new.example.com'));
  const committed = await store.commit('admin', '', recorder({ activate: () => new Promise(() => undefined) }));
  assert.equal(committed.number, 2);
  assert.match(
    committed.problem ?? '',
    /revision 2 is stored but not active everywhere: .*did not activate.* within 50 ms/,
  );
  assert.equal(store.committed().number, 2);
});

test('changes of two administrators to different keys are merged', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  await store.edit('anna', (config) => {
    config.tls.inbound.versions = ['TLSv1.3'];
    config.accept.push('anna.example');
    return config;
  });
  await store.edit('ben', (config) => {
    config.tls.outbound.versions = ['TLSv1.3'];
    config.accept.push('ben.example');
    return config;
  });
  await store.commit('anna', '', recorder());
  await store.commit('ben', '', recorder());
  const { config, number } = store.committed();
  assert.equal(number, 3);
  assert.deepEqual([config.tls.inbound.versions, config.tls.outbound.versions], [['TLSv1.3'], ['TLSv1.3']]);
  assert.deepEqual(config.accept.toSorted(), ['anna.example', 'ben.example', 'example.com']);
  assert.deepEqual(await store.diff(2, 3), [
    'accept: added ben.example',
    'tls.outbound.versions: TLSv1.2, TLSv1.3 -> TLSv1.3',
  ]);
});

test('who changed the same key second is told the key and who was first; either value can be kept', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  for (const [user, port] of [
    ['anna', 26],
    ['ben', 27],
  ] as const) {
    await store.edit(user, (config) => ({
      ...config,
      hostname: `${user}.example.com`,
      listeners: config.listeners.map((listener) => ({ ...listener, port })),
    }));
  }
  await store.edit('ben', (config) => ({ ...config, accept: [...config.accept, 'ben.example'] }));
  await store.commit('anna', '', recorder());
  assert.deepEqual(store.conflicts('ben'), ['hostname', 'listeners[inbound].port']);
  const before = contents(directory);
  const apply = recorder();
  await assert.rejects(
    store.commit('ben', '', apply),
    refused(
      'conflict',
      /^anna has changed, in revision 2, .*revision 1\): hostname; listeners\[inbound\]\.port$/,
      /keep/,
    ),
  );
  assert.deepEqual(apply.steps, []);
  assert.deepEqual(contents(directory), before);

  assert.deepEqual(await store.resolve('ben', 'theirs'), ['accept: added ben.example']);
  assert.deepEqual(store.conflicts('ben'), []);
  await store.edit('ben', rename('ben.example.com'));
  await store.commit('ben', '', recorder());
  assert.deepEqual(store.committed().config.hostname, 'ben.example.com');
  assert.deepEqual(store.committed().config.listeners[0]?.port, 26);
});

test('keeping mine in a conflict', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  await store.edit('anna', rename('anna.example.com'));
  await store.edit('ben', rename('ben.example.com'));
  await store.commit('anna', '', recorder());
  assert.deepEqual(await store.resolve('ben', 'mine'), ['hostname: anna.example.com -> ben.example.com']);
  assert.equal((await store.commit('ben', '', recorder())).config.hostname, 'ben.example.com');
});

test('two changes that are fine alone and wrong together are refused by the rules', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  for (const user of ['anna', 'ben']) {
    await store.edit(user, (config) => {
      const [first] = config.listeners;
      assert.ok(first !== undefined);
      return { ...config, listeners: [...config.listeners, { ...first, name: user, port: 2526 }] };
    });
  }
  await store.commit('anna', '', recorder());
  assert.deepEqual(store.conflicts('ben'), []);
  const apply = recorder();
  await assert.rejects(
    store.commit('ben', '', apply),
    refused('bad-configuration', /listeners\[ben\]\.port: .*taken by the listener "anna"/),
  );
  assert.deepEqual(apply.steps, []);
  assert.equal(store.committed().number, 2);
});

test('a change that somebody else has committed meanwhile is pending no more', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  await store.edit('anna', rename('new.example.com'));
  await store.edit('ben', rename('new.example.com'));
  await store.commit('anna', '', recorder());
  assert.deepEqual(store.users(), []);
});

test('commits that come at once are done one after the other', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  const users = Array.from({ length: 8 }, (_, index) => `user${index}`);
  await Promise.all(
    users.map((user) => store.edit(user, (config) => ({ ...config, accept: [...config.accept, `${user}.example`] }))),
  );
  let inside = 0;
  const apply = recorder({
    prepare: async () => {
      inside++;
      await new Promise((resolve) => setTimeout(resolve, 2));
      assert.equal(inside, 1);
    },
    activate: async () => void inside--,
  });
  const committed = await Promise.all(users.map((user) => store.commit(user, '', apply)));
  assert.deepEqual(
    committed.map(({ number }) => number),
    [2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.equal(store.committed().config.accept.length, 9);
});

test('rollback to any revision, as a candidate', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  for (const name of ['b', 'c', 'd']) {
    await store.edit('admin', rename(`${name}.example.com`));
    await store.commit('admin', `to ${name}`, recorder(), { saveForRollback: name !== 'c' });
  }
  assert.deepEqual(
    store.history().map(({ number, comment, offered }) => [number, comment, offered]),
    [
      [4, 'to d', true],
      [3, 'to c', true],
      // What revision 3 replaced was not to be kept for rollback.
      [2, 'to b', false],
      [1, 'Initial configuration (gateway.yaml)', true],
    ],
  );
  assert.deepEqual((await ConfigStore.open(directory, { demo })).history(), store.history());
  assert.deepEqual(await store.rollback('admin', 1), ['hostname: d.example.com -> gw.example.com']);
  assert.equal(store.committed().number, 4);
  assert.equal((await store.commit('admin', 'back', recorder())).number, 5);
  assert.deepEqual(store.committed().config, (await store.revision(1)).config);
  assert.deepEqual(await store.diff(1, 5), []);
  assert.deepEqual(await store.rollback('admin', 5), []);
  await assert.rejects(store.rollback('admin', 77), refused('not-found', /no revision 77/, /from 1 to 5/));
});

test('a rollback upon an older candidate is upon the revision in force', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  await store.edit('ben', (config) => ({ ...config, accept: [] }));
  await store.edit('anna', rename('anna.example.com'));
  await store.commit('anna', '', recorder());
  assert.deepEqual(await store.rollback('ben', 1), ['hostname: anna.example.com -> gw.example.com']);
  assert.equal((await store.commit('ben', '', recorder())).config.hostname, 'gw.example.com');
});

test('the history is bounded; a candidate outlives the revision that it was begun on', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo, keep: 5 });
  await store.edit('slow', (config) => ({ ...config, accept: ['slow.example'] }));
  for (let index = 2; index <= 12; index++) {
    await store.edit('admin', rename(`h${index}.example.com`));
    await store.commit('admin', '', recorder());
  }
  assert.deepEqual(
    store.history().map(({ number }) => number),
    [12, 11, 10, 9, 8],
  );
  assert.equal(readdirSync(join(directory, 'config', 'revisions')).length, 5);
  const again = await ConfigStore.open(directory, { demo, keep: 5 });
  assert.equal((await again.commit('slow', '', recorder())).number, 13);
  assert.deepEqual(again.committed().config.accept, ['slow.example']);
  assert.equal(again.committed().config.hostname, 'h12.example.com');
});

test('the longest comment and name fit', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  const user = '"\u{1f600}'.repeat(21);
  await store.edit(user, rename('x.example.com'));
  await store.commit(user, '"\\\u{1f600}'.repeat(2000), recorder());
  const again = await ConfigStore.open(directory, { demo });
  assert.deepEqual(again.warnings, []);
  assert.deepEqual(again.history(), store.history());
  assert.ok(again.history()[0]?.comment.isWellFormed());
});

test('damaged revisions are named; the last good one is in force', async (context) => {
  const damages: readonly (readonly [string, (text: string) => string | Buffer, RegExp])[] = [
    ['empty', () => '', /first line is not that of a revision/],
    ['cut in its head', (text) => text.slice(0, 30), /first line is not that of a revision/],
    ['cut in its body', (text) => text.slice(0, -100), /has \d+ bytes instead of \d+/],
    ['zeros', (text) => Buffer.alloc(text.length), /first line is not that of a revision/],
    ['zeros behind its head', (text) => text.slice(0, 600).padEnd(text.length, '\0'), /do not match its checksum/],
    ['one letter changed', (text) => text.replace('c.example.com', 'x.example.com'), /do not match its checksum/],
    ['another revision', (text) => text.replace('"number":3', '"number":2'), /not that of this revision/],
    ['a head that is no JSON', (text) => text.replace('{', '('), /damaged/],
  ];
  for (const [name, damage, why] of damages) {
    const directory = temporaryDirectory(context);
    const store = await ConfigStore.open(directory, { initial, demo });
    for (const host of ['b', 'c']) {
      await store.edit('admin', rename(`${host}.example.com`));
      await store.commit('admin', '', recorder());
    }
    const file = revisionFile(directory, 3);
    writeFileSync(file, damage(readFileSync(file, 'utf8')));
    const again = await ConfigStore.open(directory, { demo });
    assert.deepEqual([again.committed().number, again.committed().config.hostname], [2, 'b.example.com'], name);
    const warnings = again.warnings.join('\n');
    assert.match(warnings, /00000003\.json is damaged/, name);
    assert.match(warnings, why, name);
    assert.match(warnings, /revision 2 is in force/, name);
    // The damaged file is kept as it is, and its number is not given again.
    await again.edit('admin', rename('d.example.com'));
    assert.equal((await again.commit('admin', '', recorder())).number, 4);
    assert.equal((await ConfigStore.open(directory, { demo })).committed().number, 4);
    await assert.rejects(again.revision(3), refused('not-found', /no revision 3/));
  }
});

test('damage in an old revision does not matter until it is asked for', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  await store.edit('admin', rename('b.example.com'));
  await store.commit('admin', '', recorder());
  const file = revisionFile(directory, 1);
  writeFileSync(file, readFileSync(file, 'utf8').replace('gw.example.com', 'xx.example.com'));
  const again = await ConfigStore.open(directory, { demo });
  assert.equal(again.committed().number, 2);
  await assert.rejects(again.rollback('admin', 1), refused('io', /00000001\.json is damaged \(its contents/, /backup/));
  assert.deepEqual(again.pending('admin'), []);
});

test('where no revision can be read, the gateway does not start with something else', async (context) => {
  const directory = temporaryDirectory(context);
  await ConfigStore.open(directory, { initial, demo });
  writeFileSync(revisionFile(directory, 1), 'garbage');
  await assert.rejects(
    ConfigStore.open(directory, { initial, demo }),
    refused('io', /no revision of the configuration can be read: .*00000001\.json is damaged/, /backup/),
  );
});

test('a revision of a newer version is not passed over for an older one', async (context) => {
  const directory = temporaryDirectory(context);
  await ConfigStore.open(directory, { initial, demo });
  const { createHash } = await import('node:crypto');
  const body = '{"schema":3,"hostname":"gw.example.com"}\n';
  const head = {
    number: 2,
    time: 1,
    user: 'a',
    comment: '',
    offersPrevious: true,
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
  };
  writeFileSync(revisionFile(directory, 2), `postern-revision ${JSON.stringify(head)}\n${body}`);
  await assert.rejects(
    ConfigStore.open(directory, { demo }),
    refused('bad-configuration', /00000002\.json: schema: .*schema 3/, /another version/),
  );
});

test('what else lies in the directories is named or cleared away', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  await store.edit('admin', rename('b.example.com'));
  writeFileSync(join(directory, 'config', 'revisions', 'notes.txt'), 'x');
  writeFileSync(join(directory, 'config', 'revisions', '.new-00000002.json'), 'cut short');
  writeFileSync(join(directory, 'config', 'candidates', '.new-admin.json'), 'cut short');
  writeFileSync(join(directory, 'config', 'candidates', 'ghost.json'), '\0\0\0');
  const again = await ConfigStore.open(directory, { demo });
  assert.equal(again.committed().number, 1);
  assert.deepEqual(again.users(), ['admin']);
  assert.match(again.warnings.join('\n'), /notes\.txt is not a revision/);
  assert.match(again.warnings.join('\n'), /ghost\.json is damaged .*its changes are lost/);
  assert.equal(existsSync(join(directory, 'config', 'revisions', '.new-00000002.json')), false);
  assert.equal(existsSync(join(directory, 'config', 'candidates', '.new-admin.json')), false);
});

test('import makes a document the candidate; export brings it back', async (context) => {
  const store = await ConfigStore.open(temporaryDirectory(context), { initial, demo });
  const exported = await store.exportText();
  assert.match(exported, /^# Postern configuration: revision 1, /);
  assert.deepEqual(await store.importText('admin', exported), { changes: [], pending: [] });
  const imported = await store.importText('admin', 'schema: 1\nhostname: gw.example.com\naccept: [example.com]\n');
  assert.match(imported.changes.join('\n'), /schema: 1 -> 2/);
  // What the document leaves out is at its default: the listener is gone.
  assert.ok(imported.pending.includes('listeners[inbound]: removed'));
  await store.commit('admin', '', recorder());
  assert.deepEqual(store.committed().config.tls.outbound.versions, ['TLSv1.1', 'TLSv1.2']);
  assert.deepEqual(await store.importText('admin', exported), {
    changes: [],
    pending: await store.diff(2, 1),
  });
});

test('a broken import changes nothing', async (context) => {
  const directory = temporaryDirectory(context);
  const store = await ConfigStore.open(directory, { initial, demo });
  await store.edit('admin', rename('b.example.com'));
  const before = contents(directory);
  for (const [text, message] of [
    ['hostname: [\n', /^my\.yaml:1:11: hostname: the "\[" here is never closed/],
    ['accept: [example.com]\nacept: []\n', /^my\.yaml:2:1: acept: unknown key "acept"/],
    [
      'listeners:\n  - {name: a, port: 25, certificate: c}\ncertificates:\n  - {name: c, cert: none.crt, key: none.key}\n',
      /^my\.yaml:4:21: certificates\[c\]\.cert: cannot read .*none\.crt/,
    ],
  ] as const) {
    await assert.rejects(store.importText('admin', text, 'my.yaml'), refused('bad-configuration', message));
  }
  assert.deepEqual(contents(directory), before);
});

test('whoever only reads the revisions of a running gateway leaves what is being written alone', async (context) => {
  const directory = temporaryDirectory(context);
  await ConfigStore.open(directory, { initial, demo });
  const revisions = join(directory, 'config', 'revisions');
  const written = join(revisions, '.new-00000002.json');
  writeFileSync(written, 'half of a revision');
  assert.deepEqual(
    (await RevisionFiles.openToRead(revisions)).history().map(({ number }) => number),
    [1],
  );
  assert.ok(existsSync(written));
  await ConfigStore.open(directory, { demo });
  assert.ok(!existsSync(written), 'what a crash left is removed by the next writer');
});
