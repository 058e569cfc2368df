// Certificates of all kinds, made by the openssl program, and the data of TLSA records about them.
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Issued {
  readonly name: string;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  readonly subject?: string;
  /** Lines of an extension file of openssl. */
  readonly extensions?: readonly string[];
  readonly issuer?: Issued;
  readonly algorithm?: readonly string[];
  /** Digest of the signature. */
  readonly digest?: string;
  /** Over since a long time. */
  readonly expired?: boolean;
  /** The same key again. */
  readonly keyOf?: Issued;
}

const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

export class Authority {
  readonly path = mkdtempSync(join(tmpdir(), 'postern-certificates-'));

  issue(name: string, options: IssueOptions = {}): Issued {
    const at = (suffix: string) => join(this.path, `${name}.${suffix}`);
    const {
      subject = name,
      extensions = [],
      issuer,
      algorithm = ec,
      digest = 'sha256',
      expired = false,
      keyOf,
    } = options;
    const key = keyOf === undefined ? [...algorithm, '-nodes', '-keyout', at('key')] : ['-new', '-key', keyOf.keyFile];
    execFileSync('openssl', ['req', ...key, '-out', at('csr'), '-subj', `/CN=${subject}`], { stdio: 'ignore' });
    writeFileSync(at('ext'), `${extensions.join('\n')}\n`);
    writeFileSync(at('index'), '');
    writeFileSync(
      at('cnf'),
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${at('index')}\nnew_certs_dir=${this.path}\nrand_serial=yes\npolicy=p\n[p]\ncommonName=supplied\n`,
    );
    // `openssl ca` is the only one of Debian 12's commands that takes dates.
    const signer =
      issuer === undefined
        ? ['-selfsign', '-keyfile', keyOf?.keyFile ?? at('key')]
        : ['-cert', issuer.certFile, '-keyfile', issuer.keyFile];
    const dates = expired
      ? ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z']
      : ['-startdate', '20260101000000Z', '-enddate', '20460101000000Z'];
    execFileSync(
      'openssl',
      ['ca', '-batch', '-notext', '-config', at('cnf'), '-md', digest, '-extfile', at('ext'), ...signer].concat(dates, [
        '-in',
        at('csr'),
        '-out',
        at('crt'),
      ]),
      { stdio: 'ignore' },
    );
    return {
      name,
      cert: readFileSync(at('crt'), 'utf8'),
      key: readFileSync(keyOf?.keyFile ?? at('key'), 'utf8'),
      certFile: at('crt'),
      keyFile: keyOf?.keyFile ?? at('key'),
    };
  }

  /** A file with these certificates, in this order. */
  file(name: string, certificates: readonly Issued[]): string {
    const file = join(this.path, `${name}.pem`);
    writeFileSync(file, certificates.map((one) => one.cert).join(''));
    return file;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export const authority = ['basicConstraints=critical,CA:true', 'keyUsage=critical,keyCertSign,cRLSign'];
export const server = (name: string): string[] => ['basicConstraints=CA:false', `subjectAltName=DNS:${name}`];

/** The data of a TLSA record. */
export function tlsaData(cert: string, selector: number, matchingType: number): Buffer {
  const certificate = new X509Certificate(cert);
  const content = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
  if (matchingType === 0) return content;
  return createHash(matchingType === 1 ? 'sha256' : 'sha512')
    .update(content)
    .digest();
}

/** `3 1 1 0a1b...`, as in a zone file. */
export function tlsaText(issued: Issued, usage: number, selector: number, matchingType: number): string {
  return `${usage} ${selector} ${matchingType} ${tlsaData(issued.cert, selector, matchingType).toString('hex')}`;
}
