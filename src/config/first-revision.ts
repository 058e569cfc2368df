// The configuration that a new data directory begins with.
import { defaultConfig } from './defaults.ts';
import { freeze, refuse } from './drafts.ts';
import { readMaterial } from './material.ts';
import type { RevisionFiles } from './revisions.ts';
import type { Revision, StoreOptions } from './store-types.ts';
import { requireValid } from './validate.ts';
import { readConfigWithPlaces } from './yaml.ts';

/** `options.initial`, or all defaults. `changes`: what an upgrade of its format changed. Throws `bad-configuration`; then nothing is stored. */
export async function firstRevision(
  dataDirectory: string,
  options: Pick<StoreOptions, 'initial' | 'source' | 'now'>,
  revisions: RevisionFiles,
): Promise<{ readonly present: Revision; readonly changes: readonly string[] }> {
  const source = options.source ?? 'gateway.yaml';
  const read =
    options.initial === undefined
      ? { config: requireValid(defaultConfig()), changes: [], locate: undefined }
      : readConfigWithPlaces(options.initial, source);
  const material = await readMaterial(read.config, dataDirectory);
  refuse(material.issues, read.config, { source, ...(read.locate === undefined ? {} : { locate: read.locate }) });
  const entry = {
    number: 1,
    time: (options.now ?? Date.now)(),
    user: 'postern',
    comment:
      options.initial === undefined ? 'Initial configuration (all defaults)' : `Initial configuration (${source})`,
    offersPrevious: true,
  };
  const info = await revisions.append(entry, read.config);
  const present = { ...info, config: freeze(read.config) };
  return { present, changes: read.changes };
}
