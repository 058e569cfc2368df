// Verifications (tlsverify, daneverify): what is asked, how far it is, what it has found.
import Type, { type Static } from 'typebox';
import { count, flag, list, nullable, object, text, words } from './form.ts';
import { jobKeys } from './job.ts';

export const verificationRequestSchema = object(
  {
    domains: Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
      minItems: 1,
      maxItems: 1000,
      description: 'Domains that mail would go to.',
    }),
    dane: Type.Optional(
      Type.Boolean({ default: false, description: 'Demand DANE, whatever the configuration says (daneverify).' }),
    ),
    detail: Type.Optional(
      Type.Boolean({ default: false, description: 'Try every host, every address and each TLS version by itself.' }),
    ),
  },
  'Domains to verify.',
);
export type VerificationRequest = Static<typeof verificationRequestSchema>;

export const verificationRowSchema = object(
  {
    domain: text('The domain.'),
    ok: flag('Mail would go out as it should.'),
    reason: text('Why not; empty: it would.'),
    host: text('The host that decided; empty: none could be reached.'),
    wanted: text('The level of the policy towards it.'),
    protocol: text('Of the handshake with it; empty: none was completed.'),
    cipher: text('Likewise.'),
    verified: flag('Its certificate is for it, or is what the policy wants.'),
  },
  'A domain.',
);
export type VerificationRow = Static<typeof verificationRowSchema>;

export const verificationSchema = object(
  {
    ...jobKeys('Domains'),
    failed: count('Those to which mail would not go as it should.'),
    dane: flag('DANE is demanded.'),
    detail: flag('Every host, address and version is tried.'),
    rows: list(verificationRowSchema, 'Those that are done: first what failed, then by name.'),
  },
  'A verification.',
);
export type Verification = Static<typeof verificationSchema>;

export const presentVerificationSchema = object(
  { verification: nullable(verificationSchema) },
  'Your last one; null: it is not kept, or there was none.',
);
export type PresentVerification = Static<typeof presentVerificationSchema>;

export const verifiedDomainParamsSchema = object(
  { domain: text('The domain, as `rows` has it.', { minLength: 1, maxLength: 255 }) },
  'A domain.',
);

export const verifiedDomainSchema = object(
  {
    domain: text('The domain.'),
    ok: flag('Mail would go out as it should.'),
    reason: text('Why not; empty: it would.'),
    lines: list(text('A line.'), 'The same in the words of tlsverify.'),
    hosts: list(
      object(
        {
          host: text('Its name.'),
          signed: flag('The name came from a signed answer (DNSSEC), or is configured.'),
          policy: object(
            {
              wanted: text('The level in force.'),
              trust: words(['none', 'mta-sts', 'dnssec'], 'How the host is known to be the right one.'),
              level: words(['none', 'encrypted', 'authenticated'], 'The least that a connection must have.'),
              versions: list(text('A TLS version.'), 'Versions that are offered.'),
              sni: text('Name in the ClientHello; empty: none.'),
              names: list(text('A name.'), 'The certificate must be for one of them; empty: any will do.'),
              tlsa: list(text('`3 1 1 8cb0...`'), 'Usable TLSA records.'),
              refusal: text('Why the host would not be used now; empty: it would.'),
              why: text('Why it is this policy.'),
            },
            'The policy towards the host.',
          ),
          addresses: list(
            object(
              {
                address: text('Its address.'),
                port: count('Port.'),
                local: text('Our end of the connection; empty: there was none.'),
                failure: text('Why the connection or its TLS did not come about; empty: it did.'),
                explanation: text('What the TLS engine says of it.'),
                decides: flag('What is found here is what a delivery would meet.'),
                tls: nullable(
                  object(
                    {
                      protocol: text('`TLSv1.3`'),
                      cipher: text('Suite.'),
                      group: text('Of the key exchange; `none`: RSA.'),
                      verified: flag('The certificate is for the host, or is what the policy wants.'),
                      detail: text('The name or TLSA record that matched, or why none did.'),
                      certificate: text('Subject, issuer, expiry, key, weaknesses.'),
                      names: text('In the certificate.'),
                      chain: list(text('A subject.'), 'As the server sent it, its own first.'),
                    },
                    'The handshake.',
                  ),
                ),
                versions: list(
                  object(
                    {
                      version: text('`TLSv1.2`'),
                      cipher: text('What came about with this version alone; empty: nothing did.'),
                      reason: text('Why not.'),
                    },
                    'A version by itself.',
                  ),
                  'Each TLS version by itself; only with `detail`.',
                ),
              },
              'An address.',
            ),
            'Addresses that were tried.',
          ),
        },
        'A host.',
      ),
      'Hosts, in the order in which a delivery tries them.',
    ),
  },
  'All that was found of a domain.',
);
export type VerifiedDomain = Static<typeof verifiedDomainSchema>;
