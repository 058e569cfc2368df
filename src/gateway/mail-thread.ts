import { MailWorker } from './mail-worker.ts';
import { runThread } from './thread.ts';

await runThread(async (data) => {
  const worker = new MailWorker(data);
  await worker.start();
  return worker;
});
