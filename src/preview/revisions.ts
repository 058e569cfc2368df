// What was in force when a peer refused us: `TLS 1.2, 1.3 (revision 12)`.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A text for each of the revisions that can still be read; they are written once and never changed. */
export async function describeRevisions(
  dataDirectory: string,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const texts = new Map<number, string>();
  const directory = join(dataDirectory, 'config', 'revisions');
  if (numbers.length === 0 || !existsSync(directory)) return texts;
  // Only where somebody refused us: with the schema it is most of what this thread would load.
  const { RevisionFiles } = await import('../config/revisions.ts');
  const files = await RevisionFiles.openToRead(directory);
  for (const number of numbers) {
    try {
      const { versions } = (await files.read(number)).tls.inbound;
      texts.set(number, `TLS ${versions.map((version) => version.slice(4)).join(', ')} (revision ${number})`);
    } catch {
      // it is not kept any more; the number alone is told
    }
  }
  return texts;
}
