// destconfig SENDERS: the least TLS that mail of single senders goes out with, whatever the level of its destinations.
import { parseRecipient } from '../../config/names.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { withoutRows, withRow, withRows } from '../../config/tables.ts';
import type { Demand } from '../../tls/policy.ts';
import { editCandidate } from './candidate.ts';
import type { CommandContext, Dialogue } from './command.ts';
import { levelWords } from './destination-text.ts';
import {
  accepted,
  askChoice,
  askValue,
  type Checked,
  type Operation,
  operationMenu,
  refused,
  sentence,
  short,
} from './question.ts';

type Sender = GatewayConfig['senders'][number];

const demands: readonly Demand[] = ['required', 'required-verify', 'dane-only'];
const table = 'senders';

const present = ({ host, user }: CommandContext) => host.config.candidate(user).config[table];

function checkSender(answer: string): Checked<string> {
  const parsed = parseRecipient(answer, true);
  if (!parsed.ok) return refused(`${sentence(parsed.reason)}\n${sentence(parsed.remedy)}`);
  if (!parsed.value.includes('*')) return accepted(parsed.value);
  return refused('A sender has no "*". Write a whole address, or @domain for all of a domain.');
}

async function askDemand(dialogue: Dialogue, preset: Demand): Promise<Demand> {
  const words = demands.map((demand) => levelWords[demand]);
  const text = '\nWhat must its mail go out with at least?';
  return demands[await askChoice(dialogue, text, words, demands.indexOf(preset))] ?? preset;
}

async function create(context: CommandContext): Promise<void> {
  const { host, dialogue, actor } = context;
  const text = '\nEnter the address of the sender, or @domain for everybody of a domain.';
  const sender = await askValue(dialogue, { text }, (answer) => {
    const checked = answer === '' ? accepted('') : checkSender(answer);
    if (!checked.ok || !present(context).some((one) => one.sender === checked.value)) return checked;
    return refused(`There is an entry for ${checked.value} already; EDIT changes it.`);
  });
  if (sender === '') return;
  const entry: Sender = { sender, tls: await askDemand(dialogue, 'required') };
  await editCandidate(host, actor, (config) => withRows(config, table, [entry]));
  dialogue.print(`\nEntry for ${sender} created.`);
}

function askEntry(context: CommandContext, what: string): Promise<Sender | null> {
  const entries = present(context);
  return askValue(
    context.dialogue,
    { text: `\nEnter the sender of the entry you want to ${what}.`, choices: entries.map(({ sender }) => sender) },
    (answer): Checked<Sender | null> => {
      if (answer === '') return accepted(null);
      const checked = checkSender(answer);
      const found = entries.find(({ sender }) => sender === answer || (checked.ok && sender === checked.value));
      return found === undefined ? refused(`There is no entry for "${short(answer)}".`) : accepted(found);
    },
  );
}

async function edit(context: CommandContext): Promise<void> {
  const { host, dialogue, actor } = context;
  const entry = await askEntry(context, 'edit');
  if (entry === null) return;
  const { sender } = entry;
  const tls = await askDemand(dialogue, entry.tls);
  await editCandidate(host, actor, (config) => withRow(config, table, sender, { sender, tls }));
  dialogue.print(`\nEntry for ${sender} changed.`);
}

async function remove(context: CommandContext): Promise<void> {
  const { host, dialogue, actor } = context;
  const entry = await askEntry(context, 'delete');
  if (entry === null) return;
  await editCandidate(host, actor, (config) => withoutRows(config, table, [entry.sender]));
  dialogue.print(`\nEntry for ${entry.sender} deleted.`);
}

async function list(context: CommandContext): Promise<void> {
  const row = (sender: string, tls: string) => `${sender.padEnd(40)} ${tls}`;
  const rows = present(context).map(({ sender, tls }) => row(sender, levelWords[tls]));
  context.dialogue.print(`\n${[row('Sender', 'TLS'), row('='.repeat(38), '='.repeat(17)), ...rows].join('\n')}`);
  await context.dialogue.drained();
}

/** The menu. */
export function editSenders(context: CommandContext): Promise<void> {
  return operationMenu(
    context.dialogue,
    () => {
      const count = present(context).length;
      if (count === 1) return 'There is currently 1 sender configured.';
      return `There are currently ${count === 0 ? 'no' : count} senders configured.`;
    },
    (): readonly Operation[] => [
      { key: 'NEW', text: 'Create a new entry.', run: () => create(context) },
      ...(present(context).length === 0
        ? []
        : [
            { key: 'EDIT', text: 'Modify an entry.', run: () => edit(context) },
            { key: 'DELETE', text: 'Remove an entry.', run: () => remove(context) },
            { key: 'LIST', text: 'Display all entries.', run: () => list(context) },
          ]),
    ],
  );
}
