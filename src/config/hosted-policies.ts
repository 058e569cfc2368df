// What must be right about the MTA-STS policies that we serve.
import { parseDomain, parseMxPattern } from './names.ts';
import { quote } from './quote.ts';
import type { Report } from './rules.ts';
import type { GatewayConfig } from './schema.ts';

export function checkHostedPolicies({ mtaSts }: GatewayConfig, report: Report): void {
  if (mtaSts.ca?.includes('-----BEGIN') === true) {
    report(['mtaSts', 'ca'], 'must be the name of a file, not its contents', 'put the authorities into a file');
  }
  const seen = new Set<string>();
  for (const [index, { domain, mode, mx }] of mtaSts.domains.entries()) {
    const path = ['mtaSts', 'domains', index];
    const name = parseDomain(domain);
    if (!name.ok) report([...path, 'domain'], name.reason, name.remedy);
    else if (seen.has(name.value)) {
      report([...path, 'domain'], `the policy of ${quote(name.value)} stands twice`, 'remove one of the two');
    } else seen.add(name.value);
    for (const [element, pattern] of mx.entries()) {
      const parsed = parseMxPattern(pattern);
      if (!parsed.ok) report([...path, 'mx', element], parsed.reason, parsed.remedy);
    }
    // RFC 8461 3.2.
    if (mx.length === 0 && mode !== 'none') {
      report([...path, 'mx'], `a policy of mode ${mode} names at least one mail host`, 'list the hosts of the domain');
    }
  }
}
