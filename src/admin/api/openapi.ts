// The routes as an OpenAPI 3.1 document. Its schemas are those that requests are checked against.
import type { TObject, TSchema } from 'typebox';
import { configSchema } from '../../config/schema.ts';
import { version } from '../../version.ts';
import { type Access, isRepeatable, type Route } from './route.ts';
import { problemSchema } from './schemas/problem.ts';

type Json = { readonly [key: string]: unknown };

export const basePath = '/api/v1';

const accessWords: Readonly<Record<Access, string>> = {
  public: 'Anybody.',
  self: 'Anybody who is logged on.',
  session: 'Anybody who is logged on; not with a token.',
  users: 'Role: administrator.',
  read: 'Any role.',
  operate: 'Roles: operator, administrator.',
  administer: 'Role: administrator.',
};

/** Schemas that stand under `components` by name, and are referred to from everywhere else. */
const named: readonly (readonly [string, TSchema])[] = [
  ['Configuration', configSchema],
  ['Problem', problemSchema],
];

export function openApiDocument(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const operations = paths[route.path] ?? {};
    operations[route.method.toLowerCase()] = operation(route);
    paths[route.path] = operations;
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Postern',
      version,
      description:
        'The gateway for programs: all that the web UI can do. Errors are `application/problem+json` with a stable `code`.',
    },
    servers: [{ url: basePath }],
    tags: [...new Set(routes.map(({ tag }) => tag))].map((name) => ({ name })),
    security: [{ token: [] }, { session: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-postern',
          description: 'A session of the web UI; changes need the header X-CSRF-Token and a matching Origin.',
        },
      },
      schemas: Object.fromEntries(named.map(([name, schema]) => [name, plain(schema, schema)])),
    },
  };
}

function operation(route: Route): Json {
  const { method, path, tag, summary, description, access, params, query, body, response } = route;
  const produces = route.produces ?? 'application/json';
  const answers: Record<string, Json> = {
    [response === undefined ? '204' : '200']:
      response === undefined
        ? { description: 'Done.' }
        : {
            description: String(plain(response)['description'] ?? 'The answer.'),
            content: { [produces]: { schema: plain(response) } },
            ...(route.locked === true || route.revised === true ? { headers: etag } : {}),
          },
    default: {
      description: 'An error.',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  };
  const parameters = [
    ...parameterList('path', params),
    ...parameterList('query', query),
    ...(route.locked === true ? [ifMatch] : []),
    ...(isRepeatable(route) ? [idempotencyKey] : []),
  ];
  return {
    operationId: operationId(method, path),
    ...(access === 'public' ? { security: [] } : {}),
    'x-access': access,
    ...(route.large === true ? { 'x-large': true } : {}),
    tags: [tag],
    summary,
    description: [description, accessWords[access]].filter((text) => text !== undefined).join(' '),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: Object.fromEntries(
              (route.consumes ?? ['application/json']).map((type) => [type, { schema: plain(body) }]),
            ),
          },
        }),
    responses: answers,
  };
}

const etag = {
  ETag: { description: 'The committed revision, in quotation marks.', schema: { type: 'string' } },
};
const ifMatch = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description: 'The committed revision that you know, as its ETag says it; if it is another one meanwhile: 412.',
  schema: { type: 'string', maxLength: 32 },
};
const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'A word of your own: a request that is sent again with the same one is done once, and answered alike.',
  schema: { type: 'string', minLength: 1, maxLength: 128 },
};

function parameterList(place: 'path' | 'query', schema: TObject | undefined): Json[] {
  if (schema === undefined) return [];
  const required = new Set<string>(schema.required ?? []);
  return Object.entries(schema.properties).map(([name, property]) => {
    const { description, ...rest } = plain(property);
    return { name, in: place, required: required.has(name), description, schema: rest };
  });
}

/** `getConfigurationRevisionsNumber`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** Without what is TypeBox's own, and with references in the place of named schemas. `root`: is itself named, and stands here. */
function plain(schema: TSchema, root?: TSchema): Json {
  const seen = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(seen);
    if (typeof value !== 'object' || value === null) return value;
    const name = value === root ? undefined : named.find(([, known]) => known === value)?.[0];
    if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, seen(inner)]));
  };
  return seen(schema) as Json;
}
