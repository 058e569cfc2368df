// The OpenAPI document: valid by the official schema of OpenAPI 3.1, and telling the truth about every route.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { openApiDocument } from '../../../src/admin/api/openapi.ts';
import { routes } from '../../../src/admin/api/routes/index.ts';

const document = JSON.parse(JSON.stringify(openApiDocument(routes))) as {
  readonly paths: Record<
    string,
    Record<string, { readonly operationId: string; readonly parameters?: readonly object[] }>
  >;
};

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const result = await validator.validate(structuredClone(document));
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
  assert.equal(validator.version, '3.1');
});

test('each route stands in it once, with an identifier of its own and every parameter of its path', () => {
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, ...operation })),
  );
  assert.equal(operations.length, routes.length);
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, routes.length);
  for (const { path, parameters = [] } of operations) {
    const inPath = parameters.filter((parameter) => (parameter as { in?: string }).in === 'path');
    const names = [...path.matchAll(/\{(\w+)\}/g)].map((found) => found[1]);
    assert.deepEqual(
      inPath.map((parameter) => (parameter as { name?: string }).name),
      names,
      path,
    );
  }
});

test('everything in it has a description', () => {
  const bare: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null) return;
    const properties = (value as { properties?: Record<string, object> }).properties;
    for (const [name, property] of Object.entries(properties ?? {})) {
      const described = ['description', '$ref', 'anyOf', 'const', 'items'].some((key) => key in property);
      if (!described) bare.push(`${path}/${name}`);
    }
    for (const [key, inner] of Object.entries(value)) look(inner, `${path}/${key}`);
  };
  look(document, '');
  assert.deepEqual(
    bare.filter((path) => !path.includes('/Configuration/')),
    [],
  );
});
