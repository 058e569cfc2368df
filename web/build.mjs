// Builds the web interface into web/dist. Runs at `npm ci` (script "prepare"). Plain JavaScript that any Node can parse, so
// that it can say what is wrong where it cannot build.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const output = fileURLToPath(new URL('dist/', import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

function cannot(reason, remedy, status) {
  const left = existsSync(join(output, 'index.html'))
    ? 'The one in web/dist stays; it may be of another version.'
    : 'The gateway, its shell and its REST API work without it.';
  process.stderr.write(`postern: the web interface was not built: ${reason}\n${remedy}\n${left}\n`);
  process.exit(status);
}

/** Vite, or null where the development dependencies were left out on purpose. */
async function findVite() {
  try {
    return await import('vite');
  } catch (error) {
    if (error?.code === 'ERR_MODULE_NOT_FOUND' && /'vite'/.test(error.message)) return null;
    throw error;
  }
}

/** The web service sends these where the browser takes them; it compresses nothing itself. */
function compress() {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = constants;
  for (const entry of readdirSync(output, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(css|js|svg)$/.test(entry.name)) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const content = readFileSync(file);
    // Quality 9 of 11: a third of a second for everything instead of two, and 3 % more bytes (measured).
    const params = { [BROTLI_PARAM_QUALITY]: 9, [BROTLI_PARAM_SIZE_HINT]: content.length };
    writeFileSync(`${file}.br`, brotliCompressSync(content, { params }));
    writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
  }
}

if (!(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19))) {
  cannot(
    `this is Node.js ${process.versions.node}, and the build needs 20.19, 22.12 or newer.`,
    'Run "npm ci" without --omit=optional: it brings a Node.js of its own for Linux x64 and arm64 and macOS arm64.',
    1,
  );
}
const vite = await findVite();
if (vite === null) {
  // No failure: "npm ci --omit=dev" is a way to install, also over a tree that was built elsewhere.
  cannot(
    'the development dependencies are not installed.',
    'Run "npm ci" without --omit=dev, or copy web/dist from a machine where it was built.',
    0,
  );
}
try {
  await vite.build({ configFile: fileURLToPath(new URL('vite.config.ts', import.meta.url)), logLevel: 'warn' });
  compress();
} catch (error) {
  cannot(error instanceof Error ? error.message : String(error), 'Mend it, then run "npm run build".', 1);
}
