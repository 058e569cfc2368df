// Room on a full disk. SQLite cannot record a delivery without space, and an unrecorded delivery is made twice; so a written
// file is kept whose blocks are given back when a recording fails.

import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, rmSync, statfsSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshot } from '../config/snapshot.ts';

export type SpoolSettings = Snapshot['spool'];

const blockLength = 1024 * 1024;

export interface Space {
  /** Bytes that we may still write. */
  readonly free: number;
  /** Bytes of the file system. */
  readonly total: number;
}

/** What the file system of `directory` has; null where it cannot be asked. */
export function spaceOf(directory: string): Space | null {
  try {
    const { bavail, blocks, bsize } = statfsSync(directory);
    return { free: bavail * bsize, total: blocks * bsize };
  } catch {
    return null; // an odd file system without statfs: then only failed writes tell that it is full
  }
}

/** Bytes below which new mail is refused. */
export function lowWater(total: number, settings: SpoolSettings): number {
  return Math.max(settings.lowWater, Math.floor(total * settings.lowWaterShare));
}

/** The written file. */
export class Reserve {
  readonly #path: string;
  #size: number;
  #making = false;
  #closed = false;

  constructor(directory: string) {
    this.#path = join(directory, 'reserve');
    this.#size = sizeOf(this.#path);
  }

  /** Bytes held at present. */
  get held(): number {
    return this.#size;
  }

  /** Writes the file up to `size`, in the background; a full disk ends it with what was written so far. */
  async make(size: number): Promise<void> {
    if (this.#making || this.#closed || this.#size >= size) return;
    this.#making = true;
    try {
      // Random bytes, or a file system that compresses would hold nothing.
      const block = randomFillSync(new Uint8Array(blockLength));
      await using file = await open(this.#path, 'a', 0o600);
      while (this.#size < size && this.#making && !this.#closed) {
        const length = Math.min(blockLength, size - this.#size);
        const { bytesWritten } = await file.write(block, 0, length);
        this.#size += bytesWritten;
        if (bytesWritten < length) break;
      }
      await file.datasync();
    } catch {
      // Full again, or not writable: what is there is there; the caller tries again later.
      this.#size = sizeOf(this.#path);
    } finally {
      this.#making = false;
    }
  }

  /** Gives the blocks back at once (truncating needs no space). Returns how many bytes that freed. */
  giveUp(): number {
    this.#making = false;
    const freed = this.#size;
    if (freed === 0) return 0;
    try {
      const fd = openSync(this.#path, 'r+');
      try {
        ftruncateSync(fd, 0);
      } finally {
        closeSync(fd);
      }
    } catch {
      rmSync(this.#path, { force: true }); // truncation refused: the whole file, then
    }
    this.#size = sizeOf(this.#path);
    return freed - this.#size;
  }

  close(): void {
    this.#closed = true;
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
