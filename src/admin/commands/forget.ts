// forgetaddress: what is kept of one person or one client is deleted from the history.
import { isIP } from 'node:net';
import { PosternError } from '../../errors.ts';
import { auditOnly } from '../../ledger/events.ts';
import type { Actor, AdminHost } from '../host.ts';
import type { Command } from './command.ts';
import { askYesNo, short } from './question.ts';
import { formatCount } from './time.ts';

const longestAddress = 320;

/** Throws `bad-usage` for what is no whole address. */
function oneAddress(text: string): string {
  const address = text.trim();
  const whole = isIP(address) !== 0 || /^[^@\s*]+@[^@\s*]+$/.test(address);
  if (whole && address.length <= longestAddress) return address;
  throw new PosternError('bad-usage', `"${short(address)}" is not one address`, {
    remedy: 'Give a whole mail address, or the address of a client, such as anna@example.com or 198.51.100.7.',
    issues: [{ pointer: '/address', detail: 'is not one address' }],
  });
}

/** Returns how many rows are gone. Throws `bad-usage`. The trail tells that it was done, not of whom. */
export async function forgetPerson(host: AdminHost, actor: Actor, text: string): Promise<number> {
  const address = oneAddress(text);
  const rows = await host.history.forgetAddress(address);
  const { user, role, address: from, face } = actor;
  host.log.record(auditOnly, user, role, from, face, 'forget', `${rows} rows of one address`);
  return rows;
}

export const forgetaddress: Command = {
  name: 'forgetaddress',
  group: 'Monitoring',
  summary: 'delete what the history keeps of one person or one client',
  usage: 'forgetaddress ADDRESS [Y]',
  help: `A mail address: the messages it sent or got. The address of a client: its messages, observations and failures. The log files are
not touched (they go by their age), nor is the queue. It cannot be undone. The audit trail tells that it was done, not of whom.`,
  words: 'own',
  run: async ({ host, dialogue, actor, words }) => {
    const [address, sure, ...rest] = words;
    if (address === undefined || rest.length > 0 || (sure !== undefined && !/^y(es)?$/i.test(sure))) {
      throw new PosternError('bad-usage', 'forgetaddress takes one address', {
        remedy: 'Usage: forgetaddress ADDRESS [Y]',
      });
    }
    oneAddress(address);
    if (sure === undefined && !(await askYesNo(dialogue, `\nDelete what is kept of ${short(address)}?`, false))) return;
    const rows = await forgetPerson(host, actor, address);
    dialogue.print(`\n${formatCount(rows)} rows were deleted.`);
  },
};
