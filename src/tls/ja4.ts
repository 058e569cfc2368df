import { createHash } from 'node:crypto';
import { type ClientHello, highestVersion, isGrease } from './hello.ts';

const versionCodes: Readonly<Record<number, string>> = {
  772: '13',
  771: '12',
  770: '11',
  769: '10',
  768: 's3',
  2: 's2',
  512: 's2',
};

/**
 * The JA4 fingerprint of a hello, such as `t13d1516h2_8daaf6152771_e5627efa2ab1` (FoxIO's JA4, BSD-licensed part): which
 * software speaks, whatever its address.
 */
export function ja4(hello: ClientHello): string {
  const suites = hello.suites.filter((suite) => !isGrease(suite));
  const extensions = hello.extensions.filter((type) => !isGrease(type));
  const version = versionCodes[highestVersion(hello)] ?? '00';
  const name = hello.extensions.includes(0) ? 'd' : 'i';
  const head = `t${version}${name}${count(suites.length)}${count(extensions.length)}${alpnCode(hello.alpn[0])}`;
  // SNI (0) and ALPN (16) are left out of the hash: they follow the destination, not the software.
  const sorted = list(extensions.filter((type) => type !== 0 && type !== 16).sort((a, b) => a - b));
  const signatures = list(hello.signatureAlgorithms.filter((algorithm) => !isGrease(algorithm)));
  const third = extensions.length === 0 ? '' : signatures === '' ? sorted : `${sorted}_${signatures}`;
  return `${head}_${digest(list(suites.toSorted((a, b) => a - b)))}_${digest(third)}`;
}

function count(number: number): string {
  return String(Math.min(number, 99)).padStart(2, '0');
}

function alpnCode(protocol: string | undefined): string {
  if (protocol === undefined || protocol === '') return '00';
  const ends = (protocol[0] ?? '') + (protocol.at(-1) ?? '');
  if (/^[0-9A-Za-z]{2}$/.test(ends)) return ends;
  const hex = Buffer.from(protocol, 'latin1').toString('hex');
  return (hex[0] ?? '0') + (hex.at(-1) ?? '0');
}

function list(numbers: readonly number[]): string {
  return numbers.map((number) => number.toString(16).padStart(4, '0')).join(',');
}

function digest(text: string): string {
  return text === '' ? '000000000000' : createHash('sha256').update(text).digest('hex').slice(0, 12);
}
