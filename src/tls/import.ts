// Certificates as people have them, PEM texts or a PKCS#12 file, to a pair as Postern keeps it.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { PosternError } from '../errors.ts';
import type { ImportReply, KeyFile, KeyFileContents } from './import-thread.ts';

/** PEM: the certificate, then the chain that there is for it; an unprotected key. */
export interface ImportedPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Opens what is protected, puts the certificate first and its chain behind it in order, and leaves out what does not belong
 * to it and a root (peers have it, or do not trust it: RFC 8446 4.4.2). Throws `bad-certificate` with the remedy; also after
 * `deadline` ms.
 */
export async function importPair(file: KeyFile, deadline = 20_000): Promise<ImportedPair> {
  const { certificates, key } = await readKeyFile(file, deadline);
  if (certificates.length > 50) {
    throw refused(`there are ${certificates.length} certificates`, 'leave only the certificate and its chain');
  }
  const privateKey = createPrivateKey(key);
  const known = certificates.map((text, index) => {
    try {
      return new X509Certificate(text);
    } catch (error) {
      throw refused(`certificate ${index + 1} cannot be read`, 'give unchanged PEM text', error);
    }
  });
  const own = known.find((one) => one.checkPrivateKey(privateKey));
  if (own === undefined) {
    throw known.length === 0
      ? refused('there is no certificate', 'give PEM text with -----BEGIN CERTIFICATE-----')
      : refused('no certificate belongs to the private key', 'give the certificate that was made for this key');
  }
  return { cert: chainOf(own, known).map(String).join(''), key };
}

function chainOf(own: X509Certificate, known: readonly X509Certificate[]): X509Certificate[] {
  const chain = [own];
  for (;;) {
    const last = chain.at(-1) ?? own;
    const issuer = known.find(
      (one) => !chain.some((there) => there.fingerprint256 === one.fingerprint256) && issued(one, last),
    );
    if (issuer === undefined || issued(issuer, issuer)) return chain;
    chain.push(issuer);
  }
}

function issued(issuer: X509Certificate, one: X509Certificate): boolean {
  try {
    return one.checkIssued(issuer) && one.verify(issuer.publicKey);
  } catch {
    return false; // a key that this OpenSSL cannot verify with
  }
}

function refused(message: string, remedy: string, cause?: unknown): PosternError {
  return new PosternError('bad-certificate', message, { remedy, cause });
}

async function readKeyFile(file: KeyFile, deadline: number): Promise<KeyFileContents> {
  const worker = new Worker(new URL('./import-thread.ts', import.meta.url), { workerData: file });
  const { promise, resolve, reject } = Promise.withResolvers<ImportReply>();
  const timer = setTimeout(() => {
    reject(
      refused('the file takes too long to open', 'export it again with fewer rounds of its password (2,048 are usual)'),
    );
  }, deadline);
  worker.on('message', resolve);
  worker.on('error', (error) => reject(refused('the file cannot be read', 'export it again', error)));
  worker.on('exit', () => reject(refused('the file cannot be read', 'export it again')));
  try {
    const reply = await promise;
    if (reply.ok) return reply.contents;
    throw refused(reply.message, reply.remedy);
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
