// A ClientHello in a few words.
import { type ClientHello, isGrease } from '../tls/hello.ts';
import { tlsVersions, wireVersion } from '../tls/versions.ts';

/** `TLS 1.0`. */
export function shortVersion(number: number): string {
  const version = tlsVersions.find((known) => wireVersion(known) === number);
  if (version !== undefined) return `TLS ${version.slice(4)}`;
  return number <= 0x0300 ? 'SSL 3.0 or older' : `TLS 0x${number.toString(16).padStart(4, '0')}`;
}

/** `offers TLS 1.0 only`, `offers TLS 1.2 at most`, `offers TLS 1.2 and 1.3`. */
export function offersOf(hello: ClientHello | null): string {
  if (hello === null) return 'sends a hello that cannot be read';
  if (hello.supportedVersions === null) {
    const highest = hello.legacyVersion;
    // Below 1.0 there is nothing that anybody serves.
    return `offers ${shortVersion(highest)} ${highest <= 0x0301 ? 'only' : 'at most'}`;
  }
  const versions = hello.supportedVersions
    .filter((version) => !isGrease(version) && version >= 0x0301 && version <= 0x0304)
    .sort((a, b) => a - b);
  const [first] = versions;
  if (first === undefined) return 'offers no version of TLS that there is';
  if (versions.length === 1) return `offers ${shortVersion(first)} only`;
  const names = versions.map((version, index) =>
    index === 0 ? shortVersion(version) : shortVersion(version).slice(4),
  );
  return `offers ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
