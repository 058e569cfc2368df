// What becomes of the mail of peers that get no TLS any more, at this listener.
import type { Fate } from './report.ts';
import type { Target } from './targets.ts';

export interface FateText {
  readonly fate: Fate;
  readonly text: string;
}

/** `inClear`: how many of the `peers` sent mail in clear text before. */
export function fateOf(target: Target, peers: number, inClear: number): FateText {
  if (target.service === 'gui') {
    return { fate: 'locked-out', text: 'They cannot open the web interface or use the API any more.' };
  }
  if (target.to.kind === 'closed') {
    return { fate: 'refused', text: 'Nobody answers there any more: their mail waits and goes back to its senders.' };
  }
  if (target.level === 'required') {
    return {
      fate: 'refused',
      text: 'This listener takes nothing without TLS (530): their mail waits at their side and goes back to its senders after some days.',
    };
  }
  if (inClear > 0) {
    const who = inClear === peers ? (peers === 1 ? 'it has' : 'all of them have') : `${inClear} of ${peers} have`;
    return {
      fate: 'clear-text',
      text: `Their mail will come in clear text, which this listener takes: ${who} done so before.`,
    };
  }
  return {
    fate: 'waits',
    text: 'They may fall back to clear text, which this listener takes, or let their mail wait and give up; none has sent in clear text before.',
  };
}
