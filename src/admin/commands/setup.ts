// setup: the link with which the first administrator of the web UI is made.
import { hostname } from 'node:os';
import type { SetupLink } from '../auth/people.ts';
import type { Command } from './command.ts';

interface WebAddress {
  readonly address: string;
  readonly ports: readonly number[];
}

/** `https://127.0.0.1:8443`; null where there is no web service. A wildcard address is shown as this machine's name. */
export function webOrigin({ address, ports }: WebAddress, port = ports[0]): string | null {
  if (port === undefined) return null;
  const host = address === '0.0.0.0' || address === '::' ? hostname() : address;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** What to do with a set-up link, for a person at the console. */
export function setupInstructions(link: SetupLink, gui: WebAddress): string {
  const origin = webOrigin(gui);
  if (origin === null) return 'The web UI has no port (gui.ports is empty): give it one first.';
  const lines = [
    'The web UI has no user yet. This link makes the first administrator, once, within an hour:',
    '',
    `  ${origin}/setup#${link.token}`,
    '',
  ];
  if (isLoopback(gui.address)) {
    const port = gui.ports[0];
    lines.push(
      'It is reached from this machine only. From another one, take its port along first:',
      '',
      `  ssh -L ${port}:${gui.address}:${port} ${hostname()}`,
      '',
    );
  }
  lines.push(
    'The certificate is self-signed until another one is chosen (gui.certificate): the browser warns. A new link: postern shell -c setup',
  );
  return lines.join('\n');
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

export const setup: Command = {
  name: 'setup',
  group: 'Session',
  summary: 'a link that makes the first administrator of the web UI',
  usage: 'setup',
  help: `Prints a new set-up link while the web UI has no user; the one before it is void. It works once, within an hour. Where there
are users, "userconfig" adds another or gives one a new password.`,
  words: 'none',
  run: async ({ host, dialogue }) => {
    const link = host.people.newSetupLink();
    dialogue.print(
      link === null
        ? '\nThe web UI has users already. "userconfig" adds another, or gives one a new password.'
        : `\n${setupInstructions(link, host.config.committed().config.gui)}`,
    );
  },
};
