// Why mail did not get through: from replies (RFC 5321 4.2, RFC 3463) and from what we see ourselves.
import { enhancedStatus, type Reply, replyText } from './reply.ts';

/** Why a message did not get through to somebody. */
export interface Failure {
  readonly permanent: boolean;
  /** Enhanced status code (RFC 3463). */
  readonly status: string;
  /** The other side's reply code, or 0: these are our own words. */
  readonly code: number;
  /** The text of the reply, or our own. */
  readonly text: string;
}

export interface RecipientFailure extends Failure {
  readonly rid: number;
}

/** What the reply was an answer to. */
export type Phase =
  | 'greeting'
  | 'ehlo'
  | 'starttls'
  | 'idle'
  | 'quit'
  | 'envelope'
  | 'mail'
  | 'recipient'
  | 'data'
  | 'dot';

export function isPositive(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300;
}

/**
 * RFC 5321 4.5.3.1.10: 452, or 552 from old servers, behind recipients that were accepted means "too many recipients",
 * unless its enhanced code says that it means something else (a full disk, a full mailbox).
 */
export function saysTooMany(reply: Reply): boolean {
  if (reply.code !== 452 && reply.code !== 552) return false;
  const status = enhancedStatus(reply);
  return status === null || status.endsWith('.5.3');
}

export function ourFailure(status: string, text: string): Failure {
  return { permanent: false, status, code: 0, text };
}

export function ourBounce(status: string, text: string): Failure {
  return { permanent: true, status, code: 0, text };
}

/** The end of a connection never decides about a message for good. */
export function temporary(failure: Failure): Failure {
  if (!failure.permanent) return failure;
  return { ...failure, permanent: false, status: `4${failure.status.slice(1)}` };
}

export function replyFailure(reply: Reply, phase: Phase): Failure {
  const text = replyText(reply);
  if (reply.code < 400) {
    // A success where none can be: not to be trusted with mail.
    return { permanent: false, status: '4.5.0', code: reply.code, text: `unexpected reply: ${text}` };
  }
  const permanent = reply.code >= 500;
  return { permanent, status: enhancedStatus(reply) ?? defaultStatus(reply.code, phase), code: reply.code, text };
}

/** For servers without enhanced status codes. */
function defaultStatus(code: number, phase: Phase): string {
  const replyClass = code >= 500 ? '5' : '4';
  if (code === 421 || code === 521) return `${replyClass}.3.2`;
  if (code === 452) return '4.3.1';
  if (code === 552) return phase === 'recipient' ? '5.2.2' : '5.3.4';
  if (code === 501 || code === 504 || code === 555) return '5.5.4';
  if (code === 500 || code === 502 || code === 503) return '5.5.1';
  if (phase === 'recipient') return code === 556 ? '5.1.10' : `${replyClass}.1.0`;
  return `${replyClass}.3.0`;
}
