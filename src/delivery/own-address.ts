// Whether an address is one of this machine: a listener on 0.0.0.0 or :: answers at all of those, and at no other.
import { networkInterfaces } from 'node:os';
import { canonicalAddress } from '../config/names.ts';
import { isLoopback } from '../dns/system.ts';
import type { DeliveryHost } from './host.ts';

/** Addresses come and go; ms. */
const lookAgain = 10_000;

let known: ReadonlySet<string> = new Set();
let looked = Number.NEGATIVE_INFINITY;

export function isLocalAddress(address: string): boolean {
  if (isLoopback(address) || address === '0.0.0.0' || address === '::') return true;
  const now = performance.now();
  if (now - looked > lookAgain) {
    looked = now;
    known = new Set(
      Object.values(networkInterfaces()).flatMap(
        (addresses) => addresses?.map((one) => canonicalAddress(one.address)) ?? [],
      ),
    );
  }
  return known.has(canonicalAddress(address));
}

/** Whether mail to the address and port would come back to us. */
export function leadsToUs(host: DeliveryHost): (address: string, port: number) => boolean {
  return (address, port) => host.isOwnAddress(address, port) && isLocalAddress(address);
}
