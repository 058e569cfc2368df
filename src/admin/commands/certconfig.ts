// certconfig: certificates from PEM files, under names that listeners use.
import type { X509Certificate } from 'node:crypto';
import type { GatewayConfig } from '../../config/schema.ts';
import { messageOf, PosternError } from '../../errors.ts';
import { checkCertificatePair } from '../../tls/certificates.ts';
import { editCandidate } from './candidate.ts';
import type { Command, CommandContext, Dialogue } from './command.ts';
import { readNamedFile } from './named-file.ts';
import {
  accepted,
  askChoice,
  askValue,
  askYesNo,
  errorText,
  type Operation,
  operationMenu,
  refused,
  short,
} from './question.ts';

export type CertificateEntry = GatewayConfig['certificates'][number];

const longestFile = 1024 * 1024;
const shownUsers = 10;

/** The configuration with a pair added, or in the place of another. */
export function withCertificate(
  config: GatewayConfig,
  entry: CertificateEntry,
  replaced?: CertificateEntry,
): GatewayConfig {
  const certificates =
    replaced === undefined
      ? [...config.certificates, entry]
      : config.certificates.map((one) => (samePair(one, replaced) ? entry : one));
  return { ...config, certificates };
}

/** The configuration without a pair. Throws `in-use` where it is the last of a name that something still uses. */
export function withoutCertificate(config: GatewayConfig, entry: CertificateEntry): GatewayConfig {
  const certificates = config.certificates.filter((one) => !samePair(one, entry));
  const users = config.listeners.filter((listener) => listener.certificate === entry.name).map((one) => one.name);
  if (config.gui.certificate === entry.name) users.push('the web UI');
  for (const { domain, certificate } of config.destinations) {
    if (certificate === entry.name) users.push(`the destination ${domain}`);
  }
  for (const { domain, certificate } of config.mtaSts.domains) {
    if (certificate === entry.name) users.push(`the MTA-STS policy of ${domain}`);
  }
  if (users.length > 0 && !certificates.some((one) => one.name === entry.name)) {
    throw new PosternError('in-use', `certificate "${entry.name}" is used by ${namedUsers(users)}`, {
      remedy: 'Give them another certificate first.',
    });
  }
  return { ...config, certificates };
}

/** Of very many the first few: a message has a reader. */
function namedUsers(users: readonly string[]): string {
  const more = users.length - shownUsers;
  return more > 0 ? `${users.slice(0, shownUsers).join(', ')} and ${more} more` : users.join(', ');
}

function samePair(a: CertificateEntry, b: CertificateEntry): boolean {
  return a.name === b.name && a.cert === b.cert && a.key === b.key;
}

/** Reads and checks a pair: that both belong together and are strong enough. Throws `bad-certificate` or `io`. */
export async function describePair(directory: string, entry: CertificateEntry): Promise<readonly string[]> {
  const checked = checkCertificatePair(
    await readNamedFile(directory, entry.cert, longestFile),
    await readNamedFile(directory, entry.key, longestFile),
  );
  return [describe(checked.certificate, checked.keyType), ...checked.warnings];
}

function describe(certificate: X509Certificate, keyType: string): string {
  const { modulusLength, namedCurve } = certificate.publicKey.asymmetricKeyDetails ?? {};
  const detail = modulusLength ?? namedCurve ?? '';
  const names = certificate.subjectAltName?.replaceAll('DNS:', '') ?? certificate.subject.replaceAll('\n', ', ');
  const until = certificate.validToDate.toISOString().slice(0, 10);
  return `${short(names)}; ${keyType.toUpperCase()} ${detail}, valid until ${until}`;
}

async function listing(directory: string, certificates: readonly CertificateEntry[]): Promise<string> {
  const lines = ['Currently configured certificates:', '   demo (built in; ECDSA and RSA, self-signed)'];
  for (const [index, entry] of certificates.entries()) {
    lines.push(`${String(index + 1).padStart(2)} ${entry.name} (${entry.cert})`);
    try {
      for (const line of await describePair(directory, entry)) lines.push(`     ${line}`);
    } catch (error) {
      lines.push(`     ${messageOf(error)}`);
    }
  }
  return lines.join('\n');
}

/** Asks until the pair is one that can be used; what is wrong with it is told. */
async function askPair(dialogue: Dialogue, directory: string, present: CertificateEntry | null) {
  for (;;) {
    const entry = await askEntry(dialogue, present);
    try {
      return { entry, about: await describePair(directory, entry) };
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      dialogue.refuse(errorText(error));
    }
  }
}

async function askEntry(dialogue: Dialogue, present: CertificateEntry | null): Promise<CertificateEntry> {
  const name = await askValue(
    dialogue,
    { text: '\nEnter a name for this certificate profile:', default: present?.name ?? '' },
    (answer) => {
      if (answer === 'demo') return refused('"demo" is built in.');
      return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(answer)
        ? accepted(answer)
        : refused('A name is a letter or digit, then up to 62 letters, digits, ".", "_" or "-".');
    },
  );
  const file = (what: string, preset: string | undefined) =>
    askValue(dialogue, { text: `\nEnter the name of the PEM file with ${what}:`, default: preset ?? '' }, (answer) =>
      answer === '' ? refused('Enter the name of a file.') : accepted(answer),
    );
  const cert = await file('the certificate, then its chain', present?.cert);
  const key = await file('its private key', present?.key);
  return { name, cert, key };
}

async function choose(dialogue: Dialogue, certificates: readonly CertificateEntry[], what: string) {
  const labels = certificates.map((entry) => `${entry.name} (${entry.cert})`);
  const index = await askChoice(dialogue, `\nEnter the number of the certificate you want to ${what}.`, labels, 0);
  return certificates[index] ?? null;
}

function operations(context: CommandContext): readonly Operation[] {
  const { host, dialogue, user, actor } = context;
  const present = () => host.config.candidate(user).config.certificates;
  const create: Operation = {
    key: 'NEW',
    text: 'Add a certificate from PEM files.',
    run: async () => {
      const { entry, about } = await askPair(dialogue, host.dataDirectory, null);
      await editCandidate(host, actor, (config) => withCertificate(config, entry));
      dialogue.print(`\nCertificate ${entry.name} added: ${about.join('\n')}`);
    },
  };
  if (present().length === 0) return [create];
  const print: Operation = {
    key: 'PRINT',
    text: 'Display all certificates.',
    run: async () => {
      dialogue.print(`\n${await listing(host.dataDirectory, present())}`);
      await dialogue.drained();
    },
  };
  const edit: Operation = {
    key: 'EDIT',
    text: 'Change the files of a certificate.',
    run: async () => {
      const chosen = await choose(dialogue, present(), 'edit');
      if (chosen === null) return;
      const { entry, about } = await askPair(dialogue, host.dataDirectory, chosen);
      await editCandidate(host, actor, (config) => withCertificate(config, entry, chosen));
      dialogue.print(`\nCertificate ${entry.name} changed: ${about.join('\n')}`);
    },
  };
  const remove: Operation = {
    key: 'DELETE',
    text: 'Remove a certificate.',
    run: async () => {
      const chosen = await choose(dialogue, present(), 'remove');
      if (chosen === null) return;
      if (!(await askYesNo(dialogue, `\nAre you sure you want to remove certificate "${chosen.name}"?`, false))) return;
      await editCandidate(host, actor, (config) => withoutCertificate(config, chosen));
      dialogue.print(`\nCertificate "${chosen.name}" removed.`);
    },
  };
  return [create, edit, remove, print];
}

export const certconfig: Command = {
  name: 'certconfig',
  group: 'Configuration',
  summary: 'certificates for listeners and the web UI',
  usage: 'certconfig [NEW|EDIT|DELETE|PRINT]',
  help: `A certificate is a name for two PEM files: the certificate with its chain, and its private key. An ECDSA and an RSA pair may
share a name; both are offered then. A relative file name is below the data directory. Files that are renewed in place
are read again by themselves. Keys of less than 2048 bits (RSA) are refused. Nothing changes before "commit".`,
  words: 'answers',
  complete: ['NEW', 'EDIT', 'DELETE', 'PRINT'],
  run: (context) => {
    const { host, dialogue, user } = context;
    return operationMenu(
      dialogue,
      () => {
        const { certificates } = host.config.candidate(user).config;
        const rows = certificates.map((entry, index) => `${index + 1}. ${entry.name} (${entry.cert})`);
        return ['Currently configured certificates:', 'demo (built in)', ...rows].join('\n');
      },
      () => operations(context),
    );
  },
};
