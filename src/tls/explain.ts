// Why a handshake failed, in words: what the peer offered, what we allow, what to do. One line, for the log.
import type { TlsServiceSettings } from '../config/snapshot.ts';
import type { KeyKind } from './ciphers.ts';
import { type ClientHello, fallbackScsv, highestVersion, isGrease } from './hello.ts';
import { groupName, signatureName } from './names.ts';
import { type Suite, suiteById, suiteName } from './suites.ts';
import { displayName, type TlsVersion, tlsVersions, versionList, wireVersion, wireVersionName } from './versions.ts';

/** What happened. `reason`: OpenSSL's, such as `no shared cipher`; `first`: the first bytes of what was no TLS. */
export type FailureCause =
  | { readonly kind: 'openssl'; readonly reason: string }
  | { readonly kind: 'no-tls'; readonly first: Uint8Array }
  | { readonly kind: 'closed' }
  | { readonly kind: 'timeout' };

/** Our side of the failed handshake. */
export interface OurSide {
  readonly settings: TlsServiceSettings;
  readonly keys: readonly KeyKind[];
  /** The suites that the settings really allow. Asked only where suites were the cause. */
  readonly accepted: () => readonly Suite[];
  /** The service as the administrator knows it; `Inbound SMTP` unless told otherwise. */
  readonly service?: string;
}

const renegotiationScsv = 0x00ff;
const brokenHello = 'The peer sent a ClientHello that cannot be read; it, or something between, is broken.';
/** `OurSide.service` of the web UI. */
export const guiService = 'GUI HTTPS';

/** Where a certificate is chosen. */
function place(ours: OurSide): string {
  return ours.service === guiService ? 'the web UI' : 'the listener';
}

/** For a peer that connected to us. `hello`: null where there was none that could be read. Null: nothing to add. */
export function explainInbound(cause: FailureCause, hello: ClientHello | null, ours: OurSide): string | null {
  if (cause.kind === 'no-tls') return explainNoTls(cause.first, ours);
  if (hello === null) {
    if (ours.service === guiService) {
      return cause.kind === 'openssl'
        ? brokenHello
        : 'The client opened a connection and sent no complete ClientHello.';
    }
    if (cause.kind === 'closed')
      return 'The peer asked for TLS but went away without a ClientHello. Nothing is wrong on this side.';
    if (cause.kind === 'timeout')
      return 'The peer asked for TLS but sent no complete ClientHello. Something between may hold packets back (path MTU, firewall), or it is no TLS client.';
    return brokenHello;
  }
  if (cause.kind === 'closed' || cause.kind === 'timeout') {
    const how = cause.kind === 'closed' ? 'ended the connection during the handshake' : 'did not finish the handshake';
    return `The peer ${how}; it may not accept our certificate. ${offeredVersions(hello)}; ${weAllow(ours)}.`;
  }
  return explainReason(cause.reason, hello, ours);
}

function explainReason(reason: string, hello: ClientHello, ours: OurSide): string | null {
  const alert = /alert (.+)$/.exec(reason)?.[1];
  if (alert !== undefined) return explainAlert(alert, hello, ours);
  switch (reason) {
    case 'unsupported protocol':
    case 'no protocols available':
    case 'version too low':
    case 'version too high':
    case 'wrong version number':
      return explainVersions(hello, ours);
    case 'inappropriate fallback':
      return (
        `The peer sent TLS_FALLBACK_SCSV with ${wireVersionName(highestVersion(hello))} although ${weAllow(ours)}: its first try with a newer version failed on the way and it came back with an older one. ` +
        'This is refused because an attacker can force it; if it happens often, something between (a firewall, a proxy) breaks newer handshakes.'
      );
    case 'no shared cipher':
      return explainSuites(hello, ours);
    case 'no shared signature algorithms':
    case 'no suitable signature algorithm':
      return explainSignatures(hello, ours);
    case 'no suitable key share':
    case 'no suitable groups':
    case 'no shared groups':
      return `The peer offered no key exchange group that we have: ${some(hello.groups.filter((group) => !isGrease(group)).map(groupName))}. It must be updated or given a usual group (x25519, secp256r1).`;
    default:
      return `${offeredVersions(hello)}, ${hello.suites.length} suites; ${weAllow(ours)}.`;
  }
}

function explainNoTls(first: Uint8Array, ours: OurSide): string {
  const text = Array.from(first.subarray(0, 16), (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  ).join('');
  if (/^(EHLO|HELO|MAIL|RCPT|QUIT|RSET|NOOP|DATA)\b/i.test(text)) {
    return `The peer asked for TLS and then went on in clear text ("${text.trim()}"); its STARTTLS does not work. It must be repaired, or send without STARTTLS where the listener lets it.`;
  }
  if (/^(GET|POST|HEAD|PUT|OPTIONS|CONNECT)\b/.test(text)) {
    const hint = ours.service === guiService ? '; the address must begin with https://' : '';
    return `The peer speaks HTTP, not TLS${hint}.`;
  }
  return `The peer sent no TLS: its first bytes were ${Array.from(first.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')}.`;
}

const certificateAlerts = new Set([
  'unknown ca',
  'bad certificate',
  'certificate unknown',
  'certificate expired',
  'certificate revoked',
  'unsupported certificate',
  'bad certificate status response',
]);

function explainAlert(alert: string, hello: ClientHello, ours: OurSide): string {
  if (certificateAlerts.has(alert)) {
    return `The peer does not accept our certificate (${alert}). It verifies certificates: give ${place(ours)} one that is valid, from an authority that the peer trusts, for the name that it connects to.`;
  }
  return `The peer broke off with the alert "${alert}". ${offeredVersions(hello)}; ${weAllow(ours)}.`;
}

/** Versions in the peer's own words: a list, or "at most" where the hello only says that. */
function offeredVersions(hello: ClientHello): string {
  if (hello.supportedVersions === null) return `The peer offered ${wireVersionName(hello.legacyVersion)} at most`;
  const versions = hello.supportedVersions.filter((version) => !isGrease(version)).sort((a, b) => a - b);
  return `The peer offered ${versions.length === 0 ? 'no version' : some(versions.map(wireVersionName))}`;
}

function weAllow(ours: OurSide): string {
  return `${ours.service ?? 'Inbound SMTP'} allows ${versionList(ours.settings.versions)}`;
}

function explainVersions(hello: ClientHello, ours: OurSide): string {
  const stated = `${offeredVersions(hello)}; ${weAllow(ours)}.`;
  const highest = highestVersion(hello);
  if (highest < wireVersion('TLSv1.0'))
    return `${stated} Nothing older than TLS v1.0 can be served by any setting; the peer must be updated.`;
  const own = ours.settings.versions.map(wireVersion);
  const lowest = Math.min(...own);
  const top = Math.max(...own);
  const offered = (hello.supportedVersions ?? []).filter((version) => !isGrease(version));
  const peerLowest = offered.length === 0 ? highest : Math.min(...offered);
  let missing: readonly TlsVersion[] = [];
  if (highest < lowest) missing = between(highest, lowest - 1);
  else if (peerLowest > top) missing = between(top + 1, peerLowest);
  if (missing.length === 0)
    return `${stated} A newer client, or one that offers every version up to its highest, is served.`;
  const names = missing.map(displayName).join(' and ');
  const better = highest < lowest ? '; better, have the peer updated' : '';
  return `${stated} To serve it, also select ${names} (sslconfig)${better}.`;
}

function between(from: number, to: number): readonly TlsVersion[] {
  return tlsVersions.filter((version) => wireVersion(version) >= from && wireVersion(version) <= to);
}

function explainSuites(hello: ClientHello, ours: OurSide): string {
  const offered = hello.suites.filter((id) => !isGrease(id) && id !== fallbackScsv && id !== renegotiationScsv);
  const known = offered.flatMap((id) => suiteById(id) ?? []);
  const names = some(offered.map(suiteName));
  const stated = `The peer offered no cipher suite that we allow; it offered ${names}.`;
  const available = known.filter((suite) => suite.available);
  if (available.length === 0) {
    const kinds = [...new Set(known.map(kindOf))];
    return `The peer offered only ${kinds.length === 0 ? 'unknown suites' : kinds.join(', ')} (${names}), which no longer exist in this OpenSSL: it cannot be served by any setting. It must be updated${ours.service === guiService ? '' : ', or send without TLS where the listener lets it'}.`;
  }
  const sound = available.filter((suite) => suite.au !== 'None' && suite.enc !== 'None' && suite.au !== 'PSK');
  if (sound.length === 0) {
    return `The peer offered only suites without a certificate or without encryption (${names}), which are never allowed. Its list of ciphers must be changed.`;
  }
  const accepted = ours.accepted();
  const common = sound.filter((suite) => accepted.includes(suite));
  if (common.length > 0) {
    return (
      `The peer shares the suites ${some(common.map((suite) => suite.name))} with us, but nothing else that they need: it offered the groups ${some(hello.groups.filter((group) => !isGrease(group)).map(groupName))} ` +
      `and the signature algorithms ${some(hello.signatureAlgorithms.map(signatureName))}; the certificate is ${ours.keys.join(' and ')}. It must be updated.`
    );
  }
  const served = sound.filter((suite) => suite.au === 'any' || ours.keys.some((key) => key === suite.au));
  if (served.length === 0) {
    return `${stated} They need another kind of certificate than ${ours.keys.join(' and ')}: give ${place(ours)} an RSA and an ECDSA one.`;
  }
  if (served.every((suite) => suite.protocol === 'TLSv1.3')) return `${stated} The three suites of TLS v1.3 are fixed.`;
  return `${stated} To serve it, add ${some(served.filter((suite) => suite.protocol !== 'TLSv1.3').map((suite) => suite.name))} to the ciphers (sslconfig).`;
}

/** What makes a suite old, in a word. */
function kindOf(suite: Suite): string {
  const cipher = suite.enc.replace(/\(.*/, '');
  if (['3DES', 'RC4', 'SEED', 'IDEA', 'DES', 'RC2'].includes(cipher))
    return suite.name.startsWith('EXP') ? 'EXPORT' : cipher;
  return suite.kx.includes('/') ? 'fixed Diffie-Hellman' : suite.kx;
}

function explainSignatures(hello: ClientHello, ours: OurSide): string {
  const offered = hello.signatureAlgorithms.filter((algorithm) => !isGrease(algorithm));
  const certificate = `our certificate is ${ours.keys.join(' and ')}`;
  if (offered.length === 0)
    return `The peer named no signature algorithms, which stands for SHA-1; SHA-256 or better is asked for (${certificate}). It must be updated.`;
  return `The peer offered only the signature algorithms ${some(offered.map(signatureName))}; SHA-256 or better is asked for, and ${certificate}. It must be updated.`;
}

function some(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.length <= 8 ? names.join(', ') : `${names.slice(0, 8).join(', ')} and ${names.length - 8} more`;
}

/** For a server that we connected to. `retry`: a second try with the older versions follows. Null: nothing to add. */
export function explainOutbound(
  cause: FailureCause,
  settings: TlsServiceSettings,
  state: { readonly retry: boolean },
): string | null {
  const allowed = `Outbound SMTP allows ${versionList(settings.versions)}`;
  if (cause.kind === 'timeout')
    return 'The server did not finish the handshake in time. Something between may hold packets back (path MTU, firewall).';
  if (cause.kind === 'closed')
    return `The server ended the connection during the handshake and did not say why. ${allowed}.`;
  if (cause.kind === 'no-tls') return null;
  const alert = /alert (.+)$/.exec(cause.reason)?.[1];
  if (alert === 'protocol version' || cause.reason === 'unsupported protocol') {
    if (state.retry)
      return `The server speaks no version from TLS v1.2 on. It is tried once more with the older versions, which ${allowed.replace('Outbound SMTP allows', 'Outbound SMTP allows as well:')}.`;
    const lowest = settings.versions[0];
    const more =
      lowest === undefined || lowest === 'TLSv1.0'
        ? 'No setting makes it work; the server must be updated.'
        : `It may speak only an older one: then also select ${between(wireVersion('TLSv1.0'), wireVersion(lowest) - 1)
            .map(displayName)
            .join(', ')} (sslconfig), or have the server updated.`;
    return `The server speaks none of the versions that we offered; ${allowed}. ${more}`;
  }
  switch (cause.reason) {
    case 'dh key too small':
      return 'The server uses a Diffie-Hellman group of less than 2,048 bits, which can be broken. Its administrator must give it a larger one, or ECDHE.';
    case 'wrong signature type':
    case 'no suitable signature algorithm':
    case 'unsupported signature type':
    case 'sigalg not supported':
      return 'The server signs with SHA-1 only, which can be forged. Its administrator must update it.';
    case 'inappropriate fallback':
      return 'The server can speak a newer version than it chose, and marked that in its answer: something between changed the handshake to an older one. This is refused as an attack; the next try is made afresh.';
    case 'wrong version number':
    case 'packet length too long':
    case 'http request':
      return 'The server answered STARTTLS with 220 and then sent something that is no TLS. Its administrator must repair it.';
    case 'no ciphers available':
      return `The ciphers of Outbound SMTP leave nothing to offer; ${allowed}. Change them (sslconfig).`;
    default:
      break;
  }
  if (alert === 'handshake failure' || alert === 'insufficient security') {
    return `The server found nothing acceptable in what we offered (suites, groups or signature algorithms); ${allowed}. If its administrator cannot say what it wants, try more ciphers for Outbound SMTP (sslconfig).`;
  }
  if (alert === 'inappropriate fallback')
    return 'The server refused our second try with an older version: it can speak a newer one.';
  return alert === undefined ? null : `The server broke off with the alert "${alert}"; ${allowed}.`;
}
