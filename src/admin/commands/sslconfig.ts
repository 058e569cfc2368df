// sslconfig: TLS versions and ciphers of the services.
import type { GatewayConfig } from '../../config/schema.ts';
import { PosternError } from '../../errors.ts';
import { checkCiphers, cipherLines, cipherWarnings } from '../../tls/ciphers.ts';
import {
  checkSelection,
  menu,
  menuDefault,
  methodToken,
  parseMenu,
  type TlsVersion,
  tlsVersions,
  versionList,
} from '../../tls/versions.ts';
import { editCandidate } from './candidate.ts';
import type { Command, CommandContext } from './command.ts';
import { exceptionLines } from './exceptionconfig.ts';
import { accepted, askValue, askYesNo, type Checked, errorText, operationMenu, refused } from './question.ts';

export type TlsService = 'gui' | 'inbound' | 'outbound';

export const services: readonly { readonly key: TlsService; readonly title: string; readonly asked: string }[] = [
  { key: 'gui', title: 'GUI HTTPS', asked: 'GUI HTTPS' },
  { key: 'inbound', title: 'Inbound SMTP', asked: 'inbound SMTP' },
  { key: 'outbound', title: 'Outbound SMTP', asked: 'outbound SMTP' },
];

/** The block `sslconfig settings:`. */
export function describeTls(config: GatewayConfig): string {
  const lines = ['sslconfig settings:'];
  for (const { key, title } of services) {
    const { versions, ciphers } = config.tls[key];
    lines.push(`  ${title} method:  ${methodToken(versions)}`, `  ${title} ciphers:`);
    for (const token of ciphers.split(':')) lines.push(`        ${token}`);
  }
  if (config.exceptions.length > 0) {
    lines.push(
      '  Exceptions (exceptionconfig):',
      ...exceptionLines(config.exceptions, Date.now()).map((line) => `        ${line}`),
    );
  }
  return lines.join('\n');
}

/** The configuration with other settings of one service. Throws `bad-ciphers` where the string is not usable. */
export function withService(
  config: GatewayConfig,
  service: TlsService,
  settings: { readonly versions: readonly TlsVersion[]; readonly ciphers: string },
): GatewayConfig {
  const checked = checkCiphers(settings.ciphers, settings.versions);
  const kept = config.tls[service].ciphers;
  const ciphers = settings.ciphers === kept ? kept : checked;
  return { ...config, tls: { ...config.tls, [service]: { versions: [...settings.versions], ciphers } } };
}

/** As `withService`, for versions that nobody has checked yet: throws `bad-configuration` where they are no unbroken run. */
export function withCheckedService(
  config: GatewayConfig,
  service: TlsService,
  settings: { readonly versions: readonly string[]; readonly ciphers: string },
): GatewayConfig {
  const selection = checkSelection(settings.versions);
  if (!selection.ok) {
    throw new PosternError('bad-configuration', selection.message, {
      remedy: 'Choose versions that follow one another, such as TLSv1.2 and TLSv1.3.',
      issues: [{ pointer: '/versions', detail: selection.message }],
    });
  }
  try {
    return withService(config, service, { versions: selection.versions, ciphers: settings.ciphers });
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== 'bad-ciphers') throw error;
    const { message, remedy } = error;
    const issue = { pointer: '/ciphers', detail: message, ...(remedy === undefined ? {} : { remedy }) };
    throw new PosternError(error.code, message, {
      cause: error,
      issues: [issue],
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

type OtherClients = GatewayConfig['tls']['otherClients'];

/** The configuration with other boxes of "Other TLS Client Services". TLS 1.0 brings 1.1, its bridge to 1.2, with it. */
export function withOtherClients(config: GatewayConfig, boxes: OtherClients): GatewayConfig {
  const otherClients = { ...boxes, allowTLSv1_1: boxes.allowTLSv1_1 || boxes.allowTLSv1_0 };
  return { ...config, tls: { ...config.tls, otherClients } };
}

function describeOtherClients({ allowTLSv1_0, allowTLSv1_1 }: OtherClients): string {
  const versions = tlsVersions.filter((version) => {
    if (version === 'TLSv1.0') return allowTLSv1_0;
    return version === 'TLSv1.1' ? allowTLSv1_1 || allowTLSv1_0 : true;
  });
  return `Other client services use ${versionList(versions)}.`;
}

function checkTyped(input: string, versions: readonly TlsVersion[], kept: string): Checked<string> {
  try {
    const checked = checkCiphers(input, versions);
    // A string that stands is not rewritten, so that Enter changes nothing.
    return accepted(input === kept ? kept : checked);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return refused(errorText(error));
  }
}

async function editService(
  { host, dialogue, user, actor }: CommandContext,
  service: (typeof services)[number],
): Promise<void> {
  const { key, asked } = service;
  const present = host.config.candidate(user).config.tls[key];
  const versions = await askValue(
    dialogue,
    {
      text: `\nEnter the ${asked} ssl method you want to use.\n${menu.map((entry) => entry.text).join('\n')}`,
      default: menuDefault(present.versions),
    },
    (answer) => {
      const selection = parseMenu(answer, present.versions);
      return selection.ok ? accepted(selection.versions) : refused(selection.message);
    },
  );
  const ciphers = await askValue(
    dialogue,
    { text: `\nEnter the ${asked} ssl cipher you want to use.`, default: present.ciphers },
    (answer) => checkTyped(answer, versions, present.ciphers),
  );
  await editCandidate(host, actor, (config) => withService(config, key, { versions, ciphers }));
  for (const warning of cipherWarnings(ciphers, versions)) dialogue.print(`\n${warning}`);
}

/** Suites of a cipher string, or of a service (`INBOUND`) under its own versions. Null: nothing was entered. */
function verifyLines(answer: string, config: GatewayConfig): readonly string[] | null {
  if (answer === '') return null;
  const service = services.find(({ key }) => key === answer.toLowerCase());
  if (service === undefined) return cipherLines(answer, tlsVersions);
  const { versions, ciphers } = config.tls[service.key];
  return cipherLines(ciphers, versions);
}

async function verify({ host, dialogue, user }: CommandContext): Promise<void> {
  const { config } = host.config.candidate(user);
  const lines = await askValue(
    dialogue,
    { text: '\nEnter the ssl cipher you want to verify.', choices: services.map(({ key }) => key.toUpperCase()) },
    (answer): Checked<readonly string[] | null> => {
      try {
        return accepted(verifyLines(answer, config));
      } catch (error) {
        if (!(error instanceof PosternError)) throw error;
        return refused(errorText(error));
      }
    },
  );
  if (lines !== null) dialogue.print(`\n${lines.join('\n')}`);
}

/** One question where 1.0 is enabled (it brings 1.1 with it), two where it is not. */
async function editOtherClients({ host, dialogue, user, actor }: CommandContext): Promise<void> {
  const present = host.config.candidate(user).config.tls.otherClients;
  dialogue.print(`\n${describeOtherClients(present)}`);
  const question = (version: string) => `\nDo you want to enable TLS ${version} for other client services?`;
  const allowTLSv1_0 = await askYesNo(dialogue, question('v1.0'), present.allowTLSv1_0);
  const allowTLSv1_1 = allowTLSv1_0 || (await askYesNo(dialogue, question('v1.1'), present.allowTLSv1_1));
  const boxes = { allowTLSv1_1, allowTLSv1_0 };
  await editCandidate(host, actor, (config) => withOtherClients(config, boxes));
  dialogue.print(`\n${describeOtherClients(boxes)}`);
}

export const sslconfig: Command = {
  name: 'sslconfig',
  group: 'Configuration',
  summary: 'TLS versions and ciphers of the web UI, incoming and outgoing mail',
  usage: 'sslconfig [GUI|INBOUND|OUTBOUND [VERSIONS [CIPHERS]]]',
  help: `Versions are chosen from a menu: a number (2), a range (1-3) or a list (1, 2, 3). They must be one unbroken run: TLS v1.0
and v1.2 cannot be on together unless v1.1, which bridges them, is on too. The cipher string is OpenSSL's and rules TLS
v1.0-v1.2 only; the three suites of TLS v1.3 are fixed. VERIFY shows
the suites that a cipher string stands for; GUI, INBOUND or OUTBOUND in its place: what that service really accepts under
its versions.
OTHER_CLIENT_TLSV10 is about the connections that the gateway itself opens, other than mail: to log collectors. They always
speak TLS v1.2 and v1.3; v1.0 and v1.1 are allowed here. Nothing changes before "commit".`,
  words: 'answers',
  complete: ['GUI', 'INBOUND', 'OUTBOUND', 'VERIFY', 'OTHER_CLIENT_TLSV10'],
  run: (context) => {
    const { host, dialogue, user } = context;
    return operationMenu(
      dialogue,
      () => describeTls(host.config.candidate(user).config),
      () => [
        ...services.map((service) => ({
          key: service.key.toUpperCase(),
          text: `Edit ${service.title} ssl settings.`,
          run: () => editService(context, service),
        })),
        { key: 'VERIFY', text: 'Verify and show ssl cipher list.', run: () => verify(context) },
        {
          key: 'OTHER_CLIENT_TLSV10',
          text: 'Edit TLS v1.0 for other client services.',
          run: () => editOtherClients(context),
        },
      ],
    );
  },
};
