// The TLS versions a service may use: the run rule, the menu and the tokens of the command line, the boxes of the web UI.

/** The versions there are, ascending. */
export const tlsVersions = ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof tlsVersions)[number];

/** Versions ascending and without repeats, or what is wrong with the input, for a person. */
export type Selection =
  | { readonly ok: true; readonly versions: readonly TlsVersion[] }
  | { readonly ok: false; readonly message: string };

/** One box of the form: `active` boxes can be changed, `action` says how; grey ones have none. */
export interface Box {
  readonly version: TlsVersion;
  readonly selected: boolean;
  readonly active: boolean;
  readonly action: 'add' | 'remove' | null;
  /** Null for an active box. */
  readonly reason: GreyReason | null;
}

/** Why a box is grey. */
export interface GreyReason {
  /** `last`: one version must stay; `inside`: both neighbours are selected; `apart`: `versions` lie between it and the run. */
  readonly code: 'last' | 'inside' | 'apart';
  /** The versions that the sentence speaks of, ascending. */
  readonly versions: readonly TlsVersion[];
  /** A sentence for a person. */
  readonly text: string;
}

const wireNumbers: Readonly<Record<TlsVersion, number>> = {
  'TLSv1.0': 0x0301,
  'TLSv1.1': 0x0302,
  'TLSv1.2': 0x0303,
  'TLSv1.3': 0x0304,
};

/** The version on the wire, such as 0x0303. */
export function wireVersion(version: TlsVersion): number {
  return wireNumbers[version];
}

/** `0x0302` → `TLS v1.1`; other numbers by what they are (`SSL v3`, `TLS 0x7f17`). */
export function wireVersionName(number: number): string {
  const version = tlsVersions.find((candidate) => wireNumbers[candidate] === number);
  if (version !== undefined) return displayName(version);
  if (number === 0x0300) return 'SSL v3';
  if (number === 0x0002 || number === 0x0200) return 'SSL v2';
  return `TLS 0x${number.toString(16).padStart(4, '0')}`;
}

/** `TLSv1.1` → `TLS v1.1`, as menus and messages write it. */
export function displayName(version: TlsVersion): string {
  return `TLS v${version.slice(4)}`;
}

/** OpenSSL's `SSL_get_version` name, as the mail log has it: `TLSv1`, `TLSv1.1`, `TLSv1.2`, `TLSv1.3`. */
export function logName(version: TlsVersion): 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' {
  return version === 'TLSv1.0' ? 'TLSv1' : version;
}

/** `TLS v1.1, TLS v1.2`. */
export function versionList(versions: readonly TlsVersion[]): string {
  return versions.map(displayName).join(', ');
}

function isTlsVersion(name: string): name is TlsVersion {
  return (tlsVersions as readonly string[]).includes(name);
}

/**
 * The run rule: a selection is one unbroken, non-empty run. With a hole, OpenSSL clients silently stop offering what lies
 * above it, and servers report errors that help nobody (measured). The message names what is missing.
 */
export function checkSelection(versions: readonly string[]): Selection {
  const unknown = versions.find((name) => !isTlsVersion(name));
  if (unknown !== undefined) {
    return { ok: false, message: `"${unknown}" is no TLS version; there are ${tlsVersions.join(', ')}.` };
  }
  const selected = tlsVersions.filter((version) => versions.includes(version));
  const first = selected[0];
  const last = selected.at(-1);
  if (first === undefined || last === undefined) {
    return { ok: false, message: 'No version is selected; at least one TLS version must be.' };
  }
  const run = tlsVersions.slice(tlsVersions.indexOf(first), tlsVersions.indexOf(last) + 1);
  const missing = run.filter((version) => !selected.includes(version));
  if (missing.length > 0) {
    const names = missing.map(displayName).join(' and ');
    return {
      ok: false,
      message: `${names} ${missing.length === 1 ? 'is' : 'are'} missing: the versions must be one unbroken run from ${displayName(first)} to ${displayName(last)}. Add ${names}, or leave out one end.`,
    };
  }
  return { ok: true, versions: selected };
}

/** `tlsv1_1tlsv1_2`: the versions ascending, glued together. */
export function methodToken(versions: readonly TlsVersion[]): string {
  return tlsVersions
    .filter((version) => versions.includes(version))
    .map((version) => version.toLowerCase().replace('.', '_'))
    .join('');
}

/** The inverse of `methodToken`; any case. */
export function parseMethodToken(token: string): Selection {
  const text = token.trim().toLowerCase();
  const found: TlsVersion[] = [];
  for (let at = 0; at < text.length; at += 7) {
    const part = text.slice(at, at + 7);
    const version = tlsVersions.find((candidate) => methodToken([candidate]) === part);
    if (version === undefined) {
      return { ok: false, message: `"${token}" is no method; one is written like tlsv1_2 or tlsv1_1tlsv1_2.` };
    }
    found.push(version);
  }
  return checkSelection(found);
}

/** The menu of the command line, descending: 1 is TLS v1.3, 4 is TLS v1.0. */
export const menu: readonly { readonly number: number; readonly version: TlsVersion; readonly text: string }[] =
  tlsVersions.toReversed().map((version, index) => ({
    number: index + 1,
    version,
    text: `${index + 1}. ${displayName(version)}`,
  }));

/** The present selection in the menu's numbers: `2-4`, or `2` for one version. */
export function menuDefault(versions: readonly TlsVersion[]): string {
  const numbers = menu.filter((entry) => versions.includes(entry.version)).map((entry) => entry.number);
  const first = numbers[0] ?? 1;
  const last = numbers.at(-1) ?? first;
  return first === last ? String(first) : `${first}-${last}`;
}

/** What was typed at the menu: `2`, `1-4`, `1, 2, 3`; nothing keeps `current`. */
export function parseMenu(input: string, current: readonly TlsVersion[]): Selection {
  const text = input.trim();
  if (text === '') return checkSelection(current);
  const refusal: Selection = {
    ok: false,
    message: `"${text.length > 60 ? `${text.slice(0, 60)}...` : text}" is not a choice; enter a number from 1 to 4, a range such as 1-2, or a list such as 1, 2, 3.`,
  };
  if (text.length > 200) return refusal;
  const chosen: TlsVersion[] = [];
  for (const part of text.replaceAll(/\s*-\s*/g, '-').split(/[\s,]+/)) {
    const range = /^([1-4])(?:-([1-4]))?$/.exec(part);
    if (range === null) return refusal;
    const from = Number(range[1]);
    const to = range[2] === undefined ? from : Number(range[2]);
    for (const entry of menu) {
      if (entry.number >= Math.min(from, to) && entry.number <= Math.max(from, to)) chosen.push(entry.version);
    }
  }
  return checkSelection(chosen);
}

/**
 * The boxes for a legal selection: both ends of the run can be taken away while there is more than one, the neighbours
 * outside can be added, the inside and everything further away is grey.
 */
export function boxes(selection: readonly TlsVersion[]): readonly Box[] {
  const indexes = tlsVersions
    .map((_, index) => index)
    .filter((index) => selection.includes(tlsVersions[index] ?? 'TLSv1.0'));
  const low = indexes[0] ?? 0;
  const high = indexes.at(-1) ?? -1;
  return tlsVersions.map((version, index) => {
    const selected = selection.includes(version);
    let action: Box['action'] = null;
    if (selected && high > low && (index === low || index === high)) action = 'remove';
    if (!selected && (index === low - 1 || index === high + 1)) action = 'add';
    const reason = action === null ? greyReason(index, low, high) : null;
    return { version, selected, active: action !== null, action, reason };
  });
}

function greyReason(index: number, low: number, high: number): GreyReason {
  const name = displayName(tlsVersions[index] ?? 'TLSv1.0');
  if (index === low && index === high) {
    return { code: 'last', versions: [], text: `${name} is the only version selected; at least one must be.` };
  }
  if (index > low && index < high) {
    const versions = tlsVersions.slice(index - 1, index + 2).filter((_, at) => at !== 1);
    const names = versions.map(displayName).join(' and ');
    return { code: 'inside', versions, text: `${name} bridges ${names}: without it they could not be on together.` };
  }
  const versions = index < low ? tlsVersions.slice(index + 1, low) : tlsVersions.slice(high + 1, index);
  const names = versions.map(displayName).join(' and ');
  return { code: 'apart', versions, text: `Select ${names} first: the versions must be one unbroken run.` };
}

export type NodeVersionName = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** The range for `tls.createSecureContext`. `versions` is a legal selection. */
export function nodeVersionRange(versions: readonly TlsVersion[]): {
  readonly minVersion: NodeVersionName;
  readonly maxVersion: NodeVersionName;
} {
  const selected = tlsVersions.filter((version) => versions.includes(version));
  return { minVersion: logName(selected[0] ?? 'TLSv1.3'), maxVersion: logName(selected.at(-1) ?? 'TLSv1.3') };
}

/** Versions as bits, 1 for TLS 1.0 to 8 for 1.3: what was offered, in one number. */
export function versionBits(versions: readonly TlsVersion[]): number {
  return versions.reduce((bits, version) => bits | (1 << tlsVersions.indexOf(version)), 0);
}
