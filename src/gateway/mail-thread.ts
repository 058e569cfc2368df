import { MailWorker } from './mail-worker.ts';
import { runThread } from './thread.ts';

// Peers that reset a connection make an error each, whose stack nobody reads: what is logged is its text. Measured with
// clients that close without waiting for the end: 5 % of the processor time of a connection.
Error.stackTraceLimit = 0;

await runThread(async (data) => {
  const worker = new MailWorker(data);
  await worker.start();
  return worker;
});
