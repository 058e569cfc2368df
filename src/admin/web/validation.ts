// TypeBox schemas as Fastify's validators: one schema gives the types, the check and the documentation.
import type { FastifySchemaCompiler, FastifyTypeProvider } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { type FieldIssue, PosternError } from '../../errors.ts';

export interface TypeBoxProvider extends FastifyTypeProvider {
  readonly validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  readonly serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
}

const mostErrors = 20;

/**
 * A body is taken as it is: no value is converted and none is left out. Parameters of an address are texts, so they are
 * converted to what the schema asks for. Defaults are filled in.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  const textual = httpPart !== 'body';
  return (data: unknown) => {
    const value = validator.Default(textual ? validator.Convert({ ...asObject(data) }) : data);
    if (validator.Check(value)) return { value };
    const found = validator.Errors(value).flatMap((error) => problemsOf(error, httpPart));
    const issues = found.slice(0, mostErrors);
    const [first] = issues;
    return {
      error: new PosternError('bad-request', first?.detail ?? 'the request is wrong', {
        issues,
        ...(first?.remedy === undefined ? {} : { remedy: first.remedy }),
      }),
    };
  };
};

function asObject(data: unknown): object {
  return typeof data === 'object' && data !== null ? data : {};
}

function problemsOf(error: TLocalizedValidationError, httpPart: string | undefined): FieldIssue[] {
  const at = (name: string) => pointer(`${error.instancePath}/${escaped(name)}`, httpPart);
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) => ({ pointer: at(name), detail: `"${name}" is missing` }));
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => ({
        pointer: at(name),
        detail: `there is no "${name.slice(0, 64)}" here`,
        remedy: 'leave it out',
      }));
    default: {
      const where = pointer(error.instancePath, httpPart);
      return [{ pointer: where, detail: `${where === '' ? 'the body' : where.slice(1)} ${error.message}` }];
    }
  }
}

/** For a parameter `/query/NAME`, as the API's documentation says. */
function pointer(path: string, httpPart: string | undefined): string {
  return httpPart === 'body' ? path : `/${httpPart === 'querystring' ? 'query' : httpPart}${path}`;
}

/** RFC 6901 3. */
function escaped(name: string): string {
  return name.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1');
}
