// A bounded reader over bytes: past the end it yields zeros and remembers the failure, so that parsers read without a check
// at every step and ask `ok` at the end.

export class Reader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  #ok = true;

  constructor(bytes: Uint8Array, from = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = Math.min(end, bytes.length);
  }

  /** False once anything was read past the end. */
  get ok(): boolean {
    return this.#ok;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    if (this.#at >= this.#end) {
      this.#ok = false;
      return 0;
    }
    return this.#bytes[this.#at++] ?? 0;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  u24(): number {
    return (this.u8() << 16) | this.u16();
  }

  /** The next `length` bytes as a reader of their own; an empty one if there are not so many. */
  part(length: number): Reader {
    if (length > this.left) {
      this.#ok = false;
      this.#at = this.#end;
      return new Reader(this.#bytes, this.#end, this.#end);
    }
    const from = this.#at;
    this.#at += length;
    return new Reader(this.#bytes, from, this.#at);
  }

  skip(length: number): void {
    this.part(length);
  }

  /** The bytes that are left; not copied. */
  rest(): Uint8Array {
    const rest = this.#bytes.subarray(this.#at, this.#end);
    this.#at = this.#end;
    return rest;
  }

  /** Everything that is left, as 16-bit numbers. Not ok where a byte remains. */
  u16List(): number[] {
    const list: number[] = [];
    while (this.left >= 2) list.push(this.u16());
    if (this.left > 0) this.u8Fail();
    return list;
  }

  u8Fail(): void {
    this.#ok = false;
    this.#at = this.#end;
  }
}
