// The inside of `readKeyFile`: a thread of its own. A file says itself how often its password is hashed; one that says a
// milliard times must cost nobody else anything.
import { createPrivateKey, type KeyObject, pbkdf2Sync, X509Certificate } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, PosternError } from '../errors.ts';

export type KeyFile =
  | { readonly kind: 'pem'; readonly certificate: string; readonly key: string; readonly passphrase: string }
  | { readonly kind: 'pkcs12'; readonly data: Uint8Array; readonly passphrase: string };

/** PEM texts; `certificates` in no particular order. */
export interface KeyFileContents {
  readonly certificates: readonly string[];
  readonly key: string;
}

export type ImportReply =
  | { readonly ok: true; readonly contents: KeyFileContents }
  | { readonly ok: false; readonly message: string; readonly remedy: string };

const wrongPassphrase = 'the passphrase is wrong, or the file is damaged';

function refused(message: string, remedy: string, cause?: unknown): PosternError {
  return new PosternError('bad-certificate', message, { remedy, cause });
}

function exported(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }) as string;
}

function readPem(certificate: string, key: string, passphrase: string): KeyFileContents {
  const certificates = certificate.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    const opened = createPrivateKey(passphrase === '' ? { key } : { key, passphrase });
    return { certificates, key: exported(opened) };
  } catch (error) {
    if (!/ENCRYPTED/.test(key)) {
      const remedy = 'the key must be PEM text with -----BEGIN PRIVATE KEY-----';
      throw refused('the private key cannot be read', remedy, error);
    }
    throw passphrase === ''
      ? refused('the private key is protected by a passphrase', 'give its passphrase', error)
      : refused(wrongPassphrase, 'type the passphrase of the private key again', error);
  }
}

type Pbkdf2 = (
  password: string,
  salt: string,
  count: number,
  length: number,
  digest?: { readonly algorithm: string },
) => string;

async function readPkcs12(data: Uint8Array, passphrase: string): Promise<KeyFileContents> {
  // Only here: nobody else needs it.
  const { default: forge } = await import('node-forge');
  const { asn1, pki, pkcs12, util } = forge;
  // PBES2 takes the password as UTF-8 (RFC 8018 3), the library as one byte a character; and Node's function is a hundred times
  // as fast as the one written in JavaScript.
  (forge.pkcs5 as { pbkdf2: Pbkdf2 }).pbkdf2 = (password, salt, count, length, digest) =>
    pbkdf2Sync(password, Buffer.from(salt, 'binary'), count, length, digest?.algorithm ?? 'sha1').toString('binary');
  const der = (node: Parameters<typeof asn1.toDer>[0]) => Buffer.from(asn1.toDer(node).getBytes(), 'binary');
  let pfx: ReturnType<typeof pkcs12.pkcs12FromAsn1>;
  try {
    const text = Buffer.from(data).toString('binary');
    pfx = pkcs12.pkcs12FromAsn1(asn1.fromDer(util.createBuffer(text)), false, passphrase);
  } catch (error) {
    const message = messageOf(error);
    if (/password|decrypt/i.test(message))
      throw refused(wrongPassphrase, 'type the passphrase of the file again', error);
    const unsupported = /unsupported/i.test(message);
    throw unsupported
      ? refused(
          `the file is protected in a way that is not known here (${message})`,
          'save it again with AES-256',
          error,
        )
      : refused('this is not a PKCS#12 file', 'choose a file that ends with .p12 or .pfx', error);
  }
  const bags = pfx.safeContents.flatMap(({ safeBags }) => safeBags);
  // What is not RSA the library leaves as it stands in the file: Node reads it.
  const keys = bags.flatMap((bag) => {
    if (bag.type !== pki.oids['pkcs8ShroudedKeyBag'] && bag.type !== pki.oids['keyBag']) return [];
    const info = bag.key ? pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(bag.key)) : bag.asn1;
    return [createPrivateKey({ key: der(info), format: 'der', type: 'pkcs8' })];
  });
  const certificates = bags.flatMap((bag) => {
    if (bag.type !== pki.oids['certBag']) return [];
    return [new X509Certificate(der(bag.cert ? pki.certificateToAsn1(bag.cert) : bag.asn1)).toString()];
  });
  const [key, ...others] = keys;
  if (key === undefined) throw refused('the file has no private key', 'export it again, with its private key');
  if (others.length > 0) {
    throw refused(
      `the file has ${keys.length} private keys`,
      'export each certificate with its key into a file of its own',
    );
  }
  return { certificates, key: exported(key) };
}

const file = workerData as KeyFile;
try {
  const contents =
    file.kind === 'pem'
      ? readPem(file.certificate, file.key, file.passphrase)
      : await readPkcs12(file.data, file.passphrase);
  parentPort?.postMessage({ ok: true, contents } satisfies ImportReply);
} catch (error) {
  const remedy = error instanceof PosternError ? error.remedy : undefined;
  const message = error instanceof PosternError ? error.message : 'the file cannot be read';
  parentPort?.postMessage({ ok: false, message, remedy: remedy ?? 'export it again' } satisfies ImportReply);
}
