// Where measurements of the whole gateway happen: the programs of the harness, a certificate, and a directory of their own.
import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Where the programs and the certificate of the sink lie. */
export interface Stand {
  readonly programs: string;
  readonly certificate: string;
  readonly key: string;
  /** Data directories are made here. */
  readonly directory: string;
}

/**
 * Builds it; its directory goes when the program ends, and a signal ends that. Sources are copied, so that a benchmark that runs
 * at the same time keeps its programs. `directory`: where queues are written, bench/run/growth without.
 */
export function prepareStand(directory: string | undefined): Stand {
  const harness = join(import.meta.dirname, '..', 'harness');
  const home = join(import.meta.dirname, '..', 'run', 'growth');
  const programs = join(home, 'src');
  mkdirSync(home, { recursive: true });
  cpSync(join(harness, 'src'), programs, { recursive: true, preserveTimestamps: true });
  cpSync(join(harness, 'mkcerts.sh'), join(home, 'mkcerts.sh'));
  const shown: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'inherit'] };
  execFileSync('make', ['-C', programs, 'smtpsink', 'smtpload', 'hellos'], shown);
  execFileSync('bash', [join(home, 'mkcerts.sh')], shown);
  const certificates = join(home, 'run', 'certs');
  const stand = {
    programs,
    certificate: join(certificates, 'ec.pem'),
    key: join(certificates, 'ec.key'),
    directory: mkdtempSync(join(directory ?? home, 'data-')),
  };
  process.once('exit', () => rmSync(stand.directory, { recursive: true, force: true, maxRetries: 3 }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  return stand;
}
