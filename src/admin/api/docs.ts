// /api/v1/openapi.json, and /api/docs: the same as a page, with nothing from anywhere else.
import { readFileSync } from 'node:fs';
import type { WebApp } from '../web/app.ts';
import { basePath, openApiDocument } from './openapi.ts';
import { routes } from './routes/index.ts';

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const files = [
  ['', 'page.html', 'text/html'],
  ['/page.css', 'page.css', 'text/css'],
  ['/page.js', 'page.js', 'text/javascript'],
] as const;

export function docRoutes(app: WebApp): void {
  const config = { access: 'public' } as const;
  const document = JSON.stringify(openApiDocument(routes));
  app.get(`${basePath}/openapi.json`, { config }, (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(document),
  );
  for (const [path, file, type] of files) {
    const text = readFileSync(new URL(`./docs/${file}`, import.meta.url), 'utf8');
    app.get(`/api/docs${path}`, { config }, (_request, reply) =>
      reply.type(`${type}; charset=utf-8`).header('content-security-policy', policy).send(text),
    );
  }
}
