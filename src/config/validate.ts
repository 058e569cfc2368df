// From a document to a configuration: upgrade, structure, defaults, rules. Used by every way in: file, import, edit, commit.
import { PosternError } from '../errors.ts';
import { checkCiphers } from '../tls/ciphers.ts';
import { checkSelection } from '../tls/versions.ts';
import { fillDefaults } from './defaults.ts';
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
  const issues = ruleIssues(config);
  if (issues.length > 0) return { ok: false, issues: locateIssues(issues, config, locate) };
  return { ok: true, config: canonical(config), changes: upgrade.changes };
}

/** As `validateDocument`, throwing `bad-configuration` with every issue in its message. */
export function requireValid(document: unknown): GatewayConfig {
  const result = validateDocument(document);
  if (!result.ok) throw configurationError(result.issues, 'the configuration');
  return result.config;
}

/**
 * A document that was valid when it was stored: upgraded and completed, its structure checked, the rules not. Throws
 * `bad-configuration` naming `file` where a version of Postern wrote it that this one does not understand.
 */
export function restoreDocument(document: unknown, file: string): GatewayConfig {
  const upgrade = upgradeDocument(document);
  const issues = upgrade.issues.length > 0 ? upgrade.issues : structureIssues(upgrade.document);
  const [first] = locateIssues(issues, upgrade.document);
  if (first === undefined) return fillDefaults(upgrade.document);
  throw new PosternError('bad-configuration', `${file}: ${first.key}: ${first.reason}`, {
    remedy: 'it was written by another version of Postern: run that one, export the configuration, and import it here',
  });
}

/** Versions ascending, cipher strings as they are shown: two spellings of one setting are no difference. */
function canonical(config: GatewayConfig): GatewayConfig {
  const service = (name: 'gui' | 'inbound' | 'outbound') => {
    const settings = config.tls[name];
    const selection = checkSelection(settings.versions);
    if (!selection.ok) return settings;
    return { versions: [...selection.versions], ciphers: checkCiphers(settings.ciphers, selection.versions) };
  };
  const tls = { ...config.tls, gui: service('gui'), inbound: service('inbound'), outbound: service('outbound') };
  return { ...config, tls };
}
