// The built UI: read into memory once, so that no path of a request ever becomes a path of a file.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { noncePlaceholder, pagePolicy } from './headers.ts';

type Encoding = 'br' | 'gzip';

interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly encoded: ReadonlyMap<Encoding, Buffer>;
  readonly etag: string;
  /** Its name holds a hash of its content: it never changes. */
  readonly immutable: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
};
/** Best first. */
const encodings: readonly (readonly [Encoding, string])[] = [
  ['br', '.br'],
  ['gzip', '.gz'],
];
const page = '/index.html';
const notBuilt =
  '<!doctype html><html lang="en"><title>Postern</title><p>The web UI is not built. Run <code>npm run build</code>, then start Postern again. The API answers.</p></html>';

export class Assets {
  readonly #assets: ReadonlyMap<string, Asset>;

  private constructor(assets: ReadonlyMap<string, Asset>) {
    this.#assets = assets;
  }

  /** Reads a directory of built files; one that is not there gives a page that says so. */
  static load(directory: string): Assets {
    const assets = new Map<string, Asset>();
    if (existsSync(directory)) {
      for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
        const type = types[extname(entry.name)];
        const file = join(entry.parentPath, entry.name);
        if (!entry.isFile() || type === undefined) continue;
        const path = `/${relative(directory, file).split(sep).join('/')}`;
        assets.set(path, readAsset(file, path, type));
      }
    }
    return new Assets(assets);
  }

  /** Answers a GET for a file, or with the page: the UI's own addresses are the page's affair. */
  serve(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const path = pathOf(request.url);
    const asset = this.#assets.get(path);
    if (asset === undefined || path === page) return this.#page(reply);
    reply.header('etag', asset.etag).header('vary', 'accept-encoding');
    reply.header('cache-control', asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
    if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
    reply.type(asset.type);
    const accepted = acceptedEncodings(request.headers['accept-encoding']);
    for (const [encoding] of encodings) {
      const body = accepted.has(encoding) ? asset.encoded.get(encoding) : undefined;
      if (body !== undefined) return reply.header('content-encoding', encoding).send(body);
    }
    return reply.send(asset.body);
  }

  /** Whether a path that is no file should get the page: an address of the UI has no extension. */
  isPage(path: string): boolean {
    return this.#assets.has(path) || (extname(path) === '' && !path.startsWith('/assets/'));
  }

  #page(reply: FastifyReply): FastifyReply {
    const nonce = randomBytes(18).toString('base64');
    const body = this.#assets.get(page)?.body.toString('utf8') ?? notBuilt;
    reply.type('text/html; charset=utf-8').header('content-security-policy', pagePolicy(nonce));
    return reply.send(body.replaceAll(noncePlaceholder, nonce));
  }
}

export function pathOf(url: string): string {
  const end = url.indexOf('?');
  const path = end < 0 ? url : url.slice(0, end);
  return path === '/' ? page : path;
}

function readAsset(file: string, path: string, type: string): Asset {
  const body = readFileSync(file);
  const encoded = new Map<Encoding, Buffer>();
  for (const [encoding, extension] of encodings) {
    // A stale one, of an earlier build, would be another file than the one that it stands beside.
    if (existsSync(file + extension) && statSync(file + extension).mtimeMs >= statSync(file).mtimeMs) {
      encoded.set(encoding, readFileSync(file + extension));
    }
  }
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { type, body, encoded, etag, immutable: path.startsWith('/assets/') };
}

/** RFC 9110 12.5.3, as far as two codings need it: named, and not with a weight of 0. */
function acceptedEncodings(header: string | string[] | undefined): ReadonlySet<string> {
  const accepted = new Set<string>();
  for (const part of String(header ?? '').split(',')) {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    if (name !== undefined && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) accepted.add(name);
  }
  return accepted;
}
