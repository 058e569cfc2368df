// `postern preview --config FILE`: what a configuration would do to those who were seen, before it is committed; for pipelines.
// Reads the data directory of a running or a stopped gateway and changes nothing.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileConfig } from '../config/compile.ts';
import { RevisionFiles } from '../config/revisions.ts';
import { readConfigWithPlaces } from '../config/yaml.ts';
import { PosternError } from '../errors.ts';
import { PreviewEngine } from '../preview/engine.ts';
import { describeRevisions } from '../preview/revisions.ts';
import { previewSettings } from '../preview/settings.ts';
import { previewLines } from '../preview/words.ts';
import { ensureDemoCertificate } from '../tls/certificates.ts';

/** Somebody breaks. */
const statusBreaks = 3;

export interface PreviewOptions {
  readonly dataDirectory: string;
  readonly configFile: string;
  readonly days: number;
  /** The whole report as JSON instead of lines. */
  readonly json: boolean;
}

/** Resolves with the exit status: 0, or 3 where somebody who was seen breaks. Throws PosternError. */
export async function runPreview({ dataDirectory, configFile, days, json }: PreviewOptions): Promise<number> {
  if (!existsSync(configFile)) throw new PosternError('not-found', `there is no file ${configFile}`);
  const { config } = readConfigWithPlaces(readFileSync(configFile, 'utf8'), configFile);
  const present = await committed(dataDirectory);
  const demo = await ensureDemoCertificate(join(dataDirectory, 'certificates'), present.config.hostname);
  const context = { dataDirectory, demo };
  const engine = new PreviewEngine(join(dataDirectory, 'ledger.db'));
  try {
    const running = previewSettings((await compileConfig(present.config, present.info.number, context)).snapshot);
    const candidate = previewSettings((await compileConfig(config, present.info.number + 1, context)).snapshot);
    const report = await engine.run(
      { running, candidate, days },
      { describeRevisions: (numbers) => describeRevisions(dataDirectory, numbers) },
    );
    process.stdout.write(`${json ? JSON.stringify(report, null, 2) : previewLines(report).join('\n')}\n`);
    return report.breaks > 0 ? statusBreaks : 0;
  } finally {
    engine.close();
  }
}

/** The revision in force of a data directory. Throws `not-found` where it holds none. */
export async function committed(dataDirectory: string) {
  const directory = join(dataDirectory, 'config', 'revisions');
  const files = existsSync(directory) ? await RevisionFiles.openToRead(directory) : null;
  const newest = (await files?.newest()) ?? null;
  if (newest === null) {
    throw new PosternError('not-found', `${dataDirectory} holds no configuration to compare with`, {
      remedy: "name the gateway's data directory with --data",
    });
  }
  return newest;
}
