import { join } from 'node:path';
import { destinationOfRecipient } from '../delivery/route.ts';
import { PosternError } from '../errors.ts';
import { createEventSink } from '../ledger/sink.ts';
import { Spool } from '../spool/spool.ts';
import { runThread } from './thread.ts';

await runThread(async (data) => {
  if (data.ledger === undefined)
    throw new PosternError('bad-usage', 'the spool thread was given no channel to the ledger');
  const log = createEventSink(data.ledger);
  const spool = new Spool({
    directory: join(data.dataDirectory, 'spool'),
    snapshot: data.snapshot,
    ids: data.ids,
    log,
    destinationOf: destinationOfRecipient,
  });
  return {
    prepare: async (snapshot) => ({ activate: () => spool.apply(snapshot), abandon: () => undefined }),
    query: (name, args) => spool.query(name, args),
    attach: (name, port) => {
      if (name === 'ledger') log.reconnect(port);
      else spool.attach(name, port);
    },
    stop: async () => {
      await spool.stop();
      log.flush();
    },
  };
});
