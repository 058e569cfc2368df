// Open overview pages while mail flows: what twenty administrators who watch cost the mail path.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningGateway, startGateway } from './gateway.ts';
import { freePort, type Relayed, relay, Sink, type Work } from './sink.ts';
import type { Stand } from './stand.ts';
import { median, met, percent, printTable, progress, spread } from './table.ts';

const goal = 0.97;
const person = { name: 'bench', password: 'a pass phrase for the bench' };

export interface DashboardOptions {
  readonly seconds: number;
  readonly rounds: number;
  /** Pages that are open at a time. */
  readonly dashboards: number;
}

/** A browser's end of the web interface, as far as the overview page uses it. */
class Administrator {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  readonly #pages: Agent[] = [];
  #cookie = '';
  /** Events that the pages were sent. */
  events = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Takes the set-up link that the gateway printed, and logs on. */
  async logOn(gateway: RunningGateway): Promise<void> {
    const token = await setupToken(gateway);
    for (const [path, body] of [
      ['/setup', { token, ...person }],
      ['/login', person],
    ] as const) {
      const response = await this.#ask('POST', path, this.#agent, JSON.stringify(body));
      response.resume();
      if ((response.statusCode ?? 500) >= 300) throw new Error(`${path} was answered with ${response.statusCode}`);
      const cookie = response.headers['set-cookie']?.[0]?.split(';')[0];
      if (cookie !== undefined) this.#cookie = cookie;
    }
  }

  /** One page: a connection of its own, the counters' stream and the curves of the last day. */
  async openPage(): Promise<void> {
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
    this.#pages.push(agent);
    const series = await this.#ask('GET', '/reports/series', agent);
    series.resume();
    await once(series, 'end');
    const stream = await this.#ask('GET', '/events?topics=overview,configuration', agent);
    if (stream.statusCode !== 200) throw new Error(`the event stream was answered with ${stream.statusCode}`);
    stream.on('data', (chunk: Buffer) => {
      this.events += chunk.toString().split('\nevent: ').length;
    });
    stream.on('error', () => undefined); // the page is closed
  }

  closePages(): void {
    for (const page of this.#pages.splice(0)) page.destroy();
  }

  close(): void {
    this.closePages();
    this.#agent.destroy();
  }

  async #ask(method: string, path: string, agent: Agent, body?: string): Promise<IncomingMessage> {
    const sent = request({
      host: '127.0.0.1',
      port: this.#port,
      agent,
      method,
      path: `/api/v1${path}`,
      headers: {
        ...(this.#cookie === '' ? {} : { cookie: this.#cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }
}

/** Of the link on the console, which comes behind "is ready". */
async function setupToken(gateway: RunningGateway): Promise<string> {
  for (let waited = 0; waited < 30_000; waited += 20) {
    const found = /setup\S*?([\w-]{40,})/.exec(gateway.output())?.[1];
    if (found !== undefined) return found;
    await sleep(20);
  }
  throw new Error('the gateway printed no set-up link');
}

export async function measureDashboards(
  stand: Stand,
  { seconds, rounds, dashboards }: DashboardOptions,
): Promise<void> {
  const sink = await Sink.start(stand);
  const gui = await freePort();
  const config = `routes:\n  - { domain: dest.example, to: ["127.0.0.1:${sink.port}"] }`;
  const gateway = await startGateway(stand, { name: 'dashboards', config, guiPorts: [gui] });
  const administrator = new Administrator(gui);
  try {
    await administrator.logOn(gateway);
    const work: Work = { connections: 50, perConnection: 100, seconds };
    progress('dashboards: warm-up');
    await relay(stand, gateway, sink, { ...work, seconds: Math.min(5, seconds) });
    const runs: Record<'closed' | 'open', Relayed[]> = { closed: [], open: [] };
    for (let round = 1; round <= rounds; round++) {
      progress(`dashboards: round ${round} of ${rounds}, none open`);
      runs.closed.push(await relay(stand, gateway, sink, work));
      progress(`dashboards: round ${round} of ${rounds}, ${dashboards} open`);
      for (let page = 0; page < dashboards; page++) await administrator.openPage();
      runs.open.push(await relay(stand, gateway, sink, work));
      administrator.closePages();
    }
    const rate = (of: readonly Relayed[]) => of.map((run) => run.rate);
    const share = median(rate(runs.open)) / median(rate(runs.closed));
    const row = (what: string, of: readonly Relayed[]) => [what, spread(rate(of)), spread(of.map(({ cpu }) => cpu))];
    printTable(
      'dashboards: open overview pages under load',
      ['run', 'relayed/s', 'CPU s per 1,000', 'goal', ''],
      [
        [...row('none open', runs.closed), '', ''],
        [
          ...row(`${dashboards} open`, runs.open),
          `rate within ${percent(1 - goal)}`,
          `${percent(share)}: ${met(share >= goal)}`,
        ],
      ],
    );
    process.stdout.write(`\n${administrator.events} events were sent to the pages.\n`);
  } finally {
    administrator.close();
    await gateway.stop();
    await sink.stop();
    rmSync(join(stand.directory, 'dashboards'), { recursive: true, force: true });
  }
}
