// What a page looks for stands in its address, so that it can be kept, sent to somebody, and gone back to.
import { useSearchParams } from 'wouter';

export interface Search<Name extends string> {
  /** Absent ones are ''. */
  readonly values: Readonly<Record<Name, string>>;
  readonly set: (changes: Partial<Readonly<Record<Name, string>>>) => void;
  /** Nothing is looked for. */
  readonly none: boolean;
}

export function useSearch<Name extends string>(names: readonly Name[]): Search<Name> {
  const [parameters, setParameters] = useSearchParams();
  const values = Object.fromEntries(names.map((name) => [name, parameters.get(name) ?? ''])) as Record<Name, string>;
  return {
    values,
    none: names.every((name) => values[name] === ''),
    set: (changes) =>
      setParameters((present) => {
        const next = new URLSearchParams(present);
        for (const [name, value] of Object.entries(changes) as [Name, string][]) {
          if (value === '') next.delete(name);
          else next.set(name, value);
        }
        return next;
      }),
  };
}
