// Files of authorities: uploaded ones, and all when they are named: in the words in which a commit would refuse them.
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, writeDurably } from '../../config/durable.ts';
import { jsonPointer } from '../../config/issue.ts';
import { authorityIssues } from '../../config/material.ts';
import type { Path } from '../../config/node.ts';
import { messageOf, PosternError } from '../../errors.ts';

const folder = 'certificates';

/** Why one of the files cannot be used, with the `path` that names it as the pointer; null: all can. */
export async function authorityProblem(
  dataDirectory: string,
  named: readonly { readonly file: string; readonly path: Path }[],
): Promise<PosternError | null> {
  const issues = await authorityIssues(dataDirectory, named);
  const [first] = issues;
  if (first === undefined) return null;
  return new PosternError('bad-configuration', first.reason, {
    remedy: first.remedy,
    issues: issues.map(({ path, reason, remedy }) => ({ pointer: jsonPointer(path), detail: reason, remedy })),
  });
}

export interface StoredAuthorities {
  /** Relative to the data directory, as configurations name it. */
  readonly file: string;
  readonly subjects: readonly string[];
}

/**
 * Keeps the certificates of a PEM text, and nothing else that stands in it; equal ones are one file. Nothing uses it before a
 * configuration names it. Throws `bad-request`.
 */
export async function storeAuthorities(dataDirectory: string, pem: string): Promise<StoredAuthorities> {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw unusable('has no certificate in it', 'Give the certificate of the authority as PEM.');
  const subjects = blocks.map((block, index) => {
    try {
      return new X509Certificate(block).subject.replaceAll('\n', ', ');
    } catch (error) {
      throw unusable(`certificate ${index + 1} cannot be read: ${messageOf(error)}`, 'Export it as PEM once more.');
    }
  });
  const text = `${blocks.join('\n')}\n`;
  const file = `${folder}/ca-${createHash('sha256').update(text).digest('hex').slice(0, 16)}.crt`;
  await makeDirectory(join(dataDirectory, folder));
  if (!existsSync(join(dataDirectory, file))) await writeDurably(join(dataDirectory, file), text);
  return { file, subjects };
}

function unusable(detail: string, remedy: string): PosternError {
  return new PosternError('bad-request', detail, { remedy, issues: [{ pointer: '/pem', detail, remedy }] });
}
