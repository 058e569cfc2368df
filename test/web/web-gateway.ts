// A gateway with its web interface, as an administrator meets it: by the set-up link that the console printed.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type RunningGateway, startGateway } from '../gateway/harness.ts';

export interface WebGateway {
  readonly gateway: RunningGateway;
  /** Of the two ports. */
  readonly origins: readonly [string, string];
  readonly smtpPort: number;
  /** Path and token of the set-up link. */
  readonly setupPath: string;
}

/** A browser of Debian's packages (test/peers/install.mjs); null where it is not installed. */
export function debianProgram(name: string): string | null {
  const path = `/usr/bin/${name}`;
  return existsSync(path) ? path : null;
}

export const administrator = { name: 'anna', password: 'four unusual words of 2026' } as const;

/** `more`: further lines of the configuration. */
export async function startWebGateway(t: TestContext, more = ''): Promise<WebGateway> {
  const [first, second, smtpPort] = [await freePort(), await freePort(), await freePort()];
  const gateway = await startGateway(t, {
    config: `hostname: gw.example.com
gui: { address: 127.0.0.1, ports: [${first}, ${second}] }
listeners:
  - { name: inbound, address: 127.0.0.1, port: ${smtpPort}, tls: preferred }
accept: [example.com]
${more}`,
  });
  return {
    gateway,
    origins: [`https://127.0.0.1:${first}`, `https://127.0.0.1:${second}`],
    smtpPort,
    setupPath: await setupPath(gateway),
  };
}

async function setupPath(gateway: RunningGateway): Promise<string> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = /https:\/\/[^/\s]+(\/setup#\S+)/.exec(gateway.output());
    if (found?.[1] !== undefined) return found[1];
    if (Date.now() > deadline) throw new Error(`no set-up link was printed:\n${gateway.output()}`);
    await sleep(50);
  }
}

/** What a client of one TLS version gets from the listener. */
export function handshake({ smtpPort }: WebGateway, version: '-tls1_2' | '-tls1_3'): Promise<string> {
  const args = ['s_client', '-connect', `127.0.0.1:${smtpPort}`, '-starttls', 'smtp', version];
  return new Promise((resolve) => {
    const child = execFile('openssl', args, (_, stdout, stderr) => resolve(`${stdout}${stderr}`));
    child.stdin?.end('QUIT\r\n');
  });
}
