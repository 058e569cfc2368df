// One message on its way to one destination, as the connections see it.
import type { Envelope } from '../smtp/envelope.ts';
import type { OutgoingMessage } from '../smtp/outgoing.ts';
import type { Reply } from '../smtp/reply.ts';
import { type Body, memoryOf } from '../spool/protocol.ts';
import { type BodyFile, pieceSize as firstPiece } from './body.ts';
import type { DeliveryTask } from './host.ts';

/** Recipients that one final 250 settled. */
export interface Delivered {
  readonly rids: readonly number[];
  readonly reply: Reply;
}

export class Transfer implements OutgoingMessage {
  readonly task: DeliveryTask;
  readonly envelope: Envelope;
  readonly rids: readonly number[];
  /** What goes out. */
  body: Body;
  size: number;
  /** That is the redacted form. */
  redacts = false;
  /** Bytes of its body that are kept in memory. */
  readonly memory: number;
  readonly delivered: Delivered[] = [];
  /** It was put back once because a reused connection turned out to be dead. */
  returned = false;
  /** When it began to wait, by the coarse clock. */
  since = 0;
  /** Open while the body is sent, where the body is a file. */
  file: BodyFile | null = null;

  constructor(task: DeliveryTask, rids: readonly number[]) {
    this.task = task;
    this.envelope = task.envelope;
    this.rids = rids;
    this.body = task.body;
    this.size = sizeOf(task);
    this.memory = memoryOf(task.body);
  }

  /** Chooses what goes out: to a host without REQUIRETLS a notice of ours about such a message goes redacted. */
  fit(requireTls: boolean): void {
    const { envelope, body } = this.task;
    const { redacted } = envelope;
    if (redacted === undefined) return;
    this.redacts = !requireTls;
    this.body = requireTls ? body : Buffer.from(redacted);
    this.size = sizeOf({ envelope, body: this.body });
  }

  utf8Header(): boolean {
    const { body } = this;
    // The header is in the first piece of a file; of a kept one it may be in several.
    const bytes =
      body instanceof Uint8Array
        ? body
        : body.kept === undefined
          ? (this.file?.first ?? new Uint8Array(0))
          : Buffer.concat(body.kept, Math.min(body.size, firstPiece));
    const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('\r\n\r\n');
    return bytes.subarray(0, end < 0 ? bytes.length : end).some((byte) => byte > 0x7f);
  }
}

function sizeOf({ envelope, body }: Pick<DeliveryTask, 'envelope' | 'body'>): number {
  return (envelope.head ?? '').length + (body instanceof Uint8Array ? body.length : body.size);
}
