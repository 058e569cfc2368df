// Files of authorities, looked at when they are named: in the words in which a commit would refuse them.
import { jsonPointer } from '../../config/issue.ts';
import { authorityIssues } from '../../config/material.ts';
import type { Path } from '../../config/node.ts';
import { PosternError } from '../../errors.ts';

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
