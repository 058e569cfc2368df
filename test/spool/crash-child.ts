// Stores messages as fast as it can until it is killed; says on standard output what was acknowledged and what it reported
// as delivered, before it reports it. Arguments: directory of the spool.
import { writeSync } from 'node:fs';
import { createBodyWriters } from '../../src/spool/body.ts';
import type { Body } from '../../src/spool/protocol.ts';
import { Bench, content, deferred, envelopeTo, request } from './harness.ts';

const directory = process.argv[2] ?? '';
const made = new Bench({}, directory);
const spool = made.start();
const worker = made.worker(spool, 'w0', 20);
const openBody = createBodyWriters({ directory, bigBody: () => 1000, prefix: 'w0' });
const say = (what: string, mid: number) => writeSync(1, `${what} ${mid}\n`);

function send(): void {
  const mid = made.nextMid();
  const writer = openBody();
  writer.write(new Uint8Array(Buffer.from(`X-Mid: ${mid}\r\n${content}`)));
  if (mid % 5 === 0) writer.write(new Uint8Array(100_000).fill(65));
  writer.finish((_, body) => {
    if (body !== null) store(mid, body);
  });
}

function store(mid: number, body: Body): void {
  worker.client.store(request(mid, envelopeTo('bob@example.com'), { body }), (error) => {
    if (error !== null) return;
    say('A', mid);
    if (mid % 3 === 0) {
      say('F', mid);
      worker.client.finished(mid);
    } else if (mid % 3 === 1) {
      worker.client.outcome({ mid, destination: 'example.com', recipients: [deferred(0)] });
    }
    send();
  });
}

for (let i = 0; i < 30; i++) send();
