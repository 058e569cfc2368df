// `postern rehearse`: trial handshakes with the destinations of the last days, from the command line; for pipelines. Reads the data
// directory of a running or a stopped gateway and changes nothing there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { progressBar, rehearsalText } from '../admin/commands/rehearse.ts';
import { rehearseDestinations } from '../admin/rehearsal.ts';
import { compileConfig } from '../config/compile.ts';
import { readConfigWithPlaces } from '../config/yaml.ts';
import { PosternError } from '../errors.ts';
import { ObservationReader } from '../ledger/observations/reader.ts';
import { ensureDemoCertificate } from '../tls/certificates.ts';
import { committed } from './preview-command.ts';

/** Mail to a destination would wait. */
const statusBreaks = 3;
const day = 86_400_000;

export interface RehearseCommandOptions {
  readonly dataDirectory: string;
  /** Null: what is committed. */
  readonly configFile: string | null;
  readonly days: number;
  readonly json: boolean;
}

/** Resolves with the exit status: 0, or 3 where mail to a destination would wait. Throws PosternError. */
export async function runRehearsal({ dataDirectory, configFile, days, json }: RehearseCommandOptions): Promise<number> {
  const present = await committed(dataDirectory);
  const demo = await ensureDemoCertificate(join(dataDirectory, 'certificates'), present.config.hostname);
  const config = configFile === null ? present.config : readConfig(configFile);
  const { snapshot } = await compileConfig(config, present.info.number + 1, { dataDirectory, demo });
  const reader = ObservationReader.open(join(dataDirectory, 'ledger.db'));
  const known = reader?.destinations(Date.now() - days * day, snapshot.limits.rehearsalDestinations) ?? [];
  reader?.close();
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort());
  const bar = process.stderr.isTTY === true;
  const rehearsal = await rehearseDestinations(snapshot, known, {
    signal: interrupt.signal,
    onProgress: ({ domain }, told, all) => {
      if (bar) process.stderr.write(`\r\u001b[K${progressBar(told, all, domain)}`);
    },
  });
  if (bar) process.stderr.write('\r\u001b[K');
  process.stdout.write(`${json ? JSON.stringify(rehearsal, null, 2) : rehearsalText(rehearsal, days)}\n`);
  if (interrupt.signal.aborted) throw new PosternError('timeout', 'the rehearsal was broken off');
  return rehearsal.breaks > 0 ? statusBreaks : 0;
}

function readConfig(file: string) {
  if (!existsSync(file)) throw new PosternError('not-found', `there is no file ${file}`);
  return readConfigWithPlaces(readFileSync(file, 'utf8'), file).config;
}
