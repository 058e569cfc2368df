// What the schemas of all topics are made of. `web/` takes the types from these files: nothing here may need Node.
import Type, { type TProperties, type TSchema } from 'typebox';

/** An object without other keys. */
export const object = <P extends TProperties>(properties: P, description: string) =>
  Type.Object(properties, { additionalProperties: false, description });
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const list = <T extends TSchema>(items: T, description: string, options: { readonly maxItems?: number } = {}) =>
  Type.Array(items, { description, ...options });
export const text = (description: string, options: { readonly minLength?: number; readonly maxLength?: number } = {}) =>
  Type.String({ description, ...options });
export const time = (description: string) => Type.String({ format: 'date-time', description });
export const count = (description: string) => Type.Integer({ minimum: 0, description });
export const flag = (description: string) => Type.Boolean({ description });
export const words = <const W extends readonly string[]>(values: W, description: string) =>
  Type.Unsafe<W[number]>(Type.Enum([...values], { description }));

export const mid = (description: string) => Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description });
/** Number of a committed configuration. */
export const revisionNumber = (description: string) =>
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description });

/** Query of every list. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Rows on a page, at most.' }),
  ),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 512, description: '`next` of the page before; without: the first page.' }),
  ),
};

/** Answer of every list. */
export const page = <T extends TSchema>(items: T, description: string) =>
  object(
    {
      items: Type.Array(items),
      next: nullable(
        text(
          '`cursor` of the next page, which may be there although this one is short or empty; null: this is the last.',
        ),
      ),
      total: Type.Optional(count('Rows in all, where that is known without counting.')),
    },
    description,
  );
