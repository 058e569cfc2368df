// Where the bands of the picture lie: peers that move from what they have today to what they would get. Pure.
import type { Move } from './use-preview.ts';

export interface Band {
  readonly move: Move;
  readonly width: number;
  /** Upper edges at either side. */
  readonly from: number;
  readonly to: number;
}

export interface End {
  readonly name: string;
  readonly top: number;
  readonly height: number;
}

export interface Flow {
  readonly bands: readonly Band[];
  readonly left: readonly End[];
  readonly right: readonly End[];
  readonly height: number;
}

/** Thinnest band, distance of ends, room for all bands together. */
const thinnest = 3;
const distance = 26;
const room = 120;
/** Worst first. */
const order = ['refused', 'no TLS', 'clear text'];

/** Widths follow the connections. */
export function flowOf(moves: readonly Move[]): Flow {
  const all = moves.reduce((sum, { connections }) => sum + connections, 0);
  const widthOf = ({ connections }: Move) => Math.max(thinnest, all === 0 ? 0 : (connections / all) * room);
  const left = endsOf(moves, ({ from }) => from, widthOf);
  const right = endsOf(moves, ({ to }) => to, widthOf);
  const filled = { left: new Map<string, number>(), right: new Map<string, number>() };
  const place = (ends: readonly End[], used: Map<string, number>, name: string, width: number): number => {
    const before = used.get(name) ?? 0;
    used.set(name, before + width);
    return (ends.find((end) => end.name === name)?.top ?? 0) + before;
  };
  const bands = moves
    .toSorted((a, b) => rank(a.from) - rank(b.from) || rank(a.to) - rank(b.to))
    .map((move) => {
      const width = widthOf(move);
      const from = place(left, filled.left, move.from, width);
      return { move, width, from, to: place(right, filled.right, move.to, width) };
    });
  const bottom = Math.max(0, ...[...left, ...right].map(({ top, height }) => top + height));
  return { bands, left, right, height: bottom };
}

function endsOf(
  moves: readonly Move[],
  nameOf: (move: Move) => string,
  widthOf: (move: Move) => number,
): readonly End[] {
  const heights = new Map<string, number>();
  for (const move of moves) heights.set(nameOf(move), (heights.get(nameOf(move)) ?? 0) + widthOf(move));
  let top = 0;
  return [...heights]
    .toSorted(([a], [b]) => rank(a) - rank(b))
    .map(([name, height]) => {
      const end = { name, top, height };
      top += Math.max(height, distance - 8) + 8;
      return end;
    });
}

function rank(name: string): number {
  const found = order.indexOf(name);
  if (found >= 0) return found;
  const version = /TLS v1\.(\d)/.exec(name)?.[1];
  return 10 + (version === undefined ? 9 : Number(version));
}
