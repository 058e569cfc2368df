// The inside of the second thread for replays: reads hellos itself, keeps no verdicts.
import { constants } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { ObservationReader } from '../ledger/observations/reader.ts';
import type { Verdict } from '../tls/replay.ts';
import { lowerPriority } from './priority.ts';
import { Compiler, type TlsSide } from './targets.ts';
import { Verdicts } from './verdicts.ts';

export interface HelperData {
  /** ledger.db. */
  readonly file: string;
}

export interface HelperQuestion {
  readonly id: number;
  readonly sides: readonly Pick<TlsSide, 'settings' | 'certificate' | 'alpn'>[];
  readonly hellos: readonly number[];
}

/** `verdicts`: of each hello, those under each side; null: something was wrong, whoever asked will meet it too. */
export interface HelperAnswer {
  readonly id: number;
  readonly verdicts: readonly (readonly Verdict[])[] | null;
}

lowerPriority(constants.priority.PRIORITY_LOW);
const { file } = workerData as HelperData;
const reader = ObservationReader.open(file);
const compiler = new Compiler();

parentPort?.on('message', async ({ id, sides, hellos }: HelperQuestion) => {
  let verdicts: Verdict[][] | null = [];
  try {
    const compiled = sides.map(({ settings, certificate, alpn }) => compiler.side(settings, certificate, alpn));
    // For one question: two sides may share a context.
    const known = new Verdicts((hello) => reader?.hello(hello) ?? null);
    for (const hello of hellos) {
      const row: Verdict[] = [];
      for (const side of compiled) row.push(await known.of(side, hello));
      verdicts.push(row);
    }
  } catch {
    verdicts = null; // the asker replays them itself, and hears the reason
  }
  parentPort?.postMessage({ id, verdicts } satisfies HelperAnswer);
});
