// What the schema has a word for and this version does not do yet: refused, because a setting that is silently ignored is
// worse than none. The one place: a part that learns something takes its line out here.
import type { ConfigIssue } from './issue.ts';
import type { GatewayConfig } from './schema.ts';

/** Levels of `destinations[].tls` that delivery carries out. */
const deliveredLevels: ReadonlySet<string> = new Set(['none', 'preferred', 'required']);

/** A finding a setting that would have no effect. */
export function unimplementedIssues(config: GatewayConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  for (const [index, destination] of config.destinations.entries()) {
    if (destination.tls === undefined || deliveredLevels.has(destination.tls)) continue;
    issues.push({
      path: ['destinations', index, 'tls'],
      reason: `${destination.tls} is not carried out by this version: mail would go out without that check`,
      remedy: `write ${destination.tls.startsWith('preferred') ? 'preferred' : 'required'} (encrypted, certificate recorded but not verified)`,
    });
  }
  return issues;
}
