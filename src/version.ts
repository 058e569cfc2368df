import manifest from '../package.json' with { type: 'json' };

/** The program's version, from package.json. */
export const version: string = manifest.version;

/** `Postern 0.1.0 (Node.js 26.10.0, OpenSSL 3.5.8)`. */
export const versionLine = `Postern ${version} (Node.js ${process.versions.node}, OpenSSL ${process.versions.openssl})`;
