// Two administrators' changes to one configuration, put together by key path.
import { elementsOf, hasElements, same } from './elements.ts';
import { rootNode, type SchemaNode } from './node.ts';
import { isPlainObject, type PlainObject } from './plain-object.ts';
import type { GatewayConfig } from './schema.ts';

export interface Merge {
  /** What both changed, in different ways: key paths. Where `prefer` was given it was followed there. */
  readonly conflicts: readonly string[];
  readonly config: GatewayConfig;
}

/**
 * `mine` and `theirs` both come from `base`. A key that only one of them changed has that one's value; an element that one
 * removed and the other changed is a conflict, and so is a list whose order both changed. The result may still break a
 * rule (two listeners on one port, one from each): validate it.
 */
export function mergeConfigs(
  base: GatewayConfig,
  mine: GatewayConfig,
  theirs: GatewayConfig,
  prefer: 'mine' | 'theirs' = 'theirs',
): Merge {
  const merging = new Merging(prefer);
  const config = merging.value(rootNode, { base, mine, theirs }, '') as GatewayConfig;
  return { config, conflicts: merging.conflicts };
}

interface Three<T> {
  readonly base: T;
  readonly mine: T;
  readonly theirs: T;
}

class Merging {
  readonly conflicts: string[] = [];
  readonly #prefer: 'mine' | 'theirs';

  constructor(prefer: 'mine' | 'theirs') {
    this.#prefer = prefer;
  }

  value(node: SchemaNode, three: Three<unknown>, key: string): unknown {
    const { base, mine, theirs } = three;
    if (same(mine, base) || same(mine, theirs)) return theirs;
    if (same(theirs, base)) return mine;
    if (node.properties !== undefined && isPlainObject(base) && isPlainObject(mine) && isPlainObject(theirs)) {
      return this.#object(node.properties, { base, mine, theirs }, key);
    }
    if (hasElements(node)) return this.#list(node, { base: list(base), mine: list(mine), theirs: list(theirs) }, key);
    this.conflicts.push(key);
    return this.#prefer === 'mine' ? mine : theirs;
  }

  #object(properties: Readonly<Record<string, SchemaNode>>, three: Three<PlainObject>, key: string): PlainObject {
    const merged: Record<string, unknown> = {};
    for (const [name, node] of Object.entries(properties)) {
      const own = { base: three.base[name], mine: three.mine[name], theirs: three.theirs[name] };
      const value = this.value(node, own, key === '' ? name : `${key}.${name}`);
      if (value !== undefined) merged[name] = value;
    }
    return merged;
  }

  #list(node: SchemaNode, lists: Three<readonly unknown[]>, key: string): unknown[] {
    const base = elementsOf(node, lists.base);
    const mine = elementsOf(node, lists.mine);
    const theirs = elementsOf(node, lists.theirs);
    const merged = new Map<string, unknown>();
    for (const id of new Set([...theirs.keys(), ...mine.keys()])) {
      const three = { base: base.get(id), mine: mine.get(id), theirs: theirs.get(id) };
      const element = this.value(node.items ?? {}, three, `${key}[${id}]`);
      if (element !== undefined) merged.set(id, element);
    }
    const ids = { base: [...base.keys()], mine: [...mine.keys()], theirs: [...theirs.keys()] };
    const order = this.#order(node.ordered === true, ids, key);
    return order.flatMap((id) => (merged.has(id) ? [merged.get(id)] : []));
  }

  /** The order of one side, with what only the other side has put behind the element it stood behind there. */
  #order(matters: boolean, ids: Three<readonly string[]>, key: string): readonly string[] {
    const moved = (side: readonly string[]) => {
      const inside = new Set(side);
      const common = new Set(ids.base.filter((id) => inside.has(id)));
      return !same(
        side.filter((id) => common.has(id)),
        ids.base.filter((id) => common.has(id)),
      );
    };
    const mineMoved = matters && moved(ids.mine);
    const theirsMoved = matters && moved(ids.theirs);
    if (mineMoved && theirsMoved && !sameOrder(ids.mine, ids.theirs)) this.conflicts.push(`${key} (order)`);
    const useMine = mineMoved && (!theirsMoved || this.#prefer === 'mine');
    return useMine ? weave(ids.mine, ids.theirs) : weave(ids.theirs, ids.mine);
  }
}

function sameOrder(a: readonly string[], b: readonly string[]): boolean {
  const inA = new Set(a);
  const inB = new Set(b);
  return same(
    a.filter((id) => inB.has(id)),
    b.filter((id) => inA.has(id)),
  );
}

/** `main`, and what only `other` has: behind the element it follows there and what `main` has added behind that. */
function weave(main: readonly string[], other: readonly string[]): string[] {
  const inMain = new Set(main);
  const inOther = new Set(other);
  const woven: string[] = [];
  let at = 0;
  const takeAdded = () => {
    for (let id = main[at]; id !== undefined && !inOther.has(id); id = main[at]) {
      woven.push(id);
      at++;
    }
  };
  const behind = groupsBehind(other, inMain);
  takeAdded();
  woven.push(...(behind.get(null) ?? []));
  for (let id = main[at]; id !== undefined; id = main[at]) {
    woven.push(id);
    at++;
    takeAdded();
    woven.push(...(behind.get(id) ?? []));
  }
  return woven;
}

/** The elements of a list that are not `known`, by the known one that they follow (null: they stand before all of them). */
function groupsBehind(ids: readonly string[], known: ReadonlySet<string>): Map<string | null, string[]> {
  const groups = new Map<string | null, string[]>();
  let previous: string | null = null;
  for (const id of ids) {
    if (known.has(id)) {
      previous = id;
      continue;
    }
    const group = groups.get(previous);
    if (group === undefined) groups.set(previous, [id]);
    else group.push(id);
  }
  return groups;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
