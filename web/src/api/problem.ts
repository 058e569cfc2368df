// What went wrong with a request, whatever it was, as one kind of error.
import type { Problem } from '../../../src/admin/api/schemas/problem.ts';

export type { Problem };

/** Codes of this side: there was no answer; there was one that is no answer of the API. */
type OwnCode = 'network' | 'unexpected';

export class ApiError extends Error {
  /** The gateway's own words, or null where it had none. */
  readonly problem: Problem | null;
  readonly status: number;
  readonly code: string;

  constructor(status: number, problem: Problem | null, code: OwnCode = 'unexpected', cause?: unknown) {
    super(problem?.detail ?? code, { cause });
    this.name = 'ApiError';
    this.problem = problem;
    this.status = status;
    this.code = problem?.code ?? code;
  }
}

/** True for an error of the API with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): error is ApiError {
  return error instanceof ApiError && codes.includes(error.code);
}

/** What the gateway says about one field (`/versions`), for the field to show. */
export function fieldProblem(error: unknown, pointer: string): string | undefined {
  if (!(error instanceof ApiError) || error.problem === null) return undefined;
  const { problem } = error;
  const entry = problem.errors?.find((one) => one.pointer === pointer);
  if (entry !== undefined) return [entry.detail, entry.remedy].filter(Boolean).join(' ');
  if (problem.pointer !== pointer) return undefined;
  return [problem.detail, problem.remedy].filter(Boolean).join(' ');
}

/** What the gateway says about a value and everything in it (`/to` and `/to/1`), for a field that holds all of it. */
export function problemsBelow(error: unknown, pointer: string): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const entries = (error.problem?.errors ?? []).filter(
    (one) => one.pointer === pointer || one.pointer.startsWith(`${pointer}/`),
  );
  if (entries.length === 0) return undefined;
  return entries.map(({ detail, remedy }) => [detail, remedy].filter(Boolean).join('; ')).join('\n');
}
