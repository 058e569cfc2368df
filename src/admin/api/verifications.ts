// tlsverify and daneverify as jobs: one for each user.
import type { Verdict, VerifiedHost } from '../../delivery/verify.ts';
import { PosternError } from '../../errors.ts';
import { describeTlsa } from '../../tls/dane.ts';
import { checkDomains } from '../commands/tlsverify.ts';
import type { AdminHost } from '../host.ts';
import { type Job, Jobs, jobsOf, progressOf } from './jobs.ts';
import type { Verification, VerificationRequest, VerificationRow, VerifiedDomain } from './schemas/verification.ts';

interface Asked {
  readonly domains: readonly string[];
  readonly dane: boolean;
  readonly detail: boolean;
}

const jobs = jobsOf<Asked, Verdict>(() => new Jobs('verification'));

/** Throws `in-use` while one of the user, or too many, run, and `bad-usage` for what is no domain. */
export async function beginVerification(
  host: AdminHost,
  user: string,
  { domains: words, dane = false, detail = false }: VerificationRequest,
): Promise<Verification> {
  const domains = checkDomains(words);
  const { verifications } = host.config.committed().config.limits;
  const job = await jobs(host).begin(
    user,
    { by: user, request: { domains, dane, detail } },
    {
      most: verifications,
      run: async (signal, tell) => {
        const all = domains.length;
        await host.verifyTls({ domains, dane, detail, signal }, (verdict, told) => tell(verdict, told, all));
        return { all };
      },
    },
  );
  return describe(job);
}

/** The user's last one; null: there is none. */
export function presentVerification(host: AdminHost, user: string): Verification | null {
  const job = jobs(host).present(user);
  return job === null ? null : describe(job);
}

/** What was found stays. Throws `not-found` where none runs. */
export function endVerification(host: AdminHost, user: string): void {
  jobs(host).end(user);
}

/** All about one domain of the user's last one. Throws `not-found`. */
export function verifiedDomain(host: AdminHost, user: string, domain: string): VerifiedDomain {
  const found = jobs(host)
    .present(user)
    ?.rows.find((row) => row.domain === domain.toLowerCase());
  if (found === undefined) throw new PosternError('not-found', 'your last verification knows no such domain');
  const { ok, reason, lines, hosts } = found;
  return { domain: found.domain, ok, reason, lines: [...lines], hosts: hosts.map(hostOf) };
}

function describe(job: Job<Asked, Verdict>): Verification {
  const { request, rows } = job;
  return {
    ...progressOf(job),
    all: request.domains.length,
    failed: rows.filter(({ ok }) => !ok).length,
    dane: request.dane,
    detail: request.detail,
    rows: rows
      .toSorted((a, b) => Number(a.ok) - Number(b.ok) || (a.domain < b.domain ? -1 : a.domain > b.domain ? 1 : 0))
      .map(rowOf),
  };
}

/** What counts of a domain: the address that decided, or the last one that was tried. */
function rowOf({ domain, ok, reason, hosts }: Verdict): VerificationRow {
  const deciding = hosts.find(({ addresses }) => addresses.some(({ decides }) => decides)) ?? hosts.at(-1);
  const { addresses = [] } = deciding ?? {};
  const tls = (addresses.find(({ decides }) => decides) ?? addresses.at(-1))?.tls ?? null;
  return {
    domain,
    ok,
    reason,
    host: deciding?.host ?? '',
    wanted: deciding?.policy.wanted ?? '',
    protocol: tls?.protocol ?? '',
    cipher: tls?.cipher ?? '',
    verified: tls?.verified ?? false,
  };
}

function hostOf({ host, signed, policy, addresses }: VerifiedHost): VerifiedDomain['hosts'][number] {
  const { wanted, trust, level, versions, sni, names, refusal, why } = policy;
  return {
    host,
    signed,
    policy: {
      wanted,
      trust,
      level,
      versions: [...versions],
      sni: sni ?? '',
      names: [...names],
      tlsa: policy.tlsa.map(describeTlsa),
      refusal: refusal ?? '',
      why,
    },
    addresses: addresses.map(({ local, tls, versions: tried, ...address }) => ({
      ...address,
      local: local ?? '',
      tls: tls === null ? null : { ...tls, chain: [...tls.chain] },
      versions: [...tried],
    })),
  };
}
