// What goes on behind an answer (jobs.ts): who began it, and how far it is.
import { count, nullable, text, time } from './form.ts';

/** Keys of every job; `things`: what it does one after the other; `all`: of their number. */
export const jobKeys = (things: string, all = `${things} in all.`) => ({
  by: text('Who began it.'),
  began: time('When.'),
  ended: nullable(time('When; null: it is running.')),
  failure: nullable(text('Why it ended early; null: it did not.')),
  told: count(`${things} that are done.`),
  all: count(all),
});
