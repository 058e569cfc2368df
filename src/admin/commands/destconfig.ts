// destconfig: how much TLS a destination must have, and how many connections it gets.
import { parseDestination } from '../../config/names.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { PosternError } from '../../errors.ts';
import { editCandidate } from './candidate.ts';
import type { Command, CommandContext, Dialogue } from './command.ts';
import { editSenders } from './destconfig-senders.ts';
import { askSettings } from './destination-settings.ts';
import {
  type Destination,
  destinationDetail,
  destinationTable,
  everything,
  type Settings,
  shown,
} from './destination-text.ts';
import {
  accepted,
  askValue,
  type Checked,
  type Operation,
  operationMenu,
  refused,
  sentence,
  short,
} from './question.ts';

/** The configuration with an entry; one for the same destination is replaced. */
function withDestination(config: GatewayConfig, entry: Destination): GatewayConfig {
  const known = config.destinations.some((one) => one.domain === entry.domain);
  const destinations = known
    ? config.destinations.map((one) => (one.domain === entry.domain ? entry : one))
    : [...config.destinations, entry];
  return { ...config, destinations };
}

/** The configuration without the entry. Throws `not-found`. */
function withoutDestination(config: GatewayConfig, domain: string): GatewayConfig {
  if (!config.destinations.some((one) => one.domain === domain)) {
    throw new PosternError('not-found', `there is no entry for "${short(domain)}"`);
  }
  return { ...config, destinations: config.destinations.filter((one) => one.domain !== domain) };
}

async function save(
  { host, dialogue, actor }: CommandContext,
  domain: string,
  settings: Settings,
  done: string,
): Promise<void> {
  await editCandidate(host, actor, (config) => withDestination(config, { domain, ...settings }));
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

async function remove({ host, dialogue, actor }: CommandContext): Promise<void> {
  const entry = await askEntry(dialogue, host.config.candidate(actor.user).config.destinations, 'delete');
  if (entry === null) return;
  await editCandidate(host, actor, (config) => withoutDestination(config, entry.domain));
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
  usage: 'destconfig [NEW|EDIT|DELETE|DEFAULT|LIST|DETAIL|SENDERS]',
  help: `An entry is about a domain, everything below one (.example.com), one recipient, or (DEFAULT) all others. What it does not set
comes from the wider entry. SENDERS is about what mail of single senders must go out with, wherever it goes.
docs/destination-controls.md has the levels. Nothing changes before "commit".`,
  words: 'answers',
  complete: ['NEW', 'EDIT', 'DELETE', 'DEFAULT', 'LIST', 'DETAIL', 'SENDERS'],
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
          { key: 'SENDERS', text: 'What mail of single senders demands of TLS.', run: () => editSenders(context) },
        );
        return operations;
      },
    );
  },
};
