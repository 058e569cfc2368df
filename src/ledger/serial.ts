import { createHash } from 'node:crypto';

/** A number for this machine in the shape of the reference's (`564D04EDDF43...-7BA2C4...`), always the same for one host name. */
export function serialNumber(hostname: string): string {
  const digest = createHash('sha256').update(`postern ${hostname}`).digest('hex').toUpperCase();
  return `${digest.slice(0, 20)}-${digest.slice(20, 32)}`;
}
