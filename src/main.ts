// The program's entry: commands → functions. Exit status 0, 1 (failed) or 2 (wrong use); preview and rehearse have a 3 of their own.
import { parseArgs } from 'node:util';
import { messageOf, PosternError } from './errors.ts';
import { versionLine } from './version.ts';

interface Command {
  readonly summary: string;
  readonly usage: string;
  readonly help: string;
  run(args: readonly string[]): Promise<number>;
}

const dataOption = { data: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
const dataHelp = '  --data DIR   data directory (default: $POSTERN_DATA, else ./data)\n  --help       this text';

function dataDirectory(values: { readonly data?: string | undefined }): string {
  return values.data ?? process.env['POSTERN_DATA'] ?? './data';
}

/** Words that a command line of the shell can hold. Throws `bad-usage` for others. */
function domainWords(words: readonly string[]): readonly string[] {
  const wrong = words.find((word) => !/^[^\s"'-][^\s"']*$/.test(word));
  if (wrong !== undefined) throw new PosternError('bad-usage', `"${wrong}" is not a domain`);
  return words;
}

/** A command of the shell of the running gateway. */
async function shellCommand(values: { readonly data?: string | undefined }, words: readonly string[]): Promise<number> {
  const { runShell } = await import('./admin/shell/client.ts');
  return await runShell({
    dataDirectory: dataDirectory(values),
    input: process.stdin,
    output: process.stdout,
    errorOutput: process.stderr,
    command: words.join(' '),
  });
}

const commands: Readonly<Record<string, Command>> = {
  serve: {
    summary: 'run the gateway in the foreground',
    usage: 'serve [--data DIR] [--config gateway.yaml] [--workers N] [--print-logs]',
    help: `  --config F   the configuration of a new data directory; one that has a configuration keeps it
  --workers N  mail workers (default: one a core)
  --print-logs the mail log and the system log go to standard output as well
${dataHelp}

It says when it is ready. SIGTERM ends it within 10 s, SIGHUP reopens the logs.`,
    run: async (args) => {
      const { values } = parseArgs({
        args: [...args],
        options: {
          ...dataOption,
          config: { type: 'string' },
          workers: { type: 'string' },
          'print-logs': { type: 'boolean' },
        },
      });
      const { serve } = await import('./gateway/serve.ts');
      return serve({
        dataDirectory: dataDirectory(values),
        printLogs: values['print-logs'] ?? false,
        ...(values.config === undefined ? {} : { configFile: values.config }),
        ...(values.workers === undefined ? {} : { workers: wholeNumber('--workers', values.workers, 1, 64) }),
      });
    },
  },
  shell: {
    summary: "open the administrator's shell of the running gateway",
    usage: 'shell [--data DIR] [-c COMMAND]',
    help: `  -c COMMAND   run one command and end
${dataHelp}

Standard input that is no terminal is read line by line.`,
    run: async (args) => {
      const { values } = parseArgs({
        args: [...args],
        options: { ...dataOption, command: { type: 'string', short: 'c' } },
      });
      const { runShell } = await import('./admin/shell/client.ts');
      return runShell({
        dataDirectory: dataDirectory(values),
        input: process.stdin,
        output: process.stdout,
        errorOutput: process.stderr,
        ...(values.command === undefined ? {} : { command: values.command }),
      });
    },
  },
  tlsverify: {
    summary: 'whether mail to domains would go out over TLS, and how (of the running gateway)',
    usage: 'tlsverify DOMAIN... [--detail] [--dane] [--data DIR]',
    help: `  --detail     every host and address, each TLS version, chain, names, TLSA records, policy
  --dane       demand DANE, whatever the configuration says
${dataHelp}

Connections as a delivery makes them, without mail. Exit status 1 where a domain fails.`,
    run: async (args) => {
      const { values, positionals } = parseArgs({
        args: [...args],
        options: { ...dataOption, detail: { type: 'boolean' }, dane: { type: 'boolean' } },
        allowPositionals: true,
      });
      if (positionals.length === 0) throw new PosternError('bad-usage', 'no domain was named');
      const name = values.dane === true ? 'daneverify' : 'tlsverify';
      const detail = values.detail === true ? ['--detail'] : [];
      return await shellCommand(values, [name, ...domainWords(positionals), ...detail]);
    },
  },
  dnsrecords: {
    summary: 'what to publish in DNS, and what is there (of the running gateway)',
    usage: 'dnsrecords [DOMAIN...] [--zone] [--data DIR]',
    help: `  --zone       only the lines for a zone file
${dataHelp}

TLSA, MTA-STS, TLS report, SPF and DKIM records, each compared with DNS. Exit status 1 where a record is different.`,
    run: async (args) => {
      const options = { ...dataOption, zone: { type: 'boolean' } } as const;
      const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
      const zone = values.zone === true ? ['--zone'] : [];
      return await shellCommand(values, ['dnsrecords', ...domainWords(positionals), ...zone]);
    },
  },
  config: {
    summary: 'export, import, compare and list configurations',
    usage: 'config export|import FILE [--force]|diff [A B]|history [--data DIR]',
    help: `  export       print the committed configuration as YAML
  import FILE  check a YAML file and commit it (of the running gateway, or of a stopped one's data directory)
  --force      import: although somebody who was seen lately would break, or be locked out of the web UI
  diff [A B]   what revision B changed against A (default: the last commit)
  history      the commits: number, date, user, comment
${dataHelp}`,
    run: async (args) => {
      const options = { ...dataOption, force: { type: 'boolean' } } as const;
      const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
      const { runConfig } = await import('./gateway/config-command.ts');
      return runConfig(dataDirectory(values), positionals, values.force ?? false);
    },
  },
  preview: {
    summary: 'who would break under a configuration, judged by those who were seen lately',
    usage: 'preview --config FILE [--days N] [--json] [--data DIR]',
    help: `  --config F   YAML of the configuration that might be committed
  --days N     how far back, 1 to 3650 (default: 30)
  --json       the whole report as JSON
${dataHelp}

Exit status 3 where somebody breaks, so that a pipeline can stop. Nothing is changed.`,
    run: async (args) => {
      const { values } = parseArgs({
        args: [...args],
        options: { ...dataOption, config: { type: 'string' }, days: { type: 'string' }, json: { type: 'boolean' } },
      });
      if (values.config === undefined) throw new PosternError('bad-usage', '--config FILE is missing');
      const { runPreview } = await import('./gateway/preview-command.ts');
      return runPreview({
        dataDirectory: dataDirectory(values),
        configFile: values.config,
        days: values.days === undefined ? 30 : wholeNumber('--days', values.days, 1, 3650),
        json: values.json ?? false,
      });
    },
  },
  rehearse: {
    summary: 'trial handshakes with the destinations of the last days, without mail',
    usage: 'rehearse [--config FILE] [--days N] [--json] [--data DIR]',
    help: `  --config F   YAML of the configuration that might be committed (default: the one that is)
  --days N     how far back, 1 to 3650 (default: 7)
  --json       the whole table as JSON
${dataHelp}

Exit status 3 where mail to a destination would wait. Nothing is changed.`,
    run: async (args) => {
      const { values } = parseArgs({
        args: [...args],
        options: { ...dataOption, config: { type: 'string' }, days: { type: 'string' }, json: { type: 'boolean' } },
      });
      const { runRehearsal } = await import('./gateway/rehearse-command.ts');
      return runRehearsal({
        dataDirectory: dataDirectory(values),
        configFile: values.config ?? null,
        days: values.days === undefined ? 7 : wholeNumber('--days', values.days, 1, 3650),
        json: values.json ?? false,
      });
    },
  },
  demo: {
    summary: 'a gateway with a throw-away data directory, and partners that send through it',
    usage: 'demo [--once]',
    help: `  --once       end when every partner's mail has arrived
  --help       this text`,
    run: async (args) => {
      const { values } = parseArgs({
        args: [...args],
        options: { once: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
      });
      const { runDemo } = await import('./demo/demo.ts');
      return runDemo({ once: values.once ?? false });
    },
  },
  version: {
    summary: 'print the version',
    usage: 'version',
    help: '  --help       this text',
    run: async (args) => {
      parseArgs({ args: [...args], options: {} });
      process.stdout.write(`${versionLine}\n`);
      return 0;
    },
  },
};

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new PosternError('bad-usage', `${option} ${text}: not a whole number from ${least} to ${most}`);
  }
  return value;
}

function overview(): string {
  const list = Object.entries(commands).map(([name, command]) => `  ${name.padEnd(9)} ${command.summary}`);
  return `usage: postern COMMAND\n\n${list.join('\n')}\n\n"postern COMMAND --help" tells more.\n`;
}

async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    process.stdout.write(overview());
    return first === undefined ? 2 : 0;
  }
  const name = first === '--version' || first === '-v' ? 'version' : first;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    process.stderr.write(`postern: Unknown command "${first}"\n\n${overview()}`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`usage: postern ${command.usage}\n\n${command.help}\n`);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    const wrongUse = isWrongUse(error);
    const usage = wrongUse ? `usage: postern ${command.usage}` : undefined;
    const remedy = error instanceof PosternError ? (error.remedy ?? usage) : usage;
    process.stderr.write(`postern ${name}: ${messageOf(error)}${remedy === undefined ? '' : `\n${remedy}`}\n`);
    return wrongUse ? 2 : 1;
  }
}

function isWrongUse(error: unknown): boolean {
  if (error instanceof PosternError) return error.code === 'bad-usage';
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

process.exitCode = await main(process.argv.slice(2));
