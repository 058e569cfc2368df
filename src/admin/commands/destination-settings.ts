// The questions about one entry of the destination controls: the reference's in its order, then ours.
import { parseCertificateName } from '../../config/names.ts';
import type { DestinationLevel } from '../../tls/policy.ts';
import { authorityProblem } from './authorities.ts';
import type { CommandContext, Dialogue } from './command.ts';
import { everything, hostedWords, levelWords, type Settings } from './destination-text.ts';
import { accepted, askChoice, askValue, askYesNo, errorText, refused, sentence } from './question.ts';

type Draft = { -readonly [K in keyof Settings]: Settings[K] };

interface Choice {
  readonly text: string;
  /** Absent: that of the wider entry. */
  readonly tls?: DestinationLevel;
  /** The certificate must be for the domain. */
  readonly hosted?: true;
}

const level = (tls: DestinationLevel): Choice => ({ text: levelWords[tls], tls });

/** The reference's six, then DANE's two. */
const choices: readonly Choice[] = [
  level('none'),
  level('preferred'),
  level('required'),
  level('preferred-verify'),
  level('required-verify'),
  { text: hostedWords, tls: 'required-verify', hosted: true },
  level('dane'),
  level('dane-only'),
];

const tlsKeys = ['tls', 'names', 'ca', 'systemCa', 'certificate'] as const;

/** What the entry sets then. */
export async function askSettings(context: CommandContext, domain: string, old: Settings): Promise<Settings> {
  const { dialogue } = context;
  const about = domain === everything ? 'by default' : `for ${domain}`;
  const settings: Draft = { ...old };
  const limited = old.connections !== undefined;
  if (await askYesNo(dialogue, `\nDo you wish to configure a concurrency limit ${about}?`, limited)) {
    const text = '\nEnter the maximum number of concurrent connections.';
    settings.connections = await askNumber(dialogue, text, old.connections, 10_000);
  } else delete settings.connections;
  const counted = old.messagesPerConnection !== undefined;
  if (await askYesNo(dialogue, `\nDo you wish to apply a messages-per-connection limit ${about}?`, counted)) {
    const text = '\nEnter the maximum number of messages per connection.';
    settings.messagesPerConnection = await askNumber(dialogue, text, old.messagesPerConnection, 1_000_000);
  } else delete settings.messagesPerConnection;
  const special = tlsKeys.some((key) => old[key] !== undefined);
  if (await askYesNo(dialogue, `\nDo you wish to apply a specific TLS setting ${about}?`, special)) {
    await askTls(context, settings, special && old.tls === undefined);
  } else for (const key of tlsKeys) delete settings[key];
  if (settings.tls === 'none') delete settings.mtaSts;
  else await askMtaSts(dialogue, settings, about, domain === everything);
  return settings;
}

/** `inherits`: the present settings leave the level to the wider entry, and may go on doing so. */
async function askTls(context: CommandContext, settings: Draft, inherits: boolean): Promise<void> {
  const { dialogue } = context;
  const offered: readonly Choice[] = inherits ? [...choices, { text: 'Default' }] : choices;
  const hosted = settings.tls === 'required-verify' && settings.names?.includes('domain') === true;
  const present = offered.findIndex(({ tls, hosted: own }) => tls === settings.tls && (own === true) === hosted);
  const texts = offered.map(({ text }) => text);
  const answer = await askChoice(dialogue, '\nDo you want to use TLS support?', texts, present < 0 ? 1 : present);
  const chosen = offered[answer];
  if (chosen === undefined) return;
  const { tls } = chosen;
  if (tls === undefined) delete settings.tls;
  else settings.tls = tls;
  if (chosen.hosted === true) {
    if (settings.names?.includes('domain') !== true) settings.names = ['domain'];
  } else if (hosted) delete settings.names;
  if (tls === 'required-verify' || tls === 'preferred-verify') {
    settings.names = await askNames(dialogue, settings.names ?? ['host']);
  } else if (tls !== undefined) delete settings.names;
  // Below the levels that verify it is MTA-STS, REQUIRETLS or the sender that may want a certificate verified; DANE asks no authority.
  if (tls === 'none' || tls === 'dane-only') {
    for (const key of ['ca', 'systemCa'] as const) delete settings[key];
  } else await askAuthorities(context, settings);
  if (tls === 'none') delete settings.certificate;
  else await askCertificate(context, settings);
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

async function askAuthorities({ host, dialogue }: CommandContext, settings: Draft): Promise<void> {
  if (!(await askYesNo(dialogue, '\nDo you wish to trust authorities of your own?', settings.ca !== undefined))) {
    delete settings.ca;
    delete settings.systemCa;
    return;
  }
  const text = '\nEnter the name of the PEM file with the authorities.';
  for (;;) {
    const file = await askValue(dialogue, { text, default: settings.ca ?? '' }, (answer) =>
      answer === '' || /-----BEGIN|\0/.test(answer) ? refused('Enter the name of a file.') : accepted(answer),
    );
    const problem = await authorityProblem(host.dataDirectory, [{ file, path: [] }]);
    if (problem === null) {
      settings.ca = file;
      break;
    }
    dialogue.refuse(errorText(problem));
  }
  const both = "\nDo you wish to trust the system's authorities as well?";
  settings.systemCa = await askYesNo(dialogue, both, settings.systemCa === true);
}

async function askCertificate({ host, dialogue, user }: CommandContext, settings: Draft): Promise<void> {
  const question = '\nDo you wish to show a certificate of your own to its hosts?';
  if (await askYesNo(dialogue, question, settings.certificate !== undefined)) {
    const names = [...new Set(['demo', ...host.config.candidate(user).config.certificates.map(({ name }) => name)])];
    const present = Math.max(0, names.indexOf(settings.certificate ?? ''));
    settings.certificate = names[await askChoice(dialogue, '\nChoose the certificate.', names, present)] ?? 'demo';
  } else delete settings.certificate;
}

async function askMtaSts(dialogue: Dialogue, settings: Draft, about: string, all: boolean): Promise<void> {
  const special = settings.mtaSts !== undefined;
  if (!(await askYesNo(dialogue, `\nDo you wish to apply a specific MTA-STS setting ${about}?`, special))) {
    delete settings.mtaSts;
    return;
  }
  const question = `\nDo you wish to keep the MTA-STS ${all ? 'policies of the domains' : 'policy of the domain'}?`;
  settings.mtaSts = await askYesNo(dialogue, question, settings.mtaSts !== false);
}
