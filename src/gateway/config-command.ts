// `postern config`: reads the committed revisions from the data directory; an import goes through the shell of the running
// gateway, or straight into the directory of a stopped one.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { runShell } from '../admin/shell/client.ts';
import { differenceLines } from '../config/difference.ts';
import { RevisionFiles, type RevisionInfo } from '../config/revisions.ts';
import { type RollOut, readRollOut } from '../config/rollout.ts';
import type { ConfigApply } from '../config/store.ts';
import { ConfigStore } from '../config/store.ts';
import { printConfig } from '../config/yaml.ts';
import { PosternError } from '../errors.ts';
import { type DirectoryLock, lockDirectory } from './lock.ts';

const say = (text: string) => process.stdout.write(`${text}\n`);

/** Resolves with the exit status. Throws PosternError; `bad-usage` where the words are wrong. */
export async function runConfig(dataDirectory: string, words: readonly string[], force = false): Promise<number> {
  const [verb, ...rest] = words;
  if (force && verb !== 'import') throw new PosternError('bad-usage', '--force belongs to "config import"');
  switch (verb) {
    case 'export':
      expect(rest, 0, 0);
      return exportConfig(await revisions(dataDirectory));
    case 'history':
      expect(rest, 0, 0);
      return listHistory(await revisions(dataDirectory), await readRollOut(join(dataDirectory, 'config')));
    case 'diff': {
      expect(rest, 0, 2);
      const numbers = rest.map(revisionNumber);
      if (numbers.length === 1) {
        throw new PosternError('bad-usage', 'two revisions are needed', { remedy: 'usage: postern config diff [A B]' });
      }
      return showDifference(await revisions(dataDirectory), numbers);
    }
    case 'import':
      expect(rest, 1, 1);
      return importConfig(dataDirectory, rest[0] ?? '', force);
    default:
      throw new PosternError(
        'bad-usage',
        verb === undefined ? 'what shall be done is missing' : `unknown word "${verb}"`,
        {
          remedy: 'usage: postern config export|import FILE|diff [A B]|history [--data DIR]',
        },
      );
  }
}

function expect(words: readonly string[], least: number, most: number): void {
  if (words.length >= least && words.length <= most) return;
  throw new PosternError(
    'bad-usage',
    words.length < least ? 'a word is missing' : `too many words: ${words.join(' ')}`,
    {
      remedy: 'usage: postern config export|import FILE|diff [A B]|history [--data DIR]',
    },
  );
}

/** Null: the directory holds none. Revisions are written once and never changed: reading needs no lock. */
async function findRevisions(dataDirectory: string): Promise<RevisionFiles | null> {
  const directory = join(dataDirectory, 'config', 'revisions');
  if (!existsSync(directory)) return null;
  const files = await RevisionFiles.openToRead(directory);
  return files.empty ? null : files;
}

async function revisions(dataDirectory: string): Promise<RevisionFiles> {
  const files = await findRevisions(dataDirectory);
  if (files === null) {
    throw new PosternError('not-found', `${dataDirectory} holds no configuration`, {
      remedy: 'name the right directory with --data, or make one with "postern serve" or "postern config import"',
    });
  }
  for (const warning of files.warnings) process.stderr.write(`postern config: ${warning}\n`);
  return files;
}

async function exportConfig(files: RevisionFiles): Promise<number> {
  const newest = await files.newest();
  if (newest === null) throw new PosternError('io', 'no revision can be read');
  const { info, config } = newest;
  process.stdout.write(printConfig(config, { heading: `Postern configuration: ${describe(info)}` }));
  return 0;
}

function listHistory(files: RevisionFiles, rollOut: RollOut | null): number {
  for (const info of files.history()) {
    const running = rollOut?.revision === info.number;
    const share = running ? ` (rolled out to ${rollOut.share} % until ${new Date(rollOut.until).toISOString()})` : '';
    say(`${describe(info)}${share}`);
  }
  return 0;
}

function describe(info: RevisionInfo): string {
  const comment = info.comment === '' ? '' : `: ${info.comment}`;
  return `revision ${info.number}, ${new Date(info.time).toISOString()}, by ${info.user}${comment}`;
}

function revisionNumber(word: string): number {
  if (/^[1-9]\d{0,14}$/.test(word)) return Number(word);
  throw new PosternError('bad-usage', `"${word}" is not the number of a revision`, {
    remedy: '"postern config history" lists them',
  });
}

async function showDifference(files: RevisionFiles, numbers: readonly number[]): Promise<number> {
  const [newest, before] = files.history();
  const [from = before?.number, to = newest?.number] = numbers;
  if (from === undefined || to === undefined) {
    say('There is only one revision.');
    return 0;
  }
  const lines = differenceLines(await files.read(from), await files.read(to));
  say(lines.length === 0 ? 'No difference.' : lines.join('\n'));
  return 0;
}

async function importConfig(dataDirectory: string, file: string, force: boolean): Promise<number> {
  if (!existsSync(file)) throw new PosternError('not-found', `there is no file ${file}`);
  const text = readFileSync(file, 'utf8');
  const lock = tryLock(dataDirectory);
  if (lock === null) return importIntoRunning(dataDirectory, file, text, force);
  try {
    return await importIntoStopped(dataDirectory, file, text);
  } finally {
    lock.release();
  }
}

function tryLock(dataDirectory: string): DirectoryLock | null {
  try {
    return lockDirectory(dataDirectory);
  } catch (error) {
    if (error instanceof PosternError && error.code === 'in-use') return null;
    throw error;
  }
}

/** Nothing runs under it: there is nothing to prepare. */
const nobody: ConfigApply = {
  prepare: async () => undefined,
  activate: async () => undefined,
  abandon: async () => undefined,
};

async function importIntoStopped(dataDirectory: string, file: string, text: string): Promise<number> {
  // A first start that was refused leaves directories and no revision.
  const isNew = (await findRevisions(dataDirectory)) === null;
  const store = await ConfigStore.open(dataDirectory, isNew ? { initial: text, source: file } : {});
  let { changes } = store;
  if (!isNew) {
    const imported = await store.importText('admin', text, file);
    changes = [...imported.changes];
    if (imported.pending.length === 0) {
      say('Nothing would change.');
      return 0;
    }
    await store.commit('admin', `import of ${file}`, nobody);
  }
  for (const change of changes) say(change);
  for (const warning of store.warnings) process.stderr.write(`postern config: ${warning}\n`);
  say(`Changes committed: revision ${store.committed().number}.`);
  return 0;
}

/** `force`: although somebody who was seen breaks, or an administrator could not reach the web UI any more. */
async function importIntoRunning(dataDirectory: string, file: string, text: string, force: boolean): Promise<number> {
  // Two sessions: behind a text that is refused nothing may be committed, least of all what else is pending.
  const loaded = await runCommand(dataDirectory, 'loadconfig 1', [...text.split(/\r?\n/), '.']);
  if (loaded.status !== 0) {
    process.stderr.write(loaded.errors.replaceAll(/^The pasted text/gm, `postern config: ${file}`));
    return loaded.status;
  }
  const comment = `import of ${file.replaceAll(/["'\\]/g, '?')}`;
  const committed = await runCommand(dataDirectory, `commit "${comment}" Y${force ? ' Y Y' : ''}`, []);
  const nothing = committed.output.includes('There is no data to commit.');
  process.stdout.write(nothing ? 'Nothing would change.\n' : committed.output);
  process.stderr.write(committed.errors);
  return committed.status;
}

interface Ran {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** One command in the shell of the running gateway, with these lines as its input. */
async function runCommand(dataDirectory: string, command: string, lines: readonly string[]): Promise<Ran> {
  const [output, errors] = [new Gathered(), new Gathered()];
  const input = Readable.from(lines.map((line) => `${line}\n`));
  const status = await runShell({ dataDirectory, command, input, output, errorOutput: errors });
  return { status, output: output.text, errors: errors.text };
}

class Gathered extends Writable {
  text = '';

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
