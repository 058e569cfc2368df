// What resumption of TLS sessions saves an outgoing connection: `npm run bench -- resumption`. Handshakes with OpenSSL's own server,
// one after the other, full and resumed in turns; processor time of ours and of the server's.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultCiphers } from '../src/config/schema.ts';
import { connectTls } from '../src/tls/connect.ts';
import { compileClientTls } from '../src/tls/contexts.ts';

const handshakes = 200;
const rounds = 3;
const directory = mkdtempSync(join(tmpdir(), 'postern-resumption-'));

interface Figures {
  readonly rate: number;
  /** ms of a handshake. */
  readonly ours: number;
  readonly theirs: number;
}

function certificate(kind: 'rsa' | 'ec'): readonly [string, string] {
  const [cert, key] = [join(directory, `${kind}.crt`), join(directory, `${kind}.key`)];
  const type = kind === 'rsa' ? ['rsa:2048'] : ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const words = ['req', '-x509', '-newkey', ...type, '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=mx.example'];
  execFileSync('openssl', words, { stdio: 'ignore' });
  return [cert, key];
}

/** User and system time of a process, ms (proc(5), clock ticks of 10 ms). */
function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const tls = compileClientTls({ versions: ['TLSv1.2', 'TLSv1.3'], ciphers: defaultCiphers });

/** One handshake; the newest session that came with it. */
async function shake(
  port: number,
  session: Buffer | undefined,
): Promise<{ session: Buffer | undefined; resumed: boolean }> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const { promise, resolve, reject } = Promise.withResolvers<{ session: Buffer | undefined; resumed: boolean }>();
  let newest: Buffer | undefined;
  const options = { legacy: false, timeout: 5000, servername: 'mx.example' };
  connectTls(
    socket,
    tls,
    {
      ...options,
      ...(session === undefined ? {} : { session }),
      onSession: (next) => {
        newest = next;
      },
    },
    {
      secure: (secure, info) => {
        secure.on('error', () => {});
        // The answer comes behind the tickets of 1.3.
        secure.once('data', () => {
          secure.destroy();
          resolve({ session: newest, resumed: info.resumed });
        });
        secure.write('hello\n');
      },
      failed: ({ detail }) => reject(new Error(detail)),
    },
  );
  return promise;
}

async function run(port: number, server: number, resume: boolean): Promise<Figures> {
  let session: Buffer | undefined = resume ? (await shake(port, undefined)).session : undefined;
  const [cpu, theirs, start] = [process.cpuUsage(), processorTime(server), performance.now()];
  for (let n = 0; n < handshakes; n++) {
    const one = await shake(port, session);
    if (one.resumed !== resume) throw new Error(`resumed: ${one.resumed}`);
    if (resume) session = one.session ?? session;
  }
  const { user, system } = process.cpuUsage(cpu);
  return {
    rate: (handshakes * 1000) / (performance.now() - start),
    ours: (user + system) / 1000 / handshakes,
    theirs: (processorTime(server) - theirs) / handshakes,
  };
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

try {
  for (const kind of ['rsa', 'ec'] as const) {
    const [cert, key] = certificate(kind);
    for (const version of ['-tls1_2', '-tls1_3']) {
      const probe = net.createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => probe.once('listening', resolve));
      const { port } = probe.address() as net.AddressInfo;
      await new Promise((resolve) => probe.close(resolve));
      const args = ['s_server', '-accept', `127.0.0.1:${port}`, '-quiet', '-rev', version, '-cert', cert, '-key', key];
      const server = spawn('openssl', args, { stdio: 'ignore' });
      for (let tries = 0; ; tries++) {
        const there = await shake(port, undefined).catch(() => null);
        if (there !== null) break;
        if (tries > 100) throw new Error('s_server did not start');
        await sleep(100);
      }
      const found: Record<'full' | 'resumed', Figures[]> = { full: [], resumed: [] };
      await run(port, server.pid ?? 0, false);
      for (let round = 0; round < rounds; round++) {
        found.full.push(await run(port, server.pid ?? 0, false));
        found.resumed.push(await run(port, server.pid ?? 0, true));
      }
      server.kill();
      for (const [name, figures] of Object.entries(found)) {
        const of = (key: keyof Figures) => median(figures.map((one) => one[key]));
        const line = `${of('rate').toFixed(0)} handshakes/s, ${of('ours').toFixed(2)} ms of ours, ${of('theirs').toFixed(2)} ms of the server`;
        process.stdout.write(`${kind} ${version.slice(1)} ${name}: ${line}\n`);
      }
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
