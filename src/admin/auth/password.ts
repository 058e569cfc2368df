// Passwords: argon2id, off the main thread, one at a time. The thread pool of libuv has four threads, which the mail workers'
// files use too: a crowd that logs on takes one of them and 19 MiB, no more.
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { PosternError } from '../../errors.ts';

interface Parameters {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

// OWASP's least for argon2id: 19 MiB and two passes. Measured on two busy cores: 106 ms; 64 MiB and three passes, 541 ms.
const present: Parameters = { memory: 19_456, passes: 2, parallelism: 1 };
const saltLength = 16;
const hashLength = 32;
const mostWaiting = 32;

/** Bounds of what is taken from a stored hash: a damaged file must not ask for the whole memory. */
const most: Parameters = { memory: 1024 * 1024, passes: 16, parallelism: 4 };

let running = false;
const waiting: (() => void)[] = [];

async function derive(
  password: string,
  salt: Uint8Array,
  length: number,
  { memory, passes, parallelism }: Parameters,
): Promise<Buffer> {
  if (running) {
    if (waiting.length >= mostWaiting) {
      throw new PosternError('rate-limited', 'too many people are logging on at this moment', {
        temporary: true,
        remedy: 'try again in a few seconds',
      });
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running = true;
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const message = Buffer.from(password.normalize('NFC'), 'utf8');
    argon2(
      'argon2id',
      { message, nonce: salt, parallelism, tagLength: length, memory, passes },
      (error: Error | null, hash: Buffer) => (error === null ? resolve(hash) : reject(error)),
    );
    return await promise;
  } finally {
    const next = waiting.shift();
    if (next === undefined) running = false;
    else next();
  }
}

/** A hash in PHC form: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltLength);
  const hash = await derive(password, salt, hashLength, present);
  return `$argon2id$v=19$m=${present.memory},t=${present.passes},p=${present.parallelism}$${base64(salt)}$${base64(hash)}`;
}

/** Constant time for a given hash. Throws `rate-limited` where too many wait. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const found = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,2})\$([\w+/]+)\$([\w+/]+)$/.exec(stored);
  const parameters = { memory: Number(found?.[1]), passes: Number(found?.[2]), parallelism: Number(found?.[3]) };
  const [salt, hash] = [Buffer.from(found?.[4] ?? '', 'base64'), Buffer.from(found?.[5] ?? '', 'base64')];
  const sane =
    parameters.memory <= most.memory &&
    parameters.passes <= most.passes &&
    parameters.parallelism <= most.parallelism &&
    salt.length >= 8 &&
    hash.length >= 16;
  if (!sane) throw new PosternError('io', 'a stored password cannot be read', { remedy: 'set it anew: userconfig' });
  return timingSafeEqual(await derive(password, salt, hash.length, parameters), hash);
}

let nobody: Promise<string> | null = null;

/** Before every logon, so that the first one of somebody unknown does not take longer. */
export function readyForNobody(): Promise<string> {
  nobody ??= hashPassword(base64(randomBytes(24)));
  return nobody;
}

/** For a user that does not exist: takes as long, and is never right. */
export async function verifyNothing(password: string): Promise<false> {
  await verifyPassword(password, await readyForNobody());
  return false;
}

/** Without padding, as the PHC form has it. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '');
}

const leastLength = 12;
const mostLength = 1024;

/** What is wrong with a new password; null: nothing. Length is what counts (NIST SP 800-63B 5.1.1). */
export function weakness(password: string, user: string): string | null {
  const length = [...password].length;
  if (length < leastLength) return `a password has at least ${leastLength} characters`;
  if (length > mostLength) return `a password has at most ${mostLength} characters`;
  if (new Set(password).size < 5) return 'the password is made of too few different characters';
  if (password.toLowerCase().includes(user.toLowerCase()) && length - user.length < leastLength - 4)
    return 'the password is little more than the user name';
  return null;
}
