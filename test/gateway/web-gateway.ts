// A whole gateway with its web service, and an administrator who was made by the link that the console printed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser, goodPassword } from '../admin/web/fixture.ts';
import { freePort, type RunningGateway, startGateway } from './harness.ts';

export function configuration(ports: readonly number[]): string {
  return `hostname: gw.example.com
gui: { ports: [${ports.join(', ')}] }
spool: { reserve: 1MiB, lowWater: 16MiB, lowWaterShare: 0.001 }
dns: { reverse: false }
`;
}

export async function startAndSetUp(t: TestContext) {
  const ports = [await freePort(), await freePort()];
  const gateway = await startGateway(t, { config: configuration(ports), arguments: ['--workers', '1'] });
  const link = () => /https:\/\/127\.0\.0\.1:(\d+)\/setup#([\w-]+)/.exec(gateway.output());
  while (link() === null) await sleep(20);
  const [, port = '', token = ''] = link() ?? [];
  const browser = new Browser(Number(port));
  const made = await browser.ask('POST', '/setup', { token, name: 'anna', password: goodPassword });
  assert.equal(made.status, 204, made.body);
  assert.equal((await browser.logOn('anna', goodPassword)).status, 200);
  return { gateway, browser, ports, token };
}

export async function systemLog(gateway: RunningGateway, pattern: RegExp): Promise<string> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const text = readFileSync(join(gateway.data, 'logs', 'system.current'), 'utf8');
    const found = text.split('\n').find((line) => pattern.test(line));
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`not in the system log: ${pattern}\n${text}`);
    await sleep(30);
  }
}
