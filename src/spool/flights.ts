/** Attempts under way in workers that have a row in `job`. (Those of `direct` messages are known to their channel.) */
export class Flights {
  readonly #workers = new Map<string, string>();

  start(worker: string, mid: number, destination: string): void {
    this.#workers.set(keyOf(mid, destination), worker);
  }

  /** False: none was under way. */
  end(mid: number, destination: string): boolean {
    return this.#workers.delete(keyOf(mid, destination));
  }

  has(mid: number, destination: string): boolean {
    return this.#workers.has(keyOf(mid, destination));
  }

  get size(): number {
    return this.#workers.size;
  }

  /** Ends all of a worker's; returns their destinations, one entry an attempt. */
  endAll(worker: string): string[] {
    const ended: string[] = [];
    for (const [key, owner] of this.#workers) {
      if (owner !== worker) continue;
      this.#workers.delete(key);
      ended.push(key.slice(key.indexOf(' ') + 1));
    }
    return ended;
  }
}

function keyOf(mid: number, destination: string): string {
  return `${mid} ${destination}`;
}
