// listenerconfig: the addresses that take mail in.
import { isIPv6 } from 'node:net';
import { parseAddress } from '../../config/names.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { PosternError } from '../../errors.ts';
import { editCandidate } from './candidate.ts';
import type { Command, CommandContext, Dialogue } from './command.ts';
import { accepted, askChoice, askValue, askYesNo, operationMenu, refused, sentence, short } from './question.ts';

export type ListenerSettings = GatewayConfig['listeners'][number];

const tlsLevels = ['off', 'preferred', 'required'] as const;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** `inbound (on Management, 127.0.0.1) SMTP TCP Port 2525 TLS preferred, certificate demo`. */
export function describeListener(listener: ListenerSettings): string {
  const { name, interface: iface, address, port, tls, certificate } = listener;
  return `${name} (on ${iface}, ${address}) SMTP TCP Port ${port} TLS ${tls}, certificate ${certificate}`;
}

/** The names that a listener may have for its certificate. */
export function certificateNames(config: GatewayConfig): readonly string[] {
  return [...new Set(['demo', ...config.certificates.map((certificate) => certificate.name)])];
}

/** The configuration with the listener added, or in the place of the one called `replaced`. */
export function withListener(config: GatewayConfig, listener: ListenerSettings, replaced?: string): GatewayConfig {
  const listeners =
    replaced === undefined
      ? [...config.listeners, listener]
      : config.listeners.map((one) => (one.name === replaced ? listener : one));
  return { ...config, listeners };
}

/** The configuration without the listener. Throws `not-found`. */
export function withoutListener(config: GatewayConfig, name: string): GatewayConfig {
  if (!config.listeners.some((listener) => listener.name === name)) {
    throw new PosternError('not-found', `there is no listener "${short(name)}"`);
  }
  return { ...config, listeners: config.listeners.filter((listener) => listener.name !== name) };
}

async function askListener(
  dialogue: Dialogue,
  config: GatewayConfig,
  present: ListenerSettings | null,
): Promise<ListenerSettings> {
  const others = config.listeners.filter((listener) => listener !== present);
  const name = await askValue(
    dialogue,
    {
      text:
        present === null
          ? '\nPlease create a name for this listener (Ex: "OutboundMail"):'
          : '\nEnter the name of this listener.',
      default: present?.name ?? '',
    },
    (answer) => {
      if (!namePattern.test(answer)) {
        return refused('A name is a letter or digit, then up to 62 letters, digits, ".", "_" or "-".');
      }
      return others.some((listener) => listener.name === answer)
        ? refused(`There is a listener "${answer}" already.`)
        : accepted(answer);
    },
  );
  const address = await askValue(
    dialogue,
    {
      text: '\nEnter the IP address this listener listens on; 0.0.0.0 or :: for all.',
      default: present?.address ?? '127.0.0.1',
    },
    (answer) => {
      const parsed = parseAddress(answer);
      return parsed.ok ? accepted(parsed.value) : refused(`${sentence(parsed.reason)}\n${sentence(parsed.remedy)}`);
    },
  );
  const port = await askValue(
    dialogue,
    { text: '\nEnter the TCP port for this listener.', default: String(present?.port ?? 25) },
    (answer) => {
      const number = Number(answer);
      if (!/^[0-9]{1,5}$/.test(answer) || number < 1 || number > 65_535) {
        return refused('The value must be an integer from 1 to 65535.');
      }
      const taken = others.find((listener) => listener.address === address && listener.port === number);
      return taken === undefined
        ? accepted(number)
        : refused(`Listener "${taken.name}" has ${isIPv6(address) ? `[${address}]` : address}:${number} already.`);
    },
  );
  const level = await askChoice(
    dialogue,
    '\nShould this listener offer TLS (STARTTLS), or take mail only over TLS?',
    ['Off', 'Preferred', 'Required'],
    tlsLevels.indexOf(present?.tls ?? 'preferred'),
  );
  const names = certificateNames(config);
  const certificate =
    names.length === 1
      ? 'demo'
      : (names[
          await askChoice(
            dialogue,
            '\nChoose the certificate of this listener.',
            names,
            Math.max(0, names.indexOf(present?.certificate ?? 'demo')),
          )
        ] ?? 'demo');
  const iface = await askValue(
    dialogue,
    {
      text: '\nEnter the name of the interface, as the mail log shows it.',
      default: present?.interface ?? 'Management',
    },
    (answer) =>
      /^[\x21-\x7e]{1,63}$/.test(answer)
        ? accepted(answer)
        : refused('A name here is up to 63 characters, without blanks.'),
  );
  return { name, address, port, tls: tlsLevels[level] ?? 'preferred', certificate, interface: iface };
}

/** By number or name; null: none. */
async function choose(dialogue: Dialogue, listeners: readonly ListenerSettings[], what: string) {
  return askValue(
    dialogue,
    { text: `\nEnter the name or number of the listener you wish to ${what}.`, choices: listeners.map((l) => l.name) },
    (answer) => {
      if (answer === '') return accepted(null);
      const named = listeners.find((listener) => listener.name === answer);
      const numbered = /^[0-9]+$/.test(answer) ? listeners[Number(answer) - 1] : undefined;
      const found = named ?? numbered;
      return found === undefined ? refused(`There is no listener "${short(answer)}".`) : accepted(found);
    },
  );
}

async function remove(
  { host, dialogue, actor }: CommandContext,
  listeners: readonly ListenerSettings[],
): Promise<void> {
  const chosen = await choose(dialogue, listeners, 'remove');
  if (chosen === null) return;
  if (!(await askYesNo(dialogue, `\nAre you sure you want to remove listener "${chosen.name}"?`, false))) return;
  await editCandidate(host, actor, (config) => withoutListener(config, chosen.name));
  dialogue.print(`\nListener "${chosen.name}" was deleted.`);
}

export const listenerconfig: Command = {
  name: 'listenerconfig',
  group: 'Configuration',
  summary: 'the addresses that take mail in',
  usage: 'listenerconfig [NEW|EDIT|DELETE]',
  help: `A listener has a name, an address and port, a level of TLS (Off: STARTTLS is not offered; Preferred: it is offered;
Required: mail is taken over TLS only), a certificate (see "certconfig") and the name of its interface in the mail log.
Connections that are open go on when a listener is changed or removed. Nothing changes before "commit".`,
  words: 'answers',
  complete: ['NEW', 'EDIT', 'DELETE'],
  run: (context) => {
    const { host, dialogue, user, actor } = context;
    const present = () => host.config.candidate(user).config;
    return operationMenu(
      dialogue,
      () => {
        const { listeners } = present();
        if (listeners.length === 0) return 'No listeners are configured.';
        return `Currently configured listeners:\n${listeners.map((one, at) => `${at + 1}. ${describeListener(one)}`).join('\n')}`;
      },
      () => {
        const { listeners } = present();
        const create = {
          key: 'NEW',
          text: 'Create a new listener.',
          run: async () => {
            const listener = await askListener(dialogue, present(), null);
            await editCandidate(host, actor, (config) => withListener(config, listener));
            dialogue.print(`\nListener ${listener.name} created.`);
          },
        };
        if (listeners.length === 0) return [create];
        return [
          create,
          {
            key: 'EDIT',
            text: 'Modify a listener.',
            run: async () => {
              const chosen = await choose(dialogue, listeners, 'edit');
              if (chosen === null) return;
              const listener = await askListener(dialogue, present(), chosen);
              await editCandidate(host, actor, (config) => withListener(config, listener, chosen.name));
            },
          },
          { key: 'DELETE', text: 'Remove a listener.', run: () => remove(context, listeners) },
        ];
      },
    );
  },
};
