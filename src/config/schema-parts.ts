// What the schema of gateway.yaml is put together from. Units: durations and sizes are strings ("5m", "32MiB"). Keywords beside
// JSON Schema's (see `node.ts`): `unit`, `least`, `most` for durations and sizes; `identity`, `ordered`, `elements` for what a
// list's elements are.
import Type, { type TProperties } from 'typebox';
import { durationPattern, sizePattern } from './units.ts';

interface Range {
  readonly least?: string;
  readonly most?: string;
}

const closed = { additionalProperties: false } as const;
export const object = <P extends TProperties>(properties: P, description: string) =>
  Type.Object(properties, { ...closed, description });
export const duration = (value: string, description: string, range: Range = {}) =>
  Type.String({ unit: 'duration', pattern: durationPattern, default: value, description, ...range });
/** A deadline: never zero, never beyond what a timer can hold. */
export const deadline = (value: string, description: string) =>
  duration(value, description, { least: '100ms', most: '24h' });
export const size = (value: string, description: string, range: Range = {}) =>
  Type.String({ unit: 'size', pattern: sizePattern, default: value, description, ...range });
export const count = (value: number, description: string, minimum = 1, maximum = 1_000_000) =>
  Type.Integer({ default: value, minimum, maximum, description });
export const name = (description: string) =>
  Type.String({ unit: 'name', minLength: 1, maxLength: 63, pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]*$', description });
export const text = (description: string, options: { readonly default?: string; readonly maxLength?: number } = {}) =>
  Type.String({ minLength: 1, maxLength: 255, description, ...options });
export const file = (description: string) => Type.String({ minLength: 1, maxLength: 4096, description });
export const port = (description: string) => Type.Integer({ minimum: 1, maximum: 65_535, description });

export const tlsVersionSchema = Type.Union([
  Type.Literal('TLSv1.0'),
  Type.Literal('TLSv1.1'),
  Type.Literal('TLSv1.2'),
  Type.Literal('TLSv1.3'),
]);
