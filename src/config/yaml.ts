// gateway.yaml as text: parsing with the place of everything, printing with the schema's words as comments.
import {
  Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { messageOf } from '../errors.ts';
import {
  type ConfigIssue,
  configurationError,
  jsonPointer,
  type Locate,
  type LocatedIssue,
  locateIssues,
} from './issue.ts';
import { formatPath, type Path, rootNode, type SchemaNode } from './node.ts';
import { quote } from './quote.ts';
import type { GatewayConfig } from './schema.ts';
import { type Validation, validateDocument } from './validate.ts';

// Bounds of a document: one of a stranger's choosing must not occupy control for long. Long lists belong into files.
const longest = 4 * 1024 * 1024;
const mostLines = 300_000;
const deepest = 32;
const mostErrors = 20;

/**
 * A YAML text as a complete configuration, or what is wrong with it: line, column, key, reason, remedy. Partial documents
 * get defaults; an empty one is all defaults.
 */
export function parseConfig(text: string): Validation {
  const document = parseYaml(text);
  if (!document.ok) return document;
  return validateDocument(document.value, document.locate);
}

/**
 * As `parseConfig`; throws `bad-configuration`. `source` names the text in the message; `locate` finds what is wrong with
 * the files that the configuration names.
 */
export function readConfigWithPlaces(
  text: string,
  source: string,
): { config: GatewayConfig; changes: readonly string[]; locate: Locate } {
  const document = parseYaml(text);
  if (!document.ok) throw configurationError(document.issues, source);
  const result = validateDocument(document.value, document.locate);
  if (!result.ok) throw configurationError(result.issues, source);
  return { config: result.config, changes: result.changes, locate: document.locate };
}

export type ParsedYaml =
  | {
      readonly ok: true;
      readonly value: unknown;
      readonly locate: Locate;
    }
  | { readonly ok: false; readonly issues: readonly LocatedIssue[] };

/** A YAML 1.2 text as plain values. Refuses duplicate keys, tags, and aliases (a few lines of which can be gigabytes). */
export function parseYaml(text: string): ParsedYaml {
  const large = tooLarge(text);
  if (large !== null) {
    return {
      ok: false,
      issues: [{ line: 1, column: 1, key: '', pointer: '', reason: large, remedy: 'move long lists into files' }],
    };
  }
  const counter = new LineCounter();
  const place = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return { line, column: col };
  };
  let document: Document.Parsed;
  try {
    // Our own check of duplicate keys: the library's takes quadratic time (measured: 3 s for 20,000 keys).
    document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: false, version: '1.2' });
  } catch (error) {
    const reason = `this is not YAML: ${messageOf(error)}`;
    return { ok: false, issues: [{ line: 1, column: 1, key: '', pointer: '', reason, remedy: 'check its brackets' }] };
  }
  const problems = [...document.errors, ...document.warnings].slice(0, mostErrors);
  if (problems.length > 0) {
    const issues = problems.map((problem) => {
      const [reason, remedy] = explain(problem);
      // What is never closed is noticed where something else begins; where it began is what helps.
      const open = unclosed.test(problem.message);
      const at = problem.pos[0] - (open ? 1 : 0);
      const inner = problem.code === 'MULTIPLE_DOCS' ? [] : pathAt(document.contents, at);
      const path = open ? openedAt(document, inner, problem.message) : inner;
      return {
        ...place(open ? offsetOf(document.contents, path, false) : at),
        key: formatPath(path),
        pointer: jsonPointer(path),
        reason,
        remedy,
      };
    });
    return { ok: false, issues };
  }
  const reader = new Reader();
  const value = document.contents === null ? null : reader.plain(document.contents, []);
  const locate: Locate = (path, atKey) => place(offsetOf(document.contents, path, atKey));
  if (reader.issues.length > 0) return { ok: false, issues: locateIssues(reader.issues, value, locate) };
  return { ok: true, value, locate };
}

function tooLarge(text: string): string | null {
  if (text.length > longest) return `the document has ${text.length} characters, more than ${longest}`;
  let lines = 1;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines > mostLines ? `the document has ${lines} lines, more than ${mostLines}` : null;
}

/** Nodes to plain values. */
class Reader {
  readonly issues: ConfigIssue[] = [];

  plain(node: Node | null, path: Path): unknown {
    if (path.length > deepest) return this.#refuse(path, 'is nested too deeply', 'no key lies that deep');
    if (node === null) return null;
    if (isAlias(node)) return this.#refuse(path, `*${node.source} is an alias`, 'write the value out');
    if (isScalar(node)) return typeof node.value === 'bigint' ? Number(node.value) : node.value;
    if (isSeq(node)) return node.items.map((item, index) => this.plain(item as Node | null, [...path, index]));
    return isMap(node) ? this.#map(node, path) : null;
  }

  #map(node: YAMLMap, path: Path): unknown {
    const entries = new Map<string, unknown>();
    for (const pair of node.items) {
      if (!isScalar(pair.key) || pair.key.value === null || pair.key.value === '') {
        this.#refuse(path, 'has a key that is not a word', 'write "key: value"');
        continue;
      }
      const key = String(pair.key.value);
      const own = [...path, key];
      if (entries.has(key)) {
        this.issues.push({
          path: own,
          atKey: true,
          reason: `the key ${quote(key)} stands twice`,
          remedy: 'remove one of the two',
        });
      }
      entries.set(key, this.plain(pair.value as Node | null, own));
    }
    // Not an assignment: `__proto__` is a key like any other here, and an unknown one.
    return Object.fromEntries(entries);
  }

  #refuse(path: Path, reason: string, remedy: string): null {
    if (this.issues.length < mostErrors) this.issues.push({ path, reason, remedy });
    return null;
  }
}

/** Where the value (or key) at a path begins; of what does not stand in the text, the nearest thing above it. */
function offsetOf(root: ParsedNode | null, path: Path, atKey: boolean): number {
  let node: Node | null = root;
  let offset = root?.range?.[0] ?? 0;
  for (const [depth, segment] of path.entries()) {
    if (isSeq(node)) {
      const item = node.items[Number(segment)] as Node | null | undefined;
      if (item === undefined) return offset;
      offset = item?.range?.[0] ?? offset;
      node = item;
      continue;
    }
    if (!isMap(node)) return offset;
    // The last one: of duplicate keys the second is the surprise, and the one whose value counts.
    const pair = node.items.findLast((one) => isScalar(one.key) && String(one.key.value) === segment);
    if (pair === undefined || !isScalar(pair.key)) return offset;
    const value = pair.value as Node | null;
    const last = depth === path.length - 1;
    // A section's own place is its key: its first line is that of another key.
    const keyOffset = pair.key.range?.[0] ?? offset;
    const section = isCollection(value) && value.flow !== true;
    offset = last && !atKey && !section ? (value?.range?.[0] ?? keyOffset) : keyOffset;
    node = value;
  }
  return offset;
}

/** The keys that a place in a (perhaps broken) text lies beneath. */
function pathAt(root: ParsedNode | null, offset: number): Path {
  const path: (string | number)[] = [];
  let node: Node | null = root;
  for (;;) {
    if (isMap(node)) {
      // What begins just here, below the first level, is the wrong value of the key above it.
      const limit = path.length === 0 ? offset : offset - 1;
      const pair = node.items.findLast((one) => isScalar(one.key) && (one.key.range?.[0] ?? Number.MAX_VALUE) <= limit);
      if (pair === undefined || !isScalar(pair.key) || pair.key.value === null) return path;
      path.push(String(pair.key.value));
      node = pair.value as Node | null;
    } else if (isSeq(node)) {
      const index = node.items.findLastIndex(
        (item) => ((item as Node | null)?.range?.[0] ?? Number.MAX_VALUE) <= offset,
      );
      if (index < 0) return path;
      path.push(index);
      node = node.items[index] as Node | null;
    } else return path;
  }
}

/** Of the things around a place, the nearest of the kind that the message says is not closed. */
function openedAt(document: Document.Parsed, inner: Path, message: string): Path {
  if (!/flow (map|sequence)/i.test(message)) return inner;
  const map = /flow map/i.test(message);
  for (let length = inner.length; length > 0; length--) {
    const path = inner.slice(0, length);
    const node = document.getIn(path, true);
    if ((map ? isMap(node) : isSeq(node)) && isCollection(node) && node.flow === true) return path;
  }
  return [];
}

const explanations: Readonly<Record<string, readonly [reason: string | null, remedy: string]>> = {
  TAB_AS_INDENT: ['a tab stands where YAML wants spaces', 'indent with spaces'],
  BAD_INDENT: [null, 'give all keys of one section the same indentation'],
  BLOCK_AS_IMPLICIT_KEY: [
    'a second "key:" stands where a value is expected',
    'begin a new line for it, at the indentation of its section, or put the value in quotes',
  ],
  MULTILINE_IMPLICIT_KEY: ['a key goes over more than one line', 'write "key: value" on one line'],
  MISSING_CHAR: [null, 'add the missing character'],
  MULTIPLE_DOCS: ['a second document begins here', 'remove the line "---" and keep one document'],
  BAD_SCALAR_START: [null, 'put the value in quotes'],
  TAG_RESOLVE_FAILED: ['a tag (!...) has no meaning here', 'remove it, or put the value in quotes'],
  BAD_ALIAS: [null, 'write the value out'],
  UNEXPECTED_TOKEN: [null, 'check the brackets, quotes and indentation before this place'],
};

const unclosed = /^Missing closing .*quote|^Flow (map|sequence) in block|^Expected flow/;

function explain(problem: YAMLError): readonly [reason: string, remedy: string] {
  const known = explanations[problem.code];
  const message = quote(problem.message).slice(1, -1);
  const list = /flow (map|sequence)/i.exec(message)?.[1];
  if (list !== undefined && unclosed.test(message)) {
    const [opening, closing] = list === 'map' ? ['{', '}'] : ['[', ']'];
    return [
      `the "${opening}" here is never closed`,
      `write "${closing}" at the end of the ${list === 'map' ? 'mapping' : 'list'}`,
    ];
  }
  return [known?.[0] ?? `broken YAML: ${message}`, known?.[1] ?? 'check the spelling of this line and the one before'];
}

export interface PrintOptions {
  /** Lines at the top, without `#`. */
  readonly heading?: string;
  /** Say what each key means. Default true. */
  readonly comments?: boolean;
}

/**
 * The complete document; parsing it gives the same configuration. It holds no secret: keys of certificates are names of
 * files. Words that YAML 1.1 tools read otherwise (`off`) are quoted.
 */
export function printConfig(config: GatewayConfig, options: PrintOptions = {}): string {
  const document = new Document(config, { compat: 'yaml-1.1' });
  if (options.comments !== false && isMap(document.contents)) describe(document.contents, rootNode, true);
  if (options.heading !== undefined) {
    document.commentBefore = options.heading.replace(/[^\S\n]|[\u0000-\u0009\u000b-\u001f]/g, ' ').replace(/^/gm, ' ');
  }
  return document.toString({ lineWidth: 0 });
}

function describe(map: YAMLMap, node: SchemaNode, top: boolean): void {
  for (const pair of map.items) {
    if (!isScalar(pair.key)) continue;
    const property = node.properties?.[String(pair.key.value)];
    if (property === undefined) continue;
    const { value } = pair;
    if (top && pair !== map.items[0]) pair.key.spaceBefore = true;
    // A long value first and its comment far to the right would not be read together.
    if (isScalar(value) && String(value.value).length <= 60) {
      if (property.description !== undefined) value.comment = ` ${property.description}`;
    } else if (property.description !== undefined) pair.key.commentBefore = ` ${property.description}`;
    if (isMap(value)) describe(value, property, false);
    // Short lists of scalars read better on one line.
    if (
      isSeq(value) &&
      value.items.length > 0 &&
      value.items.length <= 4 &&
      value.items.every((item) => isScalar(item))
    ) {
      value.flow = true;
    }
  }
}
