interface Flight {
  readonly worker: string;
  readonly mid: number;
  readonly destination: string;
  /** ms since the epoch. */
  readonly began: number;
}

/** Attempts under way in workers that have a row in `job`. (Those of `direct` messages are known to their channel.) */
export class Flights {
  /** In the order in which they began. */
  readonly #flights = new Map<string, Flight>();

  start(worker: string, mid: number, destination: string, began: number): void {
    this.#flights.set(keyOf(mid, destination), { worker, mid, destination, began });
  }

  /** False: none was under way. */
  end(mid: number, destination: string): boolean {
    return this.#flights.delete(keyOf(mid, destination));
  }

  has(mid: number, destination: string): boolean {
    return this.#flights.has(keyOf(mid, destination));
  }

  get size(): number {
    return this.#flights.size;
  }

  /** Ends all of a worker's; returns their destinations, one entry an attempt. */
  endAll(worker: string): string[] {
    return this.#endWhere((flight) => flight.worker === worker, false);
  }

  /** Ends those that began before `time`: their worker forgot them. Returns their destinations, one entry an attempt. */
  endOld(time: number): string[] {
    return this.#endWhere(({ began }) => began < time, true);
  }

  #endWhere(over: (flight: Flight) => boolean, onlyFirst: boolean): string[] {
    const ended: string[] = [];
    for (const [key, flight] of this.#flights) {
      if (over(flight)) {
        this.#flights.delete(key);
        ended.push(flight.destination);
      } else if (onlyFirst) {
        break;
      }
    }
    return ended;
  }
}

function keyOf(mid: number, destination: string): string {
  return `${mid} ${destination}`;
}
