import type { Store } from './store.ts';

/** One transaction of the store, and what memory does when it is on disk or taken back. */
export class Transaction {
  readonly #store: Store;
  #after: (() => void)[] = [];
  #undo: (() => void)[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  after(effect: () => void): void {
    this.#after.push(effect);
  }

  undo(effect: () => void): void {
    this.#undo.push(effect);
  }

  /** Commits what `work` does; throws what SQLite throws, with all of it taken back. */
  run(work: () => void): void {
    try {
      this.#store.begin();
      work();
      this.#store.commit();
    } catch (error) {
      const undo = this.#undo;
      this.#undo = [];
      this.#after = [];
      this.#store.rollback();
      for (const effect of undo.reverse()) effect();
      throw error;
    }
    if (this.#undo.length > 0) this.#undo = [];
    if (this.#after.length === 0) return;
    const after = this.#after;
    this.#after = [];
    for (const effect of after) effect();
  }
}
