// dkimconfig: the keys that sign mail.
import { parseDomain } from '../../config/names.ts';
import { zoneLine } from '../../publish/records.ts';
import type { Command, CommandContext } from './command.ts';
import {
  activateKey,
  createKey,
  type DescribedKey,
  deleteKey,
  describeKeys,
  dkimKinds,
  lookUpKey,
  retireKey,
  rotateKeys,
} from './dkim-keys.ts';
import { linesOf } from './dnsrecords.ts';
import {
  accepted,
  askChoice,
  askValue,
  askYesNo,
  type Operation,
  operationMenu,
  refused,
  sentence,
} from './question.ts';

const kindTexts = [
  'RSA, 2048 bits: every receiver checks it',
  'RSA, 3072 bits',
  'RSA, 4096 bits',
  'Ed25519: fast, but not every receiver knows it',
];

function label({ entry, algorithm }: DescribedKey): string {
  const since = entry.retired === undefined ? '' : ` since ${entry.retired}`;
  return `${entry.selector}._domainkey.${entry.domain} (${algorithm}) ${entry.state}${since}`;
}

function tellRecord({ dialogue }: CommandContext, keys: readonly DescribedKey[]): void {
  const lines = keys.map(({ record }) =>
    zoneLine({ name: `${record.selector}._domainkey.${record.domain}`, type: 'TXT', value: record.value }),
  );
  dialogue.print(`\nPublish this in DNS, and make the key active when it is there:\n\n${lines.join('\n')}`);
}

async function create(context: CommandContext): Promise<void> {
  const { host, dialogue, actor } = context;
  const domain = await askValue(dialogue, { text: '\nEnter the domain whose mail is to be signed.' }, (answer) => {
    const parsed = parseDomain(answer);
    return parsed.ok ? accepted(parsed.value) : refused(`${sentence(parsed.reason)}\n${sentence(parsed.remedy)}`);
  });
  const kind = dkimKinds[await askChoice(dialogue, '\nWhich kind of key?', kindTexts, 0)] ?? 'rsa-2048';
  const selector = await askValue(dialogue, { text: '\nEnter a selector. Nothing: one with the day in it.' }, accepted);
  const key = await createKey(host, actor, { domain, kind, ...(selector === '' ? {} : { selector }) });
  dialogue.print(`\nKey ${label(key)} made.`);
  tellRecord(context, [key]);
}

async function choose(
  { dialogue }: CommandContext,
  keys: readonly DescribedKey[],
  what: string,
): Promise<DescribedKey | null> {
  const index = await askChoice(dialogue, `\nEnter the number of the key you want to ${what}.`, keys.map(label), 0);
  return keys[index] ?? null;
}

async function rotate(context: CommandContext, domains: readonly string[]): Promise<void> {
  const { host, dialogue, actor } = context;
  const domain =
    domains[await askChoice(dialogue, '\nEnter the number of the domain that gets new keys.', domains, 0)] ?? '';
  const made = await rotateKeys(host, actor, domain);
  dialogue.print(`\n${made.map((key) => `Key ${label(key)} made.`).join('\n')}`);
  tellRecord(context, made);
}

async function activate(context: CommandContext, keys: readonly DescribedKey[]): Promise<void> {
  const { host, dialogue, actor } = context;
  const chosen = await choose(context, keys, 'sign with');
  if (chosen === null) return;
  const checked = await lookUpKey(host, actor, chosen.entry);
  dialogue.print(`\n${linesOf(checked).join('\n')}`);
  const force = checked.status !== 'right';
  if (
    force &&
    !(await askYesNo(dialogue, '\nReceivers could not check its signatures. Sign with it all the same?', false))
  )
    return;
  const replaced = await activateKey(host, actor, chosen.entry, force);
  const { dkim } = host.config.candidate(actor.user).config;
  dialogue.print(`\n${chosen.entry.selector} of ${chosen.entry.domain} signs after the commit.`);
  for (const { selector } of replaced) {
    dialogue.print(`${selector} is retired then; its record must stay for ${dkim.keepRecords}.`);
  }
}

async function retire(context: CommandContext, keys: readonly DescribedKey[]): Promise<void> {
  const { host, dialogue, actor } = context;
  const chosen = await choose(context, keys, 'retire');
  if (chosen === null) return;
  if (!(await askYesNo(dialogue, '\nMail is not signed with it any more. Are you sure?', false))) return;
  const { record } = await retireKey(host, actor, chosen.entry);
  const until = new Date(record.until).toISOString().slice(0, 10);
  dialogue.print(`\n${record.selector} is retired after the commit; its record must stay until ${until}.`);
}

async function remove(context: CommandContext, keys: readonly DescribedKey[]): Promise<void> {
  const { host, dialogue, actor } = context;
  const chosen = await choose(context, keys, 'delete');
  if (chosen === null) return;
  if (!(await askYesNo(dialogue, `\nAre you sure you want to delete ${label(chosen)}?`, false))) return;
  await deleteKey(host, actor, chosen.entry, false);
  dialogue.print('\nThe key is deleted. Its record in DNS may go.');
}

async function print(context: CommandContext, keys: readonly DescribedKey[]): Promise<void> {
  const { host, dialogue, actor } = context;
  const checked = await Promise.all(keys.map(({ entry }) => lookUpKey(host, actor, entry)));
  dialogue.print(`\n${checked.flatMap(linesOf).join('\n')}`);
  await dialogue.drained();
}

function operations(context: CommandContext, keys: readonly DescribedKey[]): Operation[] {
  const inState = (state: string) => keys.filter(({ entry }) => entry.state === state);
  const [active, others] = [inState('active'), keys.filter(({ entry }) => entry.state !== 'active')];
  const domains = [...new Set(active.map(({ record }) => record.domain))];
  const offered: (Operation | false)[] = [
    { key: 'NEW', text: 'Make a key.', run: () => create(context) },
    domains.length > 0 && {
      key: 'ROTATE',
      text: 'Make new keys for a domain, to replace its active ones.',
      run: () => rotate(context, domains),
    },
    others.length > 0 && {
      key: 'ACTIVATE',
      text: 'Sign with a key whose record is published.',
      run: () => activate(context, others),
    },
    active.length > 0 && { key: 'RETIRE', text: 'Sign with a key no more.', run: () => retire(context, active) },
    others.length > 0 && { key: 'DELETE', text: 'Delete a key.', run: () => remove(context, others) },
    keys.length > 0 && {
      key: 'PRINT',
      text: 'Display the records, and what is in DNS.',
      run: () => print(context, keys),
    },
  ];
  return offered.filter((operation) => operation !== false);
}

export const dkimconfig: Command = {
  name: 'dkimconfig',
  group: 'Configuration',
  summary: 'keys that sign outgoing mail (DKIM)',
  usage: 'dkimconfig [NEW|ROTATE|ACTIVATE|RETIRE|DELETE|PRINT]',
  help: `Mail of clients that may relay is signed for the domain of its From field, or the nearest domain above it that has keys. A new key
waits until its record is in DNS and ACTIVATE finds it there; the one that signed before is retired then, and its record must stay for
dkim.keepRecords. An RSA and an Ed25519 key of a domain may be active together: both sign. Nothing changes before "commit".`,
  words: 'answers',
  complete: ['NEW', 'ROTATE', 'ACTIVATE', 'RETIRE', 'DELETE', 'PRINT'],
  run: async (context) => {
    const { host, dialogue, user } = context;
    const read = () => describeKeys(host.dataDirectory, host.config.candidate(user).config);
    let present = await read();
    const refreshed = (operation: Operation): Operation => ({
      ...operation,
      run: async () => {
        await operation.run();
        present = await read();
      },
    });
    await operationMenu(
      dialogue,
      () => {
        const { keys, problems } = present;
        const rows = keys.map((key, index) => `${index + 1}. ${label(key)}`);
        return [keys.length === 0 ? 'No mail is signed.' : 'Keys:', ...rows, ...problems].join('\n');
      },
      () => operations(context, present.keys).map(refreshed),
    );
  },
};
