// destconfig: how much TLS a destination must have, and how many connections it gets.
import { parseCertificateName, parseDestination } from '../../config/names.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { PosternError } from '../../errors.ts';
import type { destinationLevels } from '../../tls/policy.ts';
import type { Command, CommandContext, Dialogue } from './command.ts';
import {
  accepted,
  askChoice,
  askValue,
  askYesNo,
  type Checked,
  type Operation,
  operationMenu,
  refused,
  sentence,
  short,
} from './question.ts';

type Destination = GatewayConfig['destinations'][number];
type Settings = Omit<Destination, 'domain'>;

const everything = '*';

/** The configuration with an entry; one for the same destination is replaced. */
export function withDestination(config: GatewayConfig, entry: Destination): GatewayConfig {
  const known = config.destinations.some((one) => one.domain === entry.domain);
  const destinations = known
    ? config.destinations.map((one) => (one.domain === entry.domain ? entry : one))
    : [...config.destinations, entry];
  return { ...config, destinations };
}

/** The configuration without the entry. Throws `not-found`. */
export function withoutDestination(config: GatewayConfig, domain: string): GatewayConfig {
  if (!config.destinations.some((one) => one.domain === domain)) {
    throw new PosternError('not-found', `there is no entry for "${short(domain)}"`);
  }
  return { ...config, destinations: config.destinations.filter((one) => one.domain !== domain) };
}

/** In the reference's words, by our levels. */
const levelWords: Readonly<Record<(typeof destinationLevels)[number], string>> = {
  none: 'No',
  preferred: 'Preferred',
  'preferred-verify': 'Preferred - Verify',
  required: 'Required',
  'required-verify': 'Required - Verify',
  dane: 'DANE Opportunistic',
  'dane-only': 'DANE Mandatory',
};

/** The reference's six, then DANE's two. `hosted`: the certificate must be for the domain. */
const choices: readonly {
  readonly text: string;
  readonly tls: (typeof destinationLevels)[number];
  readonly hosted?: true;
}[] = [
  { text: 'No', tls: 'none' },
  { text: 'Preferred', tls: 'preferred' },
  { text: 'Required', tls: 'required' },
  { text: 'Preferred - Verify', tls: 'preferred-verify' },
  { text: 'Required - Verify', tls: 'required-verify' },
  { text: 'Required - Verify Hosted Domains', tls: 'required-verify', hosted: true },
  { text: 'DANE Opportunistic', tls: 'dane' },
  { text: 'DANE Mandatory', tls: 'dane-only' },
];

const shown = (domain: string): string => (domain === everything ? 'DEFAULT' : domain);

const tlsText = ({ tls, names }: Settings): string => {
  if (tls === undefined) return 'Default';
  return names?.includes('domain') === true && tls === 'required-verify'
    ? 'Required - Verify Hosted Domains'
    : levelWords[tls];
};

/** One line an entry. */
export function destinationTable(entries: readonly Destination[]): string {
  const row = (domain: string, limit: string, tls: string) => `${domain.padEnd(40)} ${limit.padEnd(10)} ${tls}`;
  return [
    row('Domain', 'Limiting', 'TLS'),
    row('='.repeat(38), '='.repeat(8), '='.repeat(16)),
    ...entries.map((entry) =>
      row(
        shown(entry.domain),
        entry.connections === undefined && entry.messagesPerConnection === undefined ? 'Default' : 'On',
        tlsText(entry),
      ),
    ),
  ].join('\n');
}

/** Everything that an entry sets. */
export function destinationDetail(entry: Destination): string {
  const authorities =
    entry.ca === undefined ? "the system's" : `${entry.ca}${entry.systemCa === true ? " and the system's" : ''}`;
  return [
    shown(entry.domain),
    `  Maximum connections:             ${entry.connections ?? 'Default'}`,
    `  Maximum messages per connection: ${entry.messagesPerConnection ?? 'Default'}`,
    `  TLS:                             ${tlsText(entry)}`,
    `  Names in the certificate:        ${entry.names?.join(', ') ?? 'Default'}`,
    `  Authorities:                     ${authorities}`,
    `  Our certificate:                 ${entry.certificate ?? 'Default'}`,
  ].join('\n');
}

function askNumber(dialogue: Dialogue, text: string, present: number | undefined, most: number): Promise<number> {
  return askValue(dialogue, { text, ...(present === undefined ? {} : { default: String(present) }) }, (answer) => {
    const number = Number(answer);
    if (/^[0-9]+$/.test(answer) && number >= 1 && number <= most) return accepted(number);
    return refused(`The value must be an integer from 1 to ${most}.`);
  });
}

function askNames(dialogue: Dialogue, present: readonly string[]): Promise<string[]> {
  return askValue(
    dialogue,
    {
      text: `
Enter the names, separated by commas, of which the certificate must have one:
"host" for the name of the mail host, "domain" for the domain and everything
below it, a name, or .name for everything below that.`,
      default: present.join(', '),
    },
    (answer) => {
      const names = answer.split(/[\s,]+/).filter((name) => name !== '');
      if (names.length === 0) return refused('Enter at least one name.');
      for (const name of names) {
        const parsed = parseCertificateName(name);
        if (!parsed.ok) return refused(`${sentence(parsed.reason)}\n${sentence(parsed.remedy)}`);
      }
      return accepted([...new Set(names)]);
    },
  );
}

/** The questions about one entry. */
async function askSettings({ host, dialogue, user }: CommandContext, domain: string, old: Settings): Promise<Settings> {
  const about = domain === everything ? 'by default' : `for ${domain}`;
  const settings: { -readonly [K in keyof Settings]: Settings[K] } = { ...old };
  const limited = old.connections !== undefined;
  if (await askYesNo(dialogue, `\nDo you wish to configure a concurrency limit ${about}?`, limited)) {
    settings.connections = await askNumber(
      dialogue,
      '\nEnter the maximum number of concurrent connections.',
      old.connections,
      10_000,
    );
  } else delete settings.connections;
  const counted = old.messagesPerConnection !== undefined;
  if (await askYesNo(dialogue, `\nDo you wish to apply a messages-per-connection limit ${about}?`, counted)) {
    const text = '\nEnter the maximum number of messages per connection.';
    settings.messagesPerConnection = await askNumber(dialogue, text, old.messagesPerConnection, 1_000_000);
  } else delete settings.messagesPerConnection;
  if (!(await askYesNo(dialogue, `\nDo you wish to apply a specific TLS setting ${about}?`, old.tls !== undefined))) {
    for (const key of ['tls', 'names', 'ca', 'systemCa', 'certificate'] as const) delete settings[key];
    return settings;
  }
  const hosted = old.names?.includes('domain') === true;
  const preset = choices.findIndex(
    ({ tls, hosted: own }) => tls === old.tls && (own === true) === (hosted && tls === 'required-verify'),
  );
  const chosen =
    choices[
      await askChoice(
        dialogue,
        '\nDo you want to use TLS support?',
        choices.map(({ text }) => text),
        preset < 0 ? 1 : preset,
      )
    ];
  if (chosen === undefined) return settings;
  settings.tls = chosen.tls;
  if (chosen.hosted === true) settings.names = old.names?.includes('domain') === true ? old.names : ['domain'];
  else if (old.names?.includes('domain') === true) delete settings.names;
  if (chosen.tls === 'required-verify' || chosen.tls === 'preferred-verify') {
    settings.names = await askNames(dialogue, settings.names ?? ['host']);
    const own = await askYesNo(dialogue, '\nDo you wish to trust authorities of your own?', old.ca !== undefined);
    if (own) {
      const text = '\nEnter the name of the PEM file with the authorities.';
      settings.ca = await askValue(dialogue, { text, default: old.ca ?? '' }, fileName);
      settings.systemCa = await askYesNo(
        dialogue,
        "\nDo you wish to trust the system's authorities as well?",
        old.systemCa === true,
      );
    } else {
      delete settings.ca;
      delete settings.systemCa;
    }
  } else {
    for (const key of ['names', 'ca', 'systemCa'] as const) delete settings[key];
  }
  if (chosen.tls === 'none') {
    delete settings.certificate;
    return settings;
  }
  if (
    await askYesNo(
      dialogue,
      '\nDo you wish to show a certificate of your own to its hosts?',
      old.certificate !== undefined,
    )
  ) {
    const names = [...new Set(['demo', ...host.config.candidate(user).config.certificates.map(({ name }) => name)])];
    const preset = Math.max(0, names.indexOf(old.certificate ?? ''));
    settings.certificate = names[await askChoice(dialogue, '\nChoose the certificate.', names, preset)] ?? 'demo';
  } else delete settings.certificate;
  return settings;
}

/** Whether it can be read is found out, and told, when the entry is kept. */
function fileName(answer: string): Checked<string> {
  const bad = answer === '' || answer.includes('-----BEGIN') || answer.includes('\0');
  return bad ? refused('Enter the name of a file.') : accepted(answer);
}

async function save(
  { host, dialogue, user }: CommandContext,
  domain: string,
  settings: Settings,
  done: string,
): Promise<void> {
  await host.config.edit(user, (config) => withDestination(config, { domain, ...settings }));
  dialogue.print(`\nEntry for ${shown(domain)} ${done}.`);
}

async function create(context: CommandContext): Promise<void> {
  const { host, dialogue, user } = context;
  const { destinations } = host.config.candidate(user).config;
  const domain = await askValue(
    dialogue,
    {
      text: `
Enter the domain you wish to configure.
Partial hostnames such as ".example.com" are allowed, and so is the address of
one recipient. DEFAULT changes what holds for all others.`,
    },
    (answer) => {
      if (answer === '') return accepted('');
      const parsed = parseDestination(answer);
      if (!parsed.ok) return refused(`${sentence(parsed.reason)}\n${sentence(parsed.remedy)}`);
      if (!destinations.some((one) => one.domain === parsed.value)) return accepted(parsed.value);
      return refused(`There is an entry for ${shown(parsed.value)} already; EDIT changes it.`);
    },
  );
  if (domain !== '') await save(context, domain, await askSettings(context, domain, {}), 'created');
}

function askEntry(dialogue: Dialogue, entries: readonly Destination[], what: string): Promise<Destination | null> {
  const own = entries.filter(({ domain }) => domain !== everything);
  return askValue(
    dialogue,
    { text: `\nEnter the domain of the entry you want to ${what}.`, choices: own.map(({ domain }) => domain) },
    (answer): Checked<Destination | null> => {
      if (answer === '') return accepted(null);
      const parsed = parseDestination(answer);
      const found = parsed.ok ? own.find(({ domain }) => domain === parsed.value) : undefined;
      return found === undefined ? refused(`There is no entry for "${short(answer)}".`) : accepted(found);
    },
  );
}

async function edit(context: CommandContext): Promise<void> {
  const { host, dialogue, user } = context;
  const entry = await askEntry(dialogue, host.config.candidate(user).config.destinations, 'edit');
  if (entry === null) return;
  const { domain, ...old } = entry;
  await save(context, domain, await askSettings(context, domain, old), 'changed');
}

async function remove({ host, dialogue, user }: CommandContext): Promise<void> {
  const entry = await askEntry(dialogue, host.config.candidate(user).config.destinations, 'delete');
  if (entry === null) return;
  await host.config.edit(user, (config) => withoutDestination(config, entry.domain));
  dialogue.print(`\nEntry for ${entry.domain} deleted.`);
}

async function changeDefault(context: CommandContext): Promise<void> {
  const { host, user } = context;
  const found = host.config.candidate(user).config.destinations.find(({ domain }) => domain === everything);
  const { domain: _, ...old } = found ?? { domain: everything };
  await save(context, everything, await askSettings(context, everything, old), 'changed');
}

async function detail({ host, dialogue, user }: CommandContext): Promise<void> {
  const entries = host.config.candidate(user).config.destinations;
  const all = [...entries.filter(({ domain }) => domain !== everything), defaultOf(entries)];
  const wanted = await askValue(
    dialogue,
    {
      text: '\nChoose a domain to view, or enter DEFAULT to view details for the\ndefault or ALL to view details for all:',
    },
    (answer): Checked<readonly Destination[]> => {
      if (answer === '') return accepted([]);
      if (/^all$/i.test(answer)) return accepted(all);
      const name = /^default$/i.test(answer) ? everything : answer.toLowerCase();
      const found = all.filter(({ domain }) => domain === name);
      return found.length === 0 ? refused(`There is no entry for "${short(answer)}".`) : accepted(found);
    },
  );
  if (wanted.length > 0) dialogue.print(`\n${wanted.map(destinationDetail).join('\n\n')}`);
  await dialogue.drained();
}

function defaultOf(entries: readonly Destination[]): Destination {
  return entries.find(({ domain }) => domain === everything) ?? { domain: everything, tls: 'preferred' };
}

export const destconfig: Command = {
  name: 'destconfig',
  group: 'Configuration',
  summary: 'destination controls: TLS, connections, by domain',
  usage: 'destconfig [NEW|EDIT|DELETE|DEFAULT|LIST|DETAIL]',
  help: `An entry is about a domain, everything below one (.example.com), one recipient, or (DEFAULT) all others. What it does not set
comes from the wider entry. docs/destination-controls.md has the levels. Nothing changes before "commit".`,
  words: 'answers',
  complete: ['NEW', 'EDIT', 'DELETE', 'DEFAULT', 'LIST', 'DETAIL'],
  run: (context) => {
    const { host, dialogue, user } = context;
    const entries = () => host.config.candidate(user).config.destinations;
    const own = () => entries().filter(({ domain }) => domain !== everything);
    return operationMenu(
      dialogue,
      () => {
        const count = own().length;
        if (count === 1) return 'There is currently 1 entry configured.';
        return `There are currently ${count === 0 ? 'no' : count} entries configured.`;
      },
      () => {
        const operations: Operation[] = [{ key: 'NEW', text: 'Create a new entry.', run: () => create(context) }];
        if (own().length > 0) {
          operations.push(
            { key: 'EDIT', text: 'Modify an entry.', run: () => edit(context) },
            { key: 'DELETE', text: 'Remove an entry.', run: () => remove(context) },
          );
        }
        operations.push(
          { key: 'DEFAULT', text: 'Change the default.', run: () => changeDefault(context) },
          {
            key: 'LIST',
            text: 'Display a summary list of all entries.',
            run: async () => {
              dialogue.print(`\n${destinationTable([...own(), defaultOf(entries())])}`);
              await dialogue.drained();
            },
          },
          { key: 'DETAIL', text: 'Display details for one destination or all entries.', run: () => detail(context) },
        );
        return operations;
      },
    );
  },
};
