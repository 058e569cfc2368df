// TLS versions and ciphers of the services, as the page "SSL Configuration" shows them.
import Type, { type Static } from 'typebox';
import { tlsVersionSchema } from '../../../config/schema-parts.ts';
import { flag, list, nullable, object, revisionNumber, text, words } from './form.ts';

const versions = (description: string) => Type.Array(tlsVersionSchema, { maxItems: 4, description });
const ciphers = (description: string) => text(description, { minLength: 1, maxLength: 4096 });

export const tlsServiceNames = ['gui', 'inbound', 'outbound'] as const;

export const boxSchema = object(
  {
    version: tlsVersionSchema,
    label: text('`TLS v1.2`.'),
    selected: flag('It is ticked.'),
    active: flag('It can be changed now (bold); false: it is grey.'),
    action: nullable(words(['add', 'remove'], 'What a click does; null: it is grey.')),
    reason: nullable(
      object(
        {
          code: words(
            ['last', 'inside', 'apart'],
            '`last`: one version must stay; `inside`: both neighbours are selected; `apart`: others must be selected first.',
          ),
          versions: versions('The versions that the sentence speaks of.'),
          text: text('A sentence for a person.'),
        },
        'Why it is grey; null: it is not.',
      ),
    ),
  },
  'The box of one version.',
);
export type Box = Static<typeof boxSchema>;

export const suiteSchema = object(
  {
    name: text("OpenSSL's name."),
    standardName: text("IANA's name."),
    id: text('Its number on the wire, such as `0xc02f`.'),
    protocol: text('The lowest protocol that has it.'),
    keyExchange: text('Such as `ECDH`.'),
    authentication: text('Such as `RSA`.'),
    encryption: text('Such as `AESGCM(256)`.'),
    mac: text('Such as `AEAD`.'),
    fixed: flag('A suite of TLS 1.3: always on, no setting changes it.'),
  },
  'A cipher suite.',
);
export type Suite = Static<typeof suiteSchema>;

export const tlsSettingsSchema = object(
  {
    versions: Type.Array(Type.String({ maxLength: 16, description: '`TLSv1.2`' }), {
      maxItems: 16,
      description: 'One unbroken, non-empty run of TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3.',
    }),
    ciphers: Type.String({ maxLength: 5000, description: 'OpenSSL cipher string; rules TLS 1.0-1.2 only.' }),
  },
  'Settings of a service.',
);
export type TlsSettings = Static<typeof tlsSettingsSchema>;

const settings = (description: string) =>
  object(
    {
      versions: versions('Ascending.'),
      method: text('The versions glued together: `tlsv1_2tlsv1_3`.'),
      ciphers: ciphers('OpenSSL cipher string; rules TLS 1.0-1.2 only.'),
    },
    description,
  );

export const tlsServiceSchema = object(
  {
    service: words(tlsServiceNames, 'Its key in the configuration.'),
    title: text('Its name, such as `Inbound SMTP`.'),
    committed: settings('What is in force.'),
    candidate: settings('What your candidate says; the boxes, suites and warnings are about this one.'),
    changed: flag('The two differ.'),
    boxes: Type.Array(boxSchema, { description: 'Four, ascending.' }),
    suites: list(suiteSchema, 'What the service really accepts or offers, best first, with the certificates it has.'),
    warnings: list(text('A sentence.'), 'Versions that the cipher string leaves without a suite.'),
  },
  'One service.',
);
export type TlsServiceView = Static<typeof tlsServiceSchema>;

export const otherClientsSchema = object(
  {
    allowTLSv1_1: flag('TLS 1.1 beside 1.2 and 1.3.'),
    allowTLSv1_0: flag('TLS 1.0 too; it brings 1.1, its bridge to 1.2, with it.'),
  },
  'Other TLS Client Services: the connections, other than mail, that the gateway opens itself.',
);
export type OtherClients = Static<typeof otherClientsSchema>;

export const tlsViewSchema = object(
  {
    revision: revisionNumber('The revision in force.'),
    services: Type.Array(tlsServiceSchema, { description: 'GUI HTTPS, Inbound SMTP, Outbound SMTP.' }),
    otherClients: object(
      { committed: otherClientsSchema, candidate: otherClientsSchema, changed: flag('The two differ.') },
      'Other TLS Client Services.',
    ),
    fixedSuites: list(suiteSchema, 'The three suites of TLS 1.3, in their order.'),
    defaultCiphers: ciphers('The built-in cipher string.'),
  },
  'All TLS settings.',
);
export type TlsView = Static<typeof tlsViewSchema>;

export const tlsServiceParamsSchema = object({ service: words(tlsServiceNames, 'The service.') }, 'A service.');

export const expandSchema = object(
  {
    ciphers: tlsSettingsSchema.properties.ciphers,
    versions: Type.Optional(tlsSettingsSchema.properties.versions),
    service: Type.Optional(
      words(
        tlsServiceNames,
        'Count only suites that the certificates of this service can serve; without: ECDSA and RSA.',
      ),
    ),
  },
  'A cipher string, and the versions that it is for (without: all).',
);
export type Expand = Static<typeof expandSchema>;

export const expandedSchema = object(
  {
    usable: flag('The string can be used as it is.'),
    ciphers: nullable(
      text('As it would be kept: `:` between the words, `!aNULL:!eNULL` at the end. Null: it cannot be used.'),
    ),
    suites: list(suiteSchema, 'What it stands for, best first; with unknown words, what the others stand for.'),
    unknown: list(
      object(
        {
          token: text('The word as it was typed.'),
          start: Type.Integer({ minimum: 0, description: 'Where it begins in the string, in characters.' }),
          detail: text('What is wrong with it.'),
          remedy: text('What would be right.'),
        },
        'A word that cannot be used.',
      ),
      'Words that cannot be used.',
    ),
    problem: nullable(
      object(
        { detail: text('A sentence.'), remedy: text('A sentence.') },
        'Why the string as a whole cannot be used; null: it can, or words are unknown.',
      ),
    ),
    warnings: list(text('A sentence.'), 'Selected versions that the string leaves without a suite.'),
    fixedSuites: list(suiteSchema, 'The three suites of TLS 1.3, in their order.'),
  },
  'What a cipher string stands for.',
);
export type Expanded = Static<typeof expandedSchema>;
