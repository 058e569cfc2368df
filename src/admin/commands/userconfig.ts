// userconfig: users of the web UI and the API, and their tokens.
import { randomBytes } from 'node:crypto';
import { type Role, roles } from '../auth/access.ts';
import { weakness } from '../auth/password.ts';
import { base32 } from '../auth/totp.ts';
import type { UserInfo } from '../auth/users.ts';
import type { Command, CommandContext, Dialogue } from './command.ts';
import { accepted, askChoice, askValue, askYesNo, type Operation, operationMenu, refused } from './question.ts';
import { formatTime } from './time.ts';
import { addUser, changeUser, removeUser } from './users.ts';

/** 100 bits, in groups that can be read out. */
function madeUpPassword(): string {
  const text = base32(randomBytes(13)).slice(0, 20).toLowerCase();
  return text.replaceAll(/(.{5})(?=.)/g, '$1-');
}

function listing(users: readonly UserInfo[]): string {
  if (users.length === 0) return 'The web UI has no users. "setup" prints a link that makes the first one.';
  const rows = users.map((user, index) => {
    const marks = [user.role, ...(user.disabled ? ['disabled'] : []), ...(user.totp ? ['second factor'] : [])];
    const last = user.lastLogon === null ? 'never logged on' : `last logon ${formatTime(user.lastLogon)}`;
    return `${index + 1}. ${user.name} (${marks.join(', ')}), ${last}`;
  });
  return `Users:\n${rows.join('\n')}`;
}

async function askRole(dialogue: Dialogue, present?: Role): Promise<Role> {
  const texts = ['administrator: everything', 'operator: the queue, no configuration', 'auditor: reads only'];
  const preset = present === undefined ? undefined : roles.indexOf(present);
  const index = await askChoice(dialogue, '\nChoose the role:', texts, preset);
  return roles[index] ?? 'auditor';
}

/** Answers at a terminal are seen as they are typed: Enter makes one up instead. */
async function askPassword(dialogue: Dialogue, user: string): Promise<string> {
  const password = await askValue(
    dialogue,
    { text: '\nEnter the new password (it is shown as you type), or nothing to have one made up:' },
    (answer) => {
      if (answer === '') return accepted(madeUpPassword());
      const problem = weakness(answer, user);
      return problem === null ? accepted(answer) : refused(`${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`);
    },
  );
  dialogue.print(`\nThe password of ${user}: ${password}`);
  return password;
}

async function choose(dialogue: Dialogue, users: readonly UserInfo[], what: string): Promise<UserInfo | null> {
  const index = await askChoice(
    dialogue,
    `\nChoose the user you want to ${what}:`,
    users.map(({ name }) => name),
    0,
  );
  return users[index] ?? null;
}

function operations({ host, dialogue, actor }: CommandContext): readonly Operation[] {
  const users = host.people.users.list();
  const create: Operation = {
    key: 'NEW',
    text: 'Create a new account.',
    run: async () => {
      const name = await askValue(dialogue, { text: '\nEnter the new user name.' }, (answer) =>
        /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,31}$/.test(answer)
          ? accepted(answer)
          : refused('A user name is up to 32 letters, digits, ".", "_", "@" and "-".'),
      );
      const role = await askRole(dialogue);
      await addUser(host, actor, { name, role, password: await askPassword(dialogue, name) });
      dialogue.print(`\nUser ${name} created.`);
    },
  };
  if (users.length === 0) return [create];
  const withUser = (what: string, run: (user: UserInfo) => Promise<void>) => async () => {
    const user = await choose(dialogue, users, what);
    if (user !== null) await run(user);
  };
  const list: Operation[] = [
    create,
    {
      key: 'EDIT',
      text: 'Change the role of an account.',
      run: withUser('change', async (user) => {
        await changeUser(host, actor, user.name, { role: await askRole(dialogue, user.role) });
      }),
    },
    {
      key: 'DELETE',
      text: 'Remove an account.',
      run: withUser('remove', async ({ name }) => {
        if (await askYesNo(dialogue, `\nAre you sure you want to remove "${name}"?`, false)) {
          removeUser(host, actor, name);
          dialogue.print(`\nUser "${name}" removed.`);
        }
      }),
    },
    {
      key: 'PASSWORD',
      text: 'Give an account a new password.',
      run: withUser('give a new password', async ({ name }) => {
        await changeUser(host, actor, name, { password: await askPassword(dialogue, name) });
      }),
    },
    {
      key: 'STATUS',
      text: 'Disable an account, or enable it again.',
      run: withUser('disable or enable', async ({ name, disabled }) => {
        await changeUser(host, actor, name, { disabled: !disabled });
        dialogue.print(`\nUser "${name}" is ${disabled ? 'enabled' : 'disabled'}.`);
      }),
    },
  ];
  if (users.some(({ totp }) => totp)) {
    list.push({
      key: 'FACTOR',
      text: 'Take the second factor of an account away.',
      run: withUser('free of the second factor', async ({ name }) => {
        await changeUser(host, actor, name, { totp: false });
        dialogue.print(`\nUser "${name}" logs on with the password alone.`);
      }),
    });
  }
  const tokens = host.people.tokens.list();
  if (tokens.length > 0) {
    list.push({
      key: 'TOKENS',
      text: 'Show the API tokens, and delete some.',
      run: async () => {
        const labels = tokens.map(
          ({ label, user, scopes, expires }) =>
            `${label} of ${user} (${scopes.join(', ')}), ${expires === null ? 'does not expire' : `until ${formatTime(expires)}`}`,
        );
        const none = 'Delete none.';
        const index = await askChoice(dialogue, '\nChoose the token you want to delete:', [none, ...labels], 0);
        const token = tokens[index - 1];
        if (token === undefined) return;
        host.people.endToken(token.id);
        host.people.record(actor, 'token', `token "${token.label}" of ${token.user} deleted`);
        dialogue.print(`\nToken "${token.label}" deleted.`);
      },
    });
  }
  return list;
}

export const userconfig: Command = {
  name: 'userconfig',
  group: 'Configuration',
  summary: 'users of the web UI and the API, and their tokens',
  usage: 'userconfig [OPERATION ...]',
  help: `Roles: administrator (everything), operator (the queue, no configuration), auditor (reads only). Changes are in force at once,
without a commit. A new password, another role or a disabled account end the sessions of the user. This shell itself has no
users: whoever may open it is the owner of the data directory, or root.`,
  words: 'answers',
  complete: ['new', 'edit', 'delete', 'password', 'status', 'tokens'],
  run: async (context) => {
    const heading = () => listing(context.host.people.users.list());
    await operationMenu(context.dialogue, heading, () => operations(context));
  },
};
