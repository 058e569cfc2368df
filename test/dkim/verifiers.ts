// Three programs of others that check signatures: mailauth, dkimpy (Debian's python3-dkim) and OpenDKIM.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';

/** DNS name → TXT record. */
export type Records = ReadonlyMap<string, string>;
/** `pass` or `fail` of each signature, from the top. */
export type Verdict = readonly string[];

export async function mailauth(message: Uint8Array, records: Records): Promise<Verdict> {
  const { results } = await dkimVerify(Buffer.from(message), {
    resolver: (async (name: string, type: string) => {
      const record = records.get(name);
      if (type === 'TXT' && record !== undefined) return [[record]];
      throw Object.assign(new Error('no such record'), { code: 'ENOTFOUND' });
    }) as never,
  });
  return results.map(({ status }) => (status.result === 'pass' ? 'pass' : 'fail'));
}

const dkimpyProgram = `
import sys, json, base64, dkim
given = json.load(sys.stdin)
records = {name.encode(): text.encode() for name, text in given['records'].items()}
def lookup(name, timeout=5):
    return records.get(name.rstrip(b'.'))
out = []
for text in given['messages']:
    message = base64.b64decode(text)
    verdicts = []
    for index in range(given['signatures']):
        try:
            good = dkim.DKIM(message).verify(idx=index, dnsfunc=lookup)
        except Exception:
            good = False
        verdicts.append('pass' if good else 'fail')
    out.append(verdicts)
json.dump(out, sys.stdout)
`;

/** `signatures`: how many each message has. */
export function dkimpy(messages: readonly Uint8Array[], records: Records, signatures: number): Verdict[] {
  const input = JSON.stringify({
    records: Object.fromEntries(records),
    messages: messages.map((message) => Buffer.from(message).toString('base64')),
    signatures,
  });
  const ran = spawnSync('/usr/bin/python3', ['-c', dkimpyProgram], { input, encoding: 'utf8', timeout: 60_000 });
  if (ran.status !== 0) throw new Error(`dkimpy: ${ran.stderr}`);
  return JSON.parse(ran.stdout) as Verdict[];
}

/** Debian's OpenDKIM knows RSA alone: one word a message. */
export function opendkim(messages: readonly Uint8Array[], records: Records): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'postern-opendkim-'));
  try {
    const keys = join(directory, 'keys');
    writeFileSync(keys, [...records].map(([name, text]) => `${name} ${text}\n`).join(''));
    const settings = join(directory, 'opendkim.conf');
    writeFileSync(settings, `Mode v\nTestPublicKeys ${keys}\nStrictTestMode yes\n`);
    const files = messages.map((message, index) => {
      const file = join(directory, `${index}.eml`);
      writeFileSync(file, message);
      return file;
    });
    const ran = spawnSync('/usr/sbin/opendkim', ['-x', settings, '-t', files.join(','), '-v'], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    const said = ran.stdout + ran.stderr;
    return files.map((file) => {
      const lines = said.split('\n').filter((line) => line.includes(file));
      if (lines.length === 0) throw new Error(`opendkim said nothing: ${said}`);
      return lines.some((line) => line.includes('succeeded')) ? 'pass' : 'fail';
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
