// The smallest change of a candidate that keeps a group of peers as they are: tried by replay, smallest first.
import { PosternError } from '../errors.ts';
import { suiteById } from '../tls/suites.ts';
import { type TlsVersion, tlsVersions, versionList, wireVersion } from '../tls/versions.ts';
import type { Remedy } from './report.ts';
import type { PreviewSettings } from './settings.ts';
import { certificateNamed } from './settings.ts';
import type { Compiler, Target, TlsSide } from './targets.ts';
import { works } from './verdict.ts';
import type { Verdicts } from './verdicts.ts';

/** Hellos that are tried; a group has few, unless somebody plays. */
const mostTried = 50;

interface Attempt {
  readonly text: string;
  readonly patch: unknown;
  readonly side: () => TlsSide;
}

/** `hellos`: of the group, most used first. Null: no single change keeps all of them. */
export async function findRemedy(
  target: Target,
  hellos: readonly number[],
  candidate: PreviewSettings,
  { compiler, verdicts }: { readonly compiler: Compiler; readonly verdicts: Verdicts },
): Promise<Remedy | null> {
  const { from, to } = target;
  if (from.kind !== 'tls' || to.kind !== 'tls') return null;
  const tried = hellos.slice(0, mostTried);
  const served = [];
  for (const hello of tried) served.push(await verdicts.of(from, hello));
  const attempts = attemptsFor(target, from, to, served, candidate, compiler);
  for (const { text, patch, side } of attempts) {
    try {
      const compiled = side();
      let all = true;
      for (const hello of tried) {
        if (works(await verdicts.of(compiled, hello))) continue;
        all = false;
        break;
      }
      if (all) return { text, patch };
    } catch (error) {
      // Such settings would be refused; the next ones may do.
      if (!(error instanceof PosternError)) throw error;
    }
  }
  return null;
}

function attemptsFor(
  target: Target,
  from: TlsSide,
  to: TlsSide,
  served: readonly { readonly outcome: string; readonly version?: number; readonly suite?: number }[],
  candidate: PreviewSettings,
  compiler: Compiler,
): readonly Attempt[] {
  const service = target.service === 'gui' ? 'GUI HTTPS' : 'Inbound SMTP';
  const key = target.service;
  const versions = runOver(
    to.settings.versions,
    served.flatMap(({ version }) => version ?? []),
  );
  const added = versions.filter((version) => !to.settings.versions.includes(version));
  const suites = [...new Set(served.flatMap(({ suite }) => suite ?? []))]
    .flatMap((id) => suiteById(id) ?? [])
    .filter(({ protocol }) => protocol !== 'TLSv1.3')
    .map(({ name }) => name);
  const ciphers = [to.settings.ciphers, ...suites].join(':');
  const { alpn } = to;
  const attempts: Attempt[] = [];
  const withVersions = { versions, ciphers: to.settings.ciphers };
  const withSuites = { versions: to.settings.versions, ciphers };
  if (suites.length > 0) {
    attempts.push({
      text: `also allow ${suites.join(', ')} for ${service}`,
      patch: { tls: { [key]: { ciphers } } },
      side: () => compiler.side(withSuites, to.certificate, alpn),
    });
  }
  if (added.length > 0) {
    attempts.push({
      text: `also keep ${versionList(added)} for ${service}`,
      patch: { tls: { [key]: { versions } } },
      side: () => compiler.side(withVersions, to.certificate, alpn),
    });
  }
  if (added.length > 0 && suites.length > 0) {
    attempts.push({
      text: `also keep ${versionList(added)}, and allow ${suites.join(', ')}, for ${service}`,
      patch: { tls: { [key]: { versions, ciphers } } },
      side: () => compiler.side({ versions, ciphers }, to.certificate, alpn),
    });
  }
  if (from.certificate !== to.certificate && certificateNamed(candidate, from.certificate.name) !== null) {
    attempts.push({
      text: `keep the certificate "${from.certificate.name}" there`,
      patch: certificatePatch(target, from.certificate.name, candidate),
      side: () => compiler.side(to.settings, from.certificate, alpn),
    });
  }
  attempts.push({
    text: `keep versions and ciphers of ${service} as they are`,
    patch: { tls: { [key]: from.settings } },
    side: () => compiler.side(from.settings, to.certificate, alpn),
  });
  return attempts;
}

/** The shortest unbroken run over a selection and some versions of the wire. */
function runOver(selection: readonly TlsVersion[], wire: readonly number[]): readonly TlsVersion[] {
  const wanted = tlsVersions.map((version) => selection.includes(version) || wire.includes(wireVersion(version)));
  return tlsVersions.slice(wanted.indexOf(true), wanted.lastIndexOf(true) + 1);
}

/** A list is replaced as a whole (RFC 7396). */
function certificatePatch({ service, listener }: Target, certificate: string, candidate: PreviewSettings): unknown {
  if (service === 'gui') return { gui: { certificate } };
  return {
    listeners: candidate.listeners.map((entry) => (entry.name === listener ? { ...entry, certificate } : entry)),
  };
}
