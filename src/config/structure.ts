// A document against the schema: unknown keys, missing keys, wrong types, values out of range.
import { PosternError } from '../errors.ts';
import { type ConfigIssue, nearest } from './issue.ts';
import { amountOf, expectation, literalsOf, type Path, rootNode, type SchemaNode } from './node.ts';
import { isPlainObject, type PlainObject } from './plain-object.ts';
import { quote } from './quote.ts';

/** A hopelessly wrong document is not worth a longer list. */
const most = 100;

/** Everything in a plain document that the schema does not allow. Absent keys are fine where there is a default. */
export function structureIssues(document: unknown): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  check(rootNode, document, [], issues);
  return issues;
}

function check(node: SchemaNode, value: unknown, path: Path, issues: ConfigIssue[]): void {
  if (issues.length >= most) return;
  const add = (reason: string, remedy: string) => issues.push({ path, reason, remedy });
  if (value === null && (node.properties !== undefined || node.items !== undefined) && hasDefault(node)) return;
  if (value === null) {
    add('has no value', `write ${expectation(node)}${example(node)}`);
    return;
  }
  if (node.properties !== undefined) {
    if (isPlainObject(value)) checkObject(node, value, path, issues);
    else add(`must be ${expectation(node)}, not ${kindOf(value)}`, `write the keys ${keysOf(node)} beneath it`);
    return;
  }
  const literals = literalsOf(node);
  if (literals !== null) {
    if (!literals.some((literal) => literal === value)) add(...notOneOf(literals, value, node));
    return;
  }
  if (node.anyOf !== undefined) {
    const branch = node.anyOf.find((one) => (one.items !== undefined) === Array.isArray(value)) ?? node.anyOf[0];
    if (branch !== undefined) check(branch, value, path, issues);
    return;
  }
  if (node.const !== undefined) {
    if (value !== node.const) add(`must be ${node.const}, not ${quote(value)}`, `write ${node.const}`);
    return;
  }
  if (node.type === 'array') {
    checkList(node, value, path, issues);
    return;
  }
  const wrong = node.type === 'string' ? checkString(node, value) : checkNumber(node, value);
  if (wrong !== null) add(...wrong);
}

function checkObject(node: SchemaNode, value: PlainObject, path: Path, issues: ConfigIssue[]): void {
  const properties = node.properties ?? {};
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(properties, key)) continue;
    const near = nearest(key, Object.keys(properties)) ?? elsewhere(key, path);
    issues.push({
      path: [...path, key],
      atKey: true,
      reason: `unknown key ${quote(key)}`,
      remedy: near === null ? `the keys here are ${keysOf(node)}` : `did you mean "${near}"?`,
    });
    if (issues.length >= most) return;
  }
  for (const [key, property] of Object.entries(properties)) {
    const own = Object.hasOwn(value, key) ? value[key] : undefined;
    if (own !== undefined) check(property, own, [...path, key], issues);
    else if ((node.required ?? []).includes(key) && !hasDefault(property)) {
      issues.push({
        path: [...path, key],
        reason: 'is missing',
        remedy: `add "${key}:" with ${expectation(property)}`,
      });
    }
  }
}

/** The same key in another section (`limits.command` is `timeouts.command`). */
function elsewhere(key: string, path: Path): string | null {
  const top = rootNode.properties ?? {};
  if (path.length > 0 && Object.hasOwn(top, key)) return key;
  const section = Object.entries(top).find(([, node]) => Object.hasOwn(node.properties ?? {}, key));
  return section === undefined ? null : `${section[0]}.${key}`;
}

function checkList(node: SchemaNode, value: unknown, path: Path, issues: ConfigIssue[]): void {
  if (!Array.isArray(value)) {
    const remedy = isPlainObject(value)
      ? 'begin each element with "- "'
      : `write it as a list, such as [${quote(value)}]`;
    issues.push({ path, reason: `must be a list, not ${kindOf(value)}`, remedy });
    return;
  }
  if (value.length < (node.minItems ?? 0) || value.length > (node.maxItems ?? Number.POSITIVE_INFINITY)) {
    issues.push({
      path,
      reason: `has ${value.length} elements, must be ${expectation(node)}`,
      remedy: value.length < (node.minItems ?? 0) ? 'add what is missing' : 'leave some out',
    });
    return;
  }
  const { items } = node;
  if (items === undefined) return;
  for (let index = 0; index < value.length; index++) check(items, value[index], [...path, index], issues);
}

type Wrong = readonly [reason: string, remedy: string];

function checkString(node: SchemaNode, value: unknown): Wrong | null {
  if (typeof value !== 'string') {
    const remedy =
      node.unit === 'duration' || node.unit === 'size'
        ? `write a whole number and a unit${example(node)}`
        : typeof value === 'object'
          ? 'write one text'
          : `write it in quotes: "${String(value)}"`;
    return [`must be ${expectation(node)}, not ${kindOf(value)}`, remedy];
  }
  if (node.unit === 'duration' || node.unit === 'size') return checkAmount(node, value);
  if (value.length < (node.minLength ?? 0)) return ['is empty', `write ${expectation(node)}`];
  if (value.length > (node.maxLength ?? Number.POSITIVE_INFINITY)) {
    return [`is ${value.length} characters long`, `write at most ${node.maxLength}`];
  }
  if (node.pattern !== undefined && !new RegExp(node.pattern).test(value)) {
    return [`${quote(value)} is not ${expectation(node)}`, 'use only these characters'];
  }
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value) || !value.isWellFormed()) {
    return [`${quote(value)} has a control character in it`, 'write it on one line, without tabs'];
  }
  return null;
}

function checkAmount(node: SchemaNode, value: string): Wrong | null {
  let amount: number;
  try {
    amount = amountOf(node, value);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return [error.message, error.remedy ?? `write ${expectation(node)}`];
  }
  const low = node.least !== undefined && amount < amountOf(node, node.least);
  const high = node.most !== undefined && amount > amountOf(node, node.most);
  if (low || high)
    return [`"${value}" is too ${low ? 'small' : 'large'}`, `write ${expectation(node)}${example(node)}`];
  return null;
}

function checkNumber(node: SchemaNode, value: unknown): Wrong | null {
  if (node.type === 'boolean') {
    if (typeof value === 'boolean') return null;
    return [`must be true or false, not ${quote(value)}`, 'write true or false, without quotes'];
  }
  if (typeof value !== 'number') {
    const digits = typeof value === 'string' && /^[0-9.]+$/.test(value) ? ', without quotes' : '';
    return [
      `must be ${expectation(node)}, not ${kindOf(value)}`,
      `write ${expectation(node)}${digits}${example(node)}`,
    ];
  }
  const whole = node.type !== 'integer' || Number.isSafeInteger(value);
  const inside = value >= (node.minimum ?? value) && value <= (node.maximum ?? value) && Number.isFinite(value);
  if (whole && inside) return null;
  return [`must be ${expectation(node)}, not ${value}`, `write ${expectation(node)}${example(node)}`];
}

function notOneOf(literals: readonly (string | number)[], value: unknown, node: SchemaNode): Wrong {
  const near = typeof value === 'string' ? nearest(value, literals.map(String)) : null;
  // YAML 1.1 reads `off` and `no` as false; a tool that rewrote the file may have left `false` behind.
  const off = value === false ? ['off', 'none'].find((word) => literals.includes(word)) : undefined;
  const guess = near ?? off;
  return [
    `${quote(value)} is not ${expectation(node)}`,
    guess === undefined || guess === null ? `write ${expectation(node)}` : `did you mean "${guess}"?`,
  ];
}

function hasDefault(node: SchemaNode): boolean {
  if (node.default !== undefined) return true;
  if (node.properties === undefined) return false;
  return (node.required ?? []).every((key) => {
    const property = node.properties?.[key];
    return property !== undefined && hasDefault(property);
  });
}

function keysOf(node: SchemaNode): string {
  return Object.keys(node.properties ?? {}).join(', ');
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (value === null) return 'nothing';
  switch (typeof value) {
    case 'object':
      return 'a mapping';
    case 'string':
      return `the text ${quote(value)}`;
    case 'number':
      return `the number ${value}`;
    default:
      return quote(value);
  }
}

function example(node: SchemaNode): string {
  return typeof node.default === 'string' || typeof node.default === 'number' ? `, such as ${node.default}` : '';
}
