// From a document to a configuration: upgrade, structure, defaults, rules. Used by every way in: file, import, edit, commit.
import { checkSelection } from '../tls/versions.ts';
import { fillDefaults } from './defaults.ts';
import { unimplementedIssues } from './implemented.ts';
import { configurationError, type Locate, type LocatedIssue, locateIssues } from './issue.ts';
import { ruleIssues } from './rules.ts';
import type { GatewayConfig } from './schema.ts';
import { structureIssues } from './structure.ts';
import { upgradeDocument } from './upgrade.ts';

export type Validation =
  | { readonly ok: true; readonly config: GatewayConfig; readonly changes: readonly string[] }
  | { readonly ok: false; readonly issues: readonly LocatedIssue[] };

/**
 * A plain document, perhaps partial or of an older schema, as a complete configuration. `changes` says what an upgrade
 * changed. What needs other files (certificates, recipient lists) is checked by `readMaterial`.
 */
export function validateDocument(document: unknown, locate?: Locate): Validation {
  const upgrade = upgradeDocument(document ?? {});
  const early = upgrade.issues.length > 0 ? upgrade.issues : structureIssues(upgrade.document);
  if (early.length > 0) return { ok: false, issues: locateIssues(early, upgrade.document, locate) };
  const config = fillDefaults(upgrade.document);
  const issues = [...ruleIssues(config), ...unimplementedIssues(config)];
  if (issues.length > 0) return { ok: false, issues: locateIssues(issues, config, locate) };
  return { ok: true, config: canonical(config), changes: upgrade.changes };
}

/** As `validateDocument`, throwing `bad-configuration` with every issue in its message. */
export function requireValid(document: unknown): GatewayConfig {
  const result = validateDocument(document);
  if (!result.ok) throw configurationError(result.issues, 'the configuration');
  return result.config;
}

/** Versions ascending, so that two spellings of a selection are no difference. */
function canonical(config: GatewayConfig): GatewayConfig {
  const service = (name: 'gui' | 'inbound' | 'outbound') => {
    const settings = config.tls[name];
    const selection = checkSelection(settings.versions);
    return selection.ok ? { ...settings, versions: [...selection.versions] } : settings;
  };
  const tls = { ...config.tls, gui: service('gui'), inbound: service('inbound'), outbound: service('outbound') };
  return { ...config, tls };
}
