// `postern serve`: the gateway in the foreground, with its signals.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setupInstructions, webOrigin } from '../admin/commands/setup.ts';
import type { Snapshot } from '../config/snapshot.ts';
import { messageOf, PosternError } from '../errors.ts';
import { type LogEnd, logEnd, tailLog } from '../ledger/follow.ts';
import { versionLine } from '../version.ts';
import { saveCodeCache, useCodeCache } from './code-cache.ts';

export interface ServeOptions {
  readonly dataDirectory: string;
  readonly configFile?: string;
  readonly workers?: number;
  /** Mail log and system log on standard output as well. */
  readonly printLogs: boolean;
}

/** Resolves with the exit status once the gateway has ended. */
export async function serve(options: ServeOptions): Promise<number> {
  const { dataDirectory, configFile } = options;
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  const initial = configFile === undefined ? undefined : readConfiguration(configFile);
  useCodeCache(dataDirectory);
  const logs = join(dataDirectory, 'logs');
  const before = { mail: logEnd(logs, 'mail'), system: logEnd(logs, 'system') };
  const { Gateway } = await import('./gateway.ts');
  const gateway = await Gateway.start({
    dataDirectory,
    ...(initial === undefined || configFile === undefined ? {} : { initial, source: configFile }),
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    onFatal: (reason) => {
      process.stderr.write(`postern: ${reason}\n`);
      end(1);
    },
  });
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
  process.on('SIGHUP', () => gateway.reopenLogs());
  const printing = new AbortController();
  const printed = options.printLogs ? printLogs(logs, before, printing.signal) : Promise.resolve();

  const { listeners } = gateway.snapshot;
  const where = listeners.map(({ name, address, port }) => `${address} port ${port} (${name})`).join(', ');
  process.stdout.write(
    `${versionLine} is ready: mail in on ${where === '' ? 'no listener (shell: listenerconfig)' : where}; web UI on ${webAddresses(gateway.snapshot.gui)}; data in ${dataDirectory}\n`,
  );
  // On the console alone, never in a log: whoever has it makes himself administrator.
  const link = gateway.snapshot.gui.ports.length === 0 ? null : gateway.newSetupLink();
  if (link !== null) process.stdout.write(`\n${setupInstructions(link, gateway.snapshot.gui)}\n\n`);
  saveCodeCache();
  const status = await ended;
  await gateway.stop();
  printing.abort();
  await printed;
  return status;
}

/** `https://127.0.0.1:8443 and https://127.0.0.1:4431`. */
function webAddresses(gui: Snapshot['gui']): string {
  const origins = gui.ports.map((port) => webOrigin(gui, port));
  return origins.length === 0 ? 'no port (gui.ports is empty)' : origins.join(' and ');
}

function readConfiguration(file: string): string {
  if (!existsSync(file)) {
    throw new PosternError('bad-configuration', `there is no configuration file ${file}`, {
      remedy: 'docs/configuration.md shows what belongs into one',
    });
  }
  return readFileSync(file, 'utf8');
}

type PrintedLog = 'mail' | 'system';

/** All lines of this run, those of its start and its end as well. */
async function printLogs(
  directory: string,
  before: Readonly<Record<PrintedLog, LogEnd | null>>,
  signal: AbortSignal,
): Promise<void> {
  const follow = async (name: PrintedLog) => {
    const options = { after: before[name], toEnd: true };
    for await (const line of tailLog(directory, name, options, signal)) process.stdout.write(`${line}\n`);
  };
  await Promise.all([follow('mail'), follow('system')]).catch((error) => {
    if (!signal.aborted) process.stderr.write(`postern: the logs cannot be printed: ${messageOf(error)}\n`);
  });
}
