// Networks of one party: who has an address has, as a rule, all of its /24 or /64.
import { isIPv6 } from 'node:net';

/** `198.51.100.0/24` or `2001:db8:0:1::/64`. */
export function networkOf(address: string): string {
  const words = ipv6Words(address);
  if (words === null) return `${address.slice(0, address.lastIndexOf('.'))}.0/24`;
  const upper = words.slice(0, 4).map((word) => word.toString(16));
  return `${upper.join(':')}::/64`;
}

/** The eight 16-bit numbers of an IPv6 address, or null. */
export function ipv6Words(address: string): number[] | null {
  if (!isIPv6(address)) return null;
  let text = address;
  const lastColon = text.lastIndexOf(':');
  if (text.includes('.', lastColon)) {
    const [a = 0, b = 0, c = 0, d = 0] = text
      .slice(lastColon + 1)
      .split('.')
      .map(Number);
    text = `${text.slice(0, lastColon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head = '', tail] = text.split('::');
  const parse = (part: string | undefined) =>
    part === undefined || part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const front = parse(head);
  const back = parse(tail);
  return [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
}
