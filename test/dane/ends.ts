// What a file of tests began and must end. A preparation that fails ends it too: node:test runs no `after` then, and what is still
// open would keep the program alive until its time limit, without a word.
export class Ends {
  readonly #ends: (() => unknown)[] = [];

  add(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** In the shape of a test's own `after`, for what takes one. */
  get test(): { after(end: () => unknown): void } {
    return { after: (end) => this.add(end) };
  }

  /** `work` with what it began taken back where it fails. */
  async prepare<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.run();
      throw error;
    }
  }

  /** The last one first; one that fails does not keep the others. */
  async run(): Promise<void> {
    let failure: unknown = null;
    for (const end of this.#ends.splice(0).toReversed()) {
      try {
        await end();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null) throw failure;
  }
}
