// What is to stand in DNS, and the keys that sign mail.
import Type, { type Static } from 'typebox';
import { flag, list, nullable, object, text, words } from './form.ts';

export const recordSchema = object(
  {
    purpose: words(['TLSA', 'MTA-STS', 'TLS-RPT', 'SPF', 'DKIM'], 'What it is part of.'),
    name: text('Where it stands.'),
    type: words(['TLSA', 'TXT', 'CNAME'], 'Its type.'),
    value: text('What should stand there.'),
    zone: text('The same as a line of a zone file.'),
    about: text('What it is for.'),
    status: words(
      ['right', 'missing', 'different', 'superfluous', 'unknown'],
      '`different`: something else stands there; `superfluous`: it may go; `unknown`: DNS does not answer, or it cannot be judged.',
    ),
    found: list(text('A record.'), 'What stands there now.'),
    detail: text('What follows from that; empty: nothing.'),
    secure: nullable(flag('The answer was validated (DNSSEC); null: by nobody who is believed.')),
  },
  'A record, compared with DNS.',
);
export type DnsRecord = Static<typeof recordSchema>;

export const recordsQuerySchema = object(
  {
    domains: Type.Optional(
      Type.String({ maxLength: 10_000, description: 'Domains, with commas; without: your own (50 at most).' }),
    ),
  },
  'Which domains.',
);

export const recordsSchema = object(
  {
    records: list(recordSchema, 'By purpose.'),
    notes: list(text('A sentence or two.'), 'What else an administrator should know.'),
  },
  'What to publish for your candidate.',
);
export type DnsRecords = Static<typeof recordsSchema>;

const kinds = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'] as const;

export const dkimKeySchema = object(
  {
    domain: text('Whose mail it signs.'),
    selector: text('Its name in DNS.'),
    algorithm: words(['rsa-sha256', 'ed25519-sha256'], 'What it signs with.'),
    state: words(
      ['next', 'active', 'retired'],
      '`next`: its record is to be published; `active`: it signs; `retired`: no more.',
    ),
    pending: flag('It is not so in the committed configuration.'),
    until: nullable(text('Retired: the day on which its record may go.')),
    name: text('Where its record stands.'),
    value: text('Its record.'),
    zone: text('The same as a line of a zone file.'),
  },
  'A key.',
);
export type DkimKey = Static<typeof dkimKeySchema>;

export const dkimKeysSchema = object(
  {
    items: list(dkimKeySchema, 'In the order of the configuration.'),
    problems: list(text('A sentence.'), 'Keys that cannot be read.'),
  },
  'The keys of your candidate.',
);
export type DkimKeys = Static<typeof dkimKeysSchema>;

export const newDkimKeySchema = object(
  {
    domain: text('Whose mail it is to sign.', { minLength: 1, maxLength: 255 }),
    kind: Type.Optional(
      Type.Unsafe<(typeof kinds)[number]>(Type.Enum([...kinds], { default: 'rsa-2048', description: 'Its kind.' })),
    ),
    selector: Type.Optional(text('Its name in DNS; without: one with the day in it.', { minLength: 1, maxLength: 63 })),
  },
  'A new key.',
);
export type NewDkimKey = Static<typeof newDkimKeySchema>;

export const rotationSchema = object(
  { domain: text('The domain that gets new keys.', { minLength: 1, maxLength: 255 }) },
  'Which domain.',
);

export const dkimParamsSchema = object(
  {
    domain: text('The domain.', { minLength: 1, maxLength: 255 }),
    selector: text('The selector.', { minLength: 1, maxLength: 63 }),
  },
  'Which key.',
);

export const forceSchema = object(
  { force: Type.Optional(flag('Although its record is not there as it should be, or must stay.')) },
  'How.',
);
