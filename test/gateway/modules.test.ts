// What each thread loads. One import too many costs every start and every thread: the schema of the configuration brings 373
// modules, the web service 900 (measured: half of the processor time of a start).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

/** URLs of all modules that an import of the file brings. */
function loadedBy(...files: readonly string[]): readonly string[] {
  const program = `
    import { registerHooks } from 'node:module';
    const urls = [];
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
    for (const file of process.argv.slice(1)) await import(file);
    console.log(JSON.stringify(urls));`;
  const args = files.map((file) => new URL(`../../src/${file}`, import.meta.url).href);
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program, ...args], {
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as string[];
}

const packageOf = (url: string) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
const packages = (urls: readonly string[]) => [...new Set(urls.flatMap((url) => packageOf(url) ?? []))].toSorted();

test('threads that move mail load neither the schema of the configuration nor the web service', () => {
  const mail = loadedBy('gateway/mail-worker.ts');
  assert.ok(mail.some((url) => url.endsWith('/src/gateway/mail-worker.ts')));
  assert.deepEqual(packages(mail), ['@leichtgewicht/ip-codec', 'dns-packet']);
  assert.deepEqual(packages(loadedBy('ledger/ledger.ts', 'preview/groups.ts', 'spool/spool.ts')), ['tldts']);
  assert.deepEqual(packages(loadedBy('preview/engine.ts')), []);
});

test('a gateway without a port for the web service does not load it, the shell hardly anything', () => {
  const gateway = loadedBy('gateway/serve.ts');
  assert.deepEqual(
    packages(gateway).filter((name) => /fastify|ajv|mailauth|peculiar|forge/.test(name)),
    [],
  );
  assert.ok(loadedBy('admin/shell/client.ts').length < 40);
});
