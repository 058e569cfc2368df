// Certificates: what there is, who uses it, new ones.
import Type, { type Static } from 'typebox';
import { count, flag, list, object, text, time, words } from './form.ts';

const name = Type.String({
  minLength: 1,
  maxLength: 63,
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$',
  description: 'A letter or digit, then letters, digits, ".", "_" or "-".',
});
const pem = (description: string) => Type.String({ minLength: 1, maxLength: 262_144, description });

const issuedSchema = object(
  {
    subject: text('Whose it is.'),
    issuer: text('Who signed it.'),
    notBefore: time('Valid from.'),
    notAfter: time('Valid until.'),
    fingerprint: text('SHA-256, as hexadecimal pairs with colons.'),
  },
  'A certificate of a chain.',
);

export const keyPairSchema = object(
  {
    keyKind: text('`RSA`, `ECDSA`, `Ed25519`, ...'),
    keyDetail: text('Bits or curve: `2048`, `prime256v1`.'),
    names: list(text('A name or address.'), 'Names that it is valid for.'),
    ...issuedSchema.properties,
    serial: text('Hexadecimal.'),
    signature: text('Signature algorithm.'),
    selfSigned: flag('Nobody else vouches for it.'),
    daysLeft: Type.Integer({ description: 'Whole days until it expires; negative: it has.' }),
    chain: list(issuedSchema, 'What the file has after it: its issuer, the issuer of that, ...'),
    files: object({ cert: text('PEM file.'), key: text('PEM file.') }, 'Where it is.'),
    warnings: list(text('A sentence.'), 'Expiry, order of the chain, weak signature, ...'),
  },
  'A certificate with its key.',
);
export type KeyPair = Static<typeof keyPairSchema>;

export const certificateSchema = object(
  {
    name,
    builtIn: flag('`demo`: made by the gateway, good for encryption, verifiable by nobody.'),
    pending: flag('It is in your candidate only.'),
    pairs: list(keyPairSchema, 'One, or an ECDSA and an RSA pair: both are offered then.'),
    problems: list(text('A sentence.'), 'Pairs that cannot be read.'),
    usedBy: list(
      object(
        {
          kind: words(
            ['gui', 'listener', 'destination', 'mta-sts'],
            'The web service, a listener, a destination that we show it to as a client, a policy that we serve.',
          ),
          name: text('Name of the listener, domain of the destination or the policy; empty for the web service.'),
        },
        'A user of the certificate.',
      ),
      'Who uses it, in your candidate or in force.',
    ),
  },
  'The certificate of one name.',
);
export type Certificate = Static<typeof certificateSchema>;

export const requestSchema = object(
  {
    name,
    subject: text('Of the request.'),
    names: list(text('A name or address.'), 'Names that it asks for.'),
    keyKind: text('`RSA 2048`, `ECDSA P-256`, ...'),
    created: time('When it was made.'),
    csr: text('PKCS#10 as PEM, for the authority.'),
  },
  'A request whose key is kept; the certificate for it can be uploaded without a key.',
);
export type CertificateRequest = Static<typeof requestSchema>;

export const certificatesSchema = object(
  {
    items: list(certificateSchema, 'By name; `demo` first.'),
    requests: list(requestSchema, 'Requests that wait for their certificate.'),
    warnings: list(text('A sentence.'), 'Certificates in use that expire soon, or have.'),
  },
  'Certificates of the gateway.',
);
export type Certificates = Static<typeof certificatesSchema>;

const uses = object(
  {
    gui: Type.Optional(flag('The web service uses it.')),
    listeners: Type.Optional(
      Type.Array(text('Name of a listener.', { maxLength: 63 }), {
        maxItems: 256,
        description: 'These listeners use it.',
      }),
    ),
  },
  'Who shall use it.',
);

export const uploadSchema = object(
  {
    name,
    pem: Type.Optional(
      object(
        {
          certificate: pem('PEM: the certificate, then its chain.'),
          key: Type.Optional(pem('PEM: its private key; without: the key of the request of this name.')),
          passphrase: Type.Optional(text('Of the key, where it is protected.', { maxLength: 1024 })),
        },
        'PEM texts.',
      ),
    ),
    pkcs12: Type.Optional(
      object(
        {
          data: Type.String({ minLength: 1, maxLength: 1_400_000, description: 'The file (.p12, .pfx), in base64.' }),
          passphrase: Type.Optional(text('Of the file.', { maxLength: 1024 })),
        },
        'A PKCS#12 file.',
      ),
    ),
    replace: Type.Optional(flag('Takes the place of the pair of the same name and kind of key.')),
    use: Type.Optional(uses),
  },
  'A certificate with its key: `pem` or `pkcs12`.',
);
export type Upload = Static<typeof uploadSchema>;

export const csrSchema = object(
  {
    name,
    commonName: text('Such as `mx.example.com`.', { minLength: 1, maxLength: 64 }),
    organization: Type.Optional(text('O.', { minLength: 1, maxLength: 64 })),
    organizationalUnit: Type.Optional(text('OU.', { minLength: 1, maxLength: 64 })),
    locality: Type.Optional(text('L.', { minLength: 1, maxLength: 128 })),
    state: Type.Optional(text('ST.', { minLength: 1, maxLength: 128 })),
    country: Type.Optional(Type.String({ pattern: '^[A-Za-z]{2}$', description: 'C: two letters.' })),
    names: Type.Optional(
      Type.Array(text('A host name, `*.example.com`, or an address.', { minLength: 1, maxLength: 255 }), {
        maxItems: 100,
        description: 'Further names.',
      }),
    ),
    key: Type.Optional(
      words(
        ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'],
        'The key to make; without: `ecdsa-p256`.',
      ),
    ),
  },
  'A request for a certificate.',
);
export type CsrInput = Static<typeof csrSchema>;

export const usesSchema = uses;
export type CertificateUses = Static<typeof usesSchema>;
export const certificateParamsSchema = object({ name }, 'A certificate.');
export const uploadedSchema = object(
  { certificate: certificateSchema, changes: count('Changes that are pending now.') },
  'What was uploaded; it is in your candidate.',
);
export type Uploaded = Static<typeof uploadedSchema>;
export const removalQuerySchema = object(
  { request: Type.Optional(flag('True: forget the request and its key, not the certificate.')) },
  'What to delete.',
);

export const authoritiesSchema = object({ pem: pem('PEM: one certificate or several.') }, 'Authorities of your own.');
export type Authorities = Static<typeof authoritiesSchema>;

export const storedAuthoritiesSchema = object(
  {
    file: text('What `ca` of a destination calls it.'),
    subjects: list(text('A subject.'), 'Of the certificates in it.'),
  },
  'Authorities that are kept.',
);
export type StoredAuthorities = Static<typeof storedAuthoritiesSchema>;
