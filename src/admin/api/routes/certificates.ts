// /certificates: what there is, uploads, requests, who uses what.
import type { X509Certificate } from 'node:crypto';
import { PosternError } from '../../../errors.ts';
import type { KeyFile } from '../../../tls/import-thread.ts';
import { storeAuthorities } from '../../commands/authorities.ts';
import { editCandidate } from '../../commands/candidate.ts';
import { withCertificate } from '../../commands/certconfig.ts';
import {
  type CertificateUser,
  createRequest,
  describeCertificates,
  expiryWarnings,
  type NamedCertificate,
  type PairDescription,
  predecessorOf,
  removeRequest,
  requestedKey,
  type StoredRequest,
  storedRequests,
  storePair,
  usersOf,
  withoutName,
  withUses,
} from '../../commands/certificates.ts';
import type { AdminHost } from '../../host.ts';
import { iso } from '../page.ts';
import { route } from '../route.ts';
import {
  authoritiesSchema,
  type Certificate,
  type CertificateRequest,
  certificateParamsSchema,
  certificateSchema,
  certificatesSchema,
  csrSchema,
  type KeyPair,
  removalQuerySchema,
  requestSchema,
  storedAuthoritiesSchema,
  type Upload,
  uploadedSchema,
  uploadSchema,
  usesSchema,
} from '../schemas/certificates.ts';

const tag = 'certificates';
const change = { tag, access: 'administer', locked: true } as const;
const day = 86_400_000;

const oneLine = (text: string): string => text.replaceAll('\n', ', ');

function issued(certificate: X509Certificate) {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    notBefore: iso(certificate.validFromDate.getTime()),
    notAfter: iso(certificate.validToDate.getTime()),
    fingerprint: certificate.fingerprint256,
  };
}

const kinds: Readonly<Record<string, string>> = {
  rsa: 'RSA',
  'rsa-pss': 'RSA-PSS',
  ec: 'ECDSA',
  ed25519: 'Ed25519',
  ed448: 'Ed448',
};

function describePair({ entry, certificate, keyType, chain, warnings }: PairDescription, now: number): KeyPair {
  const { modulusLength, namedCurve } = certificate.publicKey.asymmetricKeyDetails ?? {};
  return {
    keyKind: kinds[keyType] ?? keyType,
    keyDetail: String(modulusLength ?? namedCurve ?? ''),
    names: (certificate.subjectAltName ?? '')
      .split(', ')
      .map((name) => name.replace(/^(DNS|IP Address):/, ''))
      .filter((name) => name !== ''),
    ...issued(certificate),
    serial: certificate.serialNumber,
    signature: certificate.signatureAlgorithm ?? '',
    selfSigned: certificate.subject === certificate.issuer,
    daysLeft: Math.floor((certificate.validToDate.getTime() - now) / day),
    chain: chain.map(issued),
    files: { cert: entry.cert, key: entry.key },
    warnings: [...warnings],
  };
}

function describe(host: AdminHost, { name, builtIn, pairs, problems, usedBy }: NamedCertificate): Certificate {
  const committed = host.config.committed().config;
  const users = new Map<string, CertificateUser>();
  for (const user of [...usedBy, ...usersOf(committed, name)]) users.set(`${user.kind} ${user.name}`, user);
  return {
    name,
    builtIn,
    pending: !builtIn && !committed.certificates.some((entry) => entry.name === name),
    pairs: pairs.map((pair) => describePair(pair, Date.now())),
    problems: [...problems],
    usedBy: [...users.values()],
  };
}

async function describeOne(host: AdminHost, user: string, name: string): Promise<Certificate> {
  const all = await describeCertificates(host.dataDirectory, host.config.candidate(user).config);
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new PosternError('not-found', `there is no certificate "${name}"`);
  return describe(host, found);
}

const kindWords: Readonly<Record<StoredRequest['keyKind'], string>> = {
  'ecdsa-p256': 'ECDSA P-256',
  'ecdsa-p384': 'ECDSA P-384',
  'rsa-2048': 'RSA 2048',
  'rsa-3072': 'RSA 3072',
  'rsa-4096': 'RSA 4096',
};

function describeRequest({ name, subject, names, keyKind, created, csr }: StoredRequest): CertificateRequest {
  return { name, subject, names: [...names], keyKind: kindWords[keyKind], created: iso(created), csr };
}

async function keyFileOf(host: AdminHost, { name, pem, pkcs12 }: Upload): Promise<KeyFile> {
  if ((pem === undefined) === (pkcs12 === undefined)) {
    const detail = 'give either "pem" or "pkcs12"';
    throw new PosternError('bad-request', detail, { issues: [{ pointer: '', detail }] });
  }
  if (pem !== undefined) {
    const key = pem.key ?? (await requestedKey(host.dataDirectory, name));
    return { kind: 'pem', certificate: pem.certificate, key, passphrase: pem.passphrase ?? '' };
  }
  const data = Buffer.from(pkcs12?.data ?? '', 'base64');
  return { kind: 'pkcs12', data: new Uint8Array(data), passphrase: pkcs12?.passphrase ?? '' };
}

export const certificateRoutes = [
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/certificates',
    revised: true,
    summary: 'The certificates of your candidate, and requests that wait for theirs',
    response: certificatesSchema,
    handler: async ({ host, caller }) => {
      const directory = host.dataDirectory;
      const all = await describeCertificates(directory, host.config.candidate(caller.user).config);
      const inForce = await describeCertificates(directory, host.config.committed().config);
      return {
        body: {
          items: all.map((one) => describe(host, one)),
          requests: (await storedRequests(directory)).map(describeRequest),
          warnings: expiryWarnings(inForce, Date.now()),
        },
        revision: host.config.committed().number,
      };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/certificates',
    summary: 'Upload a certificate with its key, as PEM or PKCS#12',
    description:
      'It is checked, its chain put in order, its files kept, and it stands in your candidate; a commit puts it into force.',
    large: true,
    body: uploadSchema,
    response: uploadedSchema,
    handler: async ({ host, caller, body }) => {
      const { name, replace = false, use } = body;
      const entry = await storePair(host.dataDirectory, name, await keyFileOf(host, body));
      const directory = host.dataDirectory;
      const present = host.config.candidate(caller.user).config;
      const old = replace ? await predecessorOf(directory, present, entry) : undefined;
      const changes = await editCandidate(host, caller, (config) => {
        const next = withCertificate(config, entry, old);
        return use === undefined ? next : withUses(next, name, use);
      });
      if (body.pem !== undefined && body.pem.key === undefined) await removeRequest(host.dataDirectory, name);
      return {
        status: 201,
        body: { certificate: await describeOne(host, caller.user, name), changes: changes.length },
        revision: host.config.committed().number,
      };
    },
  }),
  route({
    ...change,
    locked: false,
    method: 'POST',
    path: '/certificates/authorities',
    summary: 'Upload authorities of your own',
    description:
      'Their certificates are kept in a file on the gateway; a destination trusts them when its `ca` names the file.',
    large: true,
    body: authoritiesSchema,
    response: storedAuthoritiesSchema,
    handler: async ({ host, body: { pem } }) => {
      const { file, subjects } = await storeAuthorities(host.dataDirectory, pem);
      return { status: 201, body: { file, subjects: [...subjects] } };
    },
  }),
  route({
    ...change,
    locked: false,
    method: 'POST',
    path: '/certificates/csr',
    summary: 'Make a key and a certificate request',
    description:
      'The key stays here. When the authority has answered, upload the certificate under the same name, without a key.',
    body: csrSchema,
    response: requestSchema,
    handler: async ({ host, body }) => {
      const { name, names = [], key = 'ecdsa-p256', ...subject } = body;
      return {
        status: 201,
        body: describeRequest(await createRequest(host.dataDirectory, name, { subject, names, key })),
      };
    },
  }),
  route({
    ...change,
    method: 'PUT',
    path: '/certificates/{name}/use',
    summary: 'Choose a certificate for the web service or listeners, in your candidate',
    params: certificateParamsSchema,
    body: usesSchema,
    response: certificateSchema,
    handler: async ({ host, caller, params, body }) => {
      await editCandidate(host, caller, (config) => withUses(config, params.name, body));
      return {
        body: await describeOne(host, caller.user, params.name),
        revision: host.config.committed().number,
      };
    },
  }),
  route({
    ...change,
    method: 'DELETE',
    path: '/certificates/{name}',
    summary: 'Take a certificate out of your candidate, or forget a request',
    description: 'Refused while something uses it. Its files stay: an older revision may need them.',
    params: certificateParamsSchema,
    query: removalQuerySchema,
    handler: async ({ host, caller, params, query }) => {
      if (query.request === true) await removeRequest(host.dataDirectory, params.name);
      else await editCandidate(host, caller, (config) => withoutName(config, params.name));
      return { body: undefined };
    },
  }),
];
