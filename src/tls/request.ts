// Certificate requests (PKCS#10, RFC 2986), with the keys made for them.
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

export const requestKeys = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
export type RequestKey = (typeof requestKeys)[number];

export interface RequestSubject {
  readonly commonName: string;
  readonly organization?: string;
  readonly organizationalUnit?: string;
  readonly locality?: string;
  readonly state?: string;
  /** Two letters. */
  readonly country?: string;
}

export interface MadeRequest {
  /** PKCS#10 as PEM. */
  readonly csr: string;
  /** PKCS#8 as PEM. */
  readonly key: string;
  /** `CN=mx.example.com, O=Example`. */
  readonly subject: string;
}

function algorithmOf(kind: RequestKey): webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams {
  const [family, detail] = kind.split('-') as ['ecdsa' | 'rsa', string];
  if (family === 'ecdsa') return { name: 'ECDSA', namedCurve: detail === 'p384' ? 'P-384' : 'P-256' };
  return {
    name: 'RSASSA-PKCS1-v1_5',
    modulusLength: Number(detail),
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: 'SHA-256',
  };
}

/** `names`: host names, `*.example.com`, addresses; all of them, the common name too, stand in subjectAltName. */
export async function makeRequest(
  subject: RequestSubject,
  names: readonly string[],
  kind: RequestKey,
): Promise<MadeRequest> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const algorithm = algorithmOf(kind);
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const parts: (readonly [string, string | undefined])[] = [
    ['C', subject.country?.toUpperCase()],
    ['ST', subject.state],
    ['L', subject.locality],
    ['O', subject.organization],
    ['OU', subject.organizationalUnit],
    ['CN', subject.commonName],
  ];
  const given = parts.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  const alternative = names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: given.map(([key, value]) => ({ [key]: [value] })),
      keys,
      signingAlgorithm: { name: algorithm.name, hash: kind === 'ecdsa-p384' ? 'SHA-384' : 'SHA-256' },
      extensions: [
        new x509.KeyUsagesExtension(
          kind.startsWith('rsa')
            ? x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment
            : x509.KeyUsageFlags.digitalSignature,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(alternative),
      ],
    },
    webcrypto,
  );
  const exported = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    csr: `${request.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${exported.replaceAll(/(.{64})(?=.)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`,
    subject: given
      .toReversed()
      .map(([key, value]) => `${key}=${value}`)
      .join(', '),
  };
}
