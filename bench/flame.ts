// A flame graph of one thread: `npm run bench -- flame FILE.cpuprofile [FROM]` writes SVG to standard output. FROM: the share of the
// profile that is left out at its beginning (start-up), 0 to 1, default 0.4. Profiles: NODE_OPTIONS="--cpu-prof --cpu-prof-dir=DIR"
// before the gateway is started; one file a thread when it ends.
import { readFileSync } from 'node:fs';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Frame {
  readonly name: string;
  readonly kind: 'ours' | 'node' | 'native';
  time: number;
  readonly inside: Map<string, Frame>;
}

const width = 1200;
const row = 17;
const deepest = 28;
const colours = { ours: '#f2a65a', node: '#9cc5a1', native: '#a9b8c9' } as const;

const [file, from = '0.4'] = process.argv.slice(2);
if (file === undefined || !(Number(from) >= 0 && Number(from) < 1)) {
  process.stderr.write('bench: flame FILE.cpuprofile [FROM, 0 to 1]\n');
  process.exit(2);
}
const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
process.stdout.write(draw(fold(profile, Number(from))));

/** Stacks added up; time in which nothing was done is left out. */
function fold({ nodes, samples, timeDeltas }: CpuProfile, skipped: number): Frame {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const whole = timeDeltas.reduce((sum, delta) => sum + delta, 0);
  const root: Frame = { name: 'thread', kind: 'native', time: 0, inside: new Map() };
  let at = 0;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index] ?? 0;
    at += delta;
    const leaf = byId.get(id)?.callFrame.functionName;
    if (at < whole * skipped || leaf === '(idle)') continue;
    const stack: number[] = [];
    for (let node: number | undefined = id; node !== undefined; node = parents.get(node)) stack.unshift(node);
    root.time += delta;
    let frame = root;
    // The first is the profile's own root.
    for (const node of stack.slice(1, deepest)) {
      const { functionName, url, lineNumber } = byId.get(node)?.callFrame ?? {
        functionName: '',
        url: '',
        lineNumber: 0,
      };
      const place = url.replace(/^.*\/(src|node_modules)\//, '$1/');
      const name = `${functionName === '' ? '(anonymous)' : functionName}${place === '' ? '' : ` ${place}:${lineNumber + 1}`}`;
      const kind = place.startsWith('src/') ? 'ours' : place === '' ? 'native' : 'node';
      const known = frame.inside.get(name) ?? { name, kind, time: 0, inside: new Map() };
      frame.inside.set(name, known);
      known.time += delta;
      frame = known;
    }
  }
  return root;
}

function draw(root: Frame): string {
  const boxes: string[] = [];
  let lowest = 0;
  const visit = (frame: Frame, x: number, depth: number): void => {
    const size = (frame.time / root.time) * width;
    if (size < 1.5) return;
    lowest = Math.max(lowest, depth);
    const share = ((frame.time / root.time) * 100).toFixed(1);
    const short = frame.name.slice(0, Math.max(0, Math.floor(size / 6.2)));
    const label = size < 34 ? '' : `<text x="${(x + 3).toFixed(1)}" y="${depth * row + 12}">${plain(short)}</text>`;
    boxes.push(
      `<g><title>${plain(frame.name)}: ${share} %</title><rect x="${x.toFixed(1)}" y="${depth * row}" width="${size.toFixed(1)}" height="${row - 1}" fill="${colours[frame.kind]}"/>${label}</g>`,
    );
    let next = x;
    for (const inner of [...frame.inside.values()].sort((a, b) => b.time - a.time)) {
      visit(inner, next, depth + 1);
      next += (inner.time / root.time) * width;
    }
  };
  visit(root, 0, 0);
  const height = (lowest + 1) * row;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="10.5">\n<title>Flame graph of one thread</title>\n${boxes.join('\n')}\n</svg>\n`;
}

function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
