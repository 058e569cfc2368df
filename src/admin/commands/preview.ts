// preview: who would break, become weaker or better if the pending changes were committed.
import { messageOf } from '../../errors.ts';
import type { PreviewReport } from '../../preview/report.ts';
import { previewLines, summaryLines } from '../../preview/words.ts';
import type { AdminHost } from '../host.ts';
import type { Command, Dialogue } from './command.ts';
import { daysOf } from './question.ts';

/** Before a commit nobody waits longer than this (ms). */
const commitPatience = 5_000;

export const preview: Command = {
  name: 'preview',
  group: 'Changes',
  summary: 'who would break if the pending changes were committed',
  usage: 'preview [DAYS]',
  help: `Replays the TLS hellos of everybody who was seen in the last days (30 unless you say otherwise) under the pending
configuration, and says who breaks, who becomes weaker or better, and what would keep them. Nothing is changed.`,
  words: 'own',
  run: async ({ host, dialogue, user, words }) => {
    const days = daysOf(words[0], 30);
    if (host.config.pending(user).length === 0) {
      dialogue.print('\nNo changes are pending.');
      return;
    }
    const report = await host.preview(host.config.candidate(user).config, { days, signal: dialogue.signal });
    dialogue.print(`\n${previewLines(report).join('\n')}`);
  },
};

/**
 * Prints what a commit would do to those who were seen. True: somebody breaks. Where no preview can be made the commit goes on:
 * it is a help, not a lock.
 */
export async function printSummary(host: AdminHost, dialogue: Dialogue, user: string): Promise<boolean> {
  const patience = AbortSignal.timeout(commitPatience);
  let figures: PreviewReport | null = null;
  let report: PreviewReport;
  try {
    report = await host.preview(host.config.candidate(user).config, {
      days: 30,
      signal: AbortSignal.any([dialogue.signal, patience]),
      onProgress: (progress) => {
        figures = progress;
      },
    });
  } catch (error) {
    if (dialogue.signal.aborted) throw error;
    if (figures === null || !patience.aborted) {
      const reason = patience.aborted ? `it was not made within ${commitPatience / 1000} s` : messageOf(error);
      dialogue.print(`\nNo preview could be made: ${reason}`);
      return false;
    }
    report = figures;
  }
  const lines = summaryLines(report);
  if (lines.length > 0) dialogue.print(`\n${lines.join('\n')}\n`);
  return report.breaks > 0 || report.targets.some(({ totals }) => totals.breaks.connections > 0);
}
