// The texts of the web interface: both catalogues say the same things, and no component has words of its own.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import ts from 'typescript';
import { de } from '../../web/src/i18n/de/index.ts';
import { en } from '../../web/src/i18n/en/index.ts';
import { fill, placesOf } from '../../web/src/i18n/message.ts';

const german: Readonly<Record<string, string>> = de;
const english: Readonly<Record<string, string>> = en;

test('both catalogues have the same keys', () => {
  assert.deepEqual(Object.keys(german).toSorted(), Object.keys(english).toSorted());
  assert.ok(Object.keys(english).length > 100);
});

test('a text has the same places in both languages', () => {
  for (const [key, text] of Object.entries(english)) {
    assert.deepEqual(placesOf(german[key] ?? ''), placesOf(text), key);
  }
});

test('no text is empty, and a place that chooses by number has two forms', () => {
  for (const [key, text] of [...Object.entries(english), ...Object.entries(german)]) {
    assert.notEqual(text.trim(), '', key);
    for (const [, inner = ''] of text.matchAll(/\{([^{}]*)\}/g)) {
      assert.match(inner, /^[a-zA-Z]+(\|[^|]*\|[^|]*)?$/, key);
    }
  }
});

test('every text is used, but for common words', () => {
  const sources = globSync('web/src/**/*.{ts,tsx}')
    .filter((file) => !/i18n\/(en|de)\//.test(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
  // `t(`tokens.scope.${scope}`)` uses all keys that begin so.
  const beginnings = [...sources.matchAll(/`([a-zA-Z.-]+\.)\$\{/g)].map((found) => found[1] ?? '');
  // `common.` is the vocabulary of pages to come.
  const unused = Object.keys(english).filter(
    (key) =>
      !key.startsWith('common.') &&
      !sources.includes(`'${key}'`) &&
      !beginnings.some((beginning) => key.startsWith(beginning)),
  );
  assert.deepEqual(unused, []);
});

test('places are filled', () => {
  const number = (value: number) => value.toLocaleString('en-GB');
  assert.equal(fill('{count|# row|# rows} of {name}', { count: 1, name: 'x' }, number), '1 row of x');
  assert.equal(fill('{count|# row|# rows} of {name}', { count: 1200, name: 'x' }, number), '1,200 rows of x');
  assert.equal(fill('{name}', {}, number), '{name}');
});

/** Attributes that a person sees or hears. */
const spoken = new Set(['label', 'title', 'placeholder', 'description', 'aria-label', 'alt', 'error', 'text']);
/** A name, and a line of a protocol: the same in all languages. */
const names = new Set(['Postern', 'Authorization: Bearer …']);

/** Words in a component that should be in the catalogues. */
function wordsOf(file: string): string[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(file, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
    file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS,
  );
  const found: string[] = [];
  const check = (node: ts.Node, text: string) => {
    const words = text.trim();
    if (!/\p{L}{2}/u.test(words) || names.has(words)) return;
    const { line } = source.getLineAndCharacterOfPosition(node.getStart());
    found.push(`${file}:${line + 1}: ${words}`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node)) check(node, node.text);
    if (ts.isJsxExpression(node) && node.expression !== undefined && ts.isStringLiteral(node.expression)) {
      if (!ts.isJsxAttribute(node.parent)) check(node, node.expression.text);
    }
    if (ts.isJsxAttribute(node) && spoken.has(node.name.getText()) && node.initializer !== undefined) {
      if (ts.isStringLiteral(node.initializer)) check(node, node.initializer.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

test('no component has words of its own', () => {
  const files = globSync('web/src/**/*.tsx');
  assert.ok(files.length > 10);
  assert.deepEqual(files.flatMap(wordsOf), []);
});
