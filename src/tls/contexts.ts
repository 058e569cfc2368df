// The OpenSSL contexts of a service. TLS 1.0 and 1.1 work on OpenSSL 3 at security level 0 only, which opens SHA-1
// signatures and 1,024-bit groups to everybody; so those versions get a context of their own, and only peers that can do no
// better are sent to it.
import { constants } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { CertificateSettings, TlsServiceSettings } from '../config/snapshot.ts';
import { messageOf, PosternError } from '../errors.ts';
import { acceptedSuites, atLevel, checkCiphers, type KeyKind, legacyLevel, modernLevel } from './ciphers.ts';
import { opensslError } from './errors.ts';
import { type ClientHello, highestVersion } from './hello.ts';
import { checkCertificatePair } from './own-certificate.ts';
import type { Suite } from './suites.ts';
import { checkSelection, nodeVersionRange, type TlsVersion } from './versions.ts';

interface Plan {
  readonly modern: SecureContextOptions;
  readonly legacy: SecureContextOptions | null;
}

/** The contexts of one listener: its service's settings and its certificate. Immutable. */
export interface ServerTls {
  readonly settings: TlsServiceSettings;
  /** A peeked hello goes to the legacy context only if its highest version is 1.1 or lower. */
  choose(hello: ClientHello): SecureContext;
  /** For 1.2 and 1.3. Where only 1.0 and 1.1 are selected: the level-0 context, for everybody. */
  readonly modern: SecureContext;
  /** Present only where 1.0 or 1.1 is selected beside a newer version. */
  readonly legacy: SecureContext | null;
  /** What the contexts were made from: for a server that makes its own (`setSecureContext`). */
  readonly options: Plan;
  /** What the certificate offers. */
  readonly keys: readonly KeyKind[];
  /** The suites that it really accepts, best first. Worked out once, when first asked. */
  accepted(): readonly Suite[];
}

/** The contexts of outgoing connections. */
export interface ClientTls {
  readonly settings: TlsServiceSettings;
  /** For the first try. Where only 1.0 and 1.1 are selected: the level-0 context, and there is no second. */
  readonly modern: SecureContext;
  /** Present only where 1.0 or 1.1 is selected beside a newer version. */
  readonly legacy: SecureContext | null;
}

/** Whom an outgoing connection trusts, and what it shows of itself. */
export interface ClientCredentials {
  /** Equal stamps: equal credentials. */
  readonly stamp: string;
  /** PEM text of the authorities to trust; absent: those of the system. */
  readonly ca?: string;
  /** Those of the system beside `ca`. */
  readonly systemCa?: boolean;
  /** Our own certificate and key, for a server that asks for one. */
  readonly pairs?: CertificateSettings['pairs'];
}

/**
 * Groups that an outgoing hello names. X25519 alone has a key share: about 370 bytes in one segment instead of 1,591, which
 * breaks some servers; ML-KEM comes by HelloRetryRequest where the server wants it. `?`: skip what this OpenSSL lacks.
 */
export const clientGroups = '?X25519MLKEM768/?*X25519:?secp256r1:?secp384r1:?secp521r1';

// Without this a 1.2 peer that was led to the legacy context could use SHA-1 or MD5 signatures. Signatures of 1.0 and 1.1
// are fixed by the protocol and not ruled by it.
const modernSignatures = [
  'ECDSA+SHA256',
  'ECDSA+SHA384',
  'ECDSA+SHA512',
  'ed25519',
  'ed448',
  'rsa_pss_pss_sha256',
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'RSA+SHA256',
  'RSA+SHA384',
  'RSA+SHA512',
].join(':');

/** Two contexts where the selection spans 1.1 and 1.2, one otherwise. */
function plan(settings: TlsServiceSettings, common: SecureContextOptions): Plan {
  const selection = checkSelection(settings.versions);
  if (!selection.ok) {
    throw new PosternError('bad-configuration', selection.message, {
      remedy: 'select versions that follow each other',
    });
  }
  const versions: readonly TlsVersion[] = selection.versions;
  const ciphers = checkCiphers(settings.ciphers, versions);
  const current = versions.filter((version) => version === 'TLSv1.2' || version === 'TLSv1.3');
  const modern = { ...common, ciphers: atLevel(ciphers, modernLevel), ...nodeVersionRange(current) };
  // The whole range: capped at 1.1 it would lose the alert inappropriate_fallback and the downgrade sentinel (measured).
  const legacy = {
    ...common,
    ciphers: atLevel(ciphers, legacyLevel),
    sigalgs: modernSignatures,
    ...nodeVersionRange(versions),
  };
  if (current.length === 0) return { modern: legacy, legacy: null };
  return { modern, legacy: current.length === versions.length ? null : legacy };
}

class CompiledServerTls implements ServerTls {
  readonly settings: TlsServiceSettings;
  readonly modern: SecureContext;
  readonly legacy: SecureContext | null;
  readonly options: Plan;
  readonly keys: readonly KeyKind[];
  #accepted: readonly Suite[] | null = null;

  constructor(settings: TlsServiceSettings, options: Plan, keys: readonly KeyKind[]) {
    this.settings = settings;
    this.options = options;
    this.modern = createSecureContext(options.modern);
    this.legacy = options.legacy === null ? null : createSecureContext(options.legacy);
    this.keys = keys;
  }

  choose(hello: ClientHello): SecureContext {
    return this.legacy !== null && (hello.sslv2 || isLegacyVersion(highestVersion(hello))) ? this.legacy : this.modern;
  }

  accepted(): readonly Suite[] {
    this.#accepted ??= acceptedSuites(this.settings.ciphers, this.settings.versions, this.keys);
    return this.#accepted;
  }
}

/** TLS 1.1 or lower. 0, a list without a version, is not: it is refused in the modern context. */
export function isLegacyVersion(highest: number): boolean {
  return highest > 0 && highest <= 0x0302;
}

/**
 * Compiles what a listener needs. Throws `bad-configuration` (versions), `bad-ciphers` or `bad-certificate`, with the remedy.
 */
export function compileServerTls(settings: TlsServiceSettings, certificate: CertificateSettings): ServerTls {
  if (certificate.pairs.length === 0) {
    throw new PosternError('bad-certificate', `certificate "${certificate.name}" has no key pair`, {
      remedy: 'give it a PEM file with a certificate and one with its key',
    });
  }
  const keys = certificate.pairs.map((pair) => keyKind(checkPair(certificate.name, pair).keyType));
  const contexts = plan(settings, {
    cert: certificate.pairs.map((pair) => pair.cert),
    key: certificate.pairs.map((pair) => pair.key),
    // Else suites with DHE never come about.
    dhparam: 'auto',
    // A flat list would lose ML-KEM with clients that send its key share only when asked.
    ecdhCurve: 'auto',
    // TLS 1.2 renegotiation is open otherwise (measured).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
  });
  try {
    return new CompiledServerTls(settings, contexts, [...new Set(keys.filter((key) => key !== null))]);
  } catch (error) {
    throw new PosternError(
      'bad-certificate',
      `OpenSSL refuses certificate "${certificate.name}": ${opensslError(error)?.reason ?? messageOf(error)}`,
      { remedy: 'use an RSA key of 2,048 bits or more, or ECDSA P-256, signed with SHA-256 or better', cause: error },
    );
  }
}

function checkPair(name: string, pair: { readonly cert: string; readonly key: string }) {
  try {
    return checkCertificatePair(pair.cert, pair.key);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    throw new PosternError(error.code, `certificate "${name}": ${error.message}`, {
      cause: error,
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    });
  }
}

function keyKind(keyType: string): KeyKind | null {
  if (keyType === 'ec') return 'ECDSA';
  return keyType === 'rsa' || keyType === 'rsa-pss' ? 'RSA' : null;
}

/** Compiles outgoing TLS. Throws `bad-configuration`, `bad-ciphers`, or `bad-certificate` (unreadable `ca`, key). */
export function compileClientTls(
  settings: TlsServiceSettings,
  options: Omit<ClientCredentials, 'stamp'> = {},
): ClientTls {
  const { ca, systemCa = false, pairs = [] } = options;
  const contexts = plan(settings, {
    ecdhCurve: clientGroups,
    ...(ca === undefined ? {} : { ca: systemCa ? [...getCACertificates('default'), ca] : ca }),
    ...(pairs.length === 0 ? {} : { cert: pairs.map((pair) => pair.cert), key: pairs.map((pair) => pair.key) }),
  });
  try {
    return {
      settings,
      modern: createSecureContext(contexts.modern),
      legacy: contexts.legacy === null ? null : createSecureContext(contexts.legacy),
    };
  } catch (error) {
    throw new PosternError(
      'bad-certificate',
      `OpenSSL refuses the list of authorities or the certificate: ${opensslError(error)?.reason ?? messageOf(error)}`,
      { remedy: 'give PEM text with one or more certificates', cause: error },
    );
  }
}

/** The versions in the hello of a client: the modern context leaves the old ones out, if there are others (see `plan`). */
export function offeredVersions({ settings, legacy }: ClientTls, old: boolean): readonly TlsVersion[] {
  if (old || legacy === null) return settings.versions;
  return settings.versions.filter((version) => version === 'TLSv1.2' || version === 'TLSv1.3');
}
