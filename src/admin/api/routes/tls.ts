// /tls: versions and ciphers of the services, as the page "SSL Configuration" needs them.
import { defaultCiphers, type GatewayConfig } from '../../../config/schema.ts';
import { PosternError } from '../../../errors.ts';
import type { PreviewReport } from '../../../preview/report.ts';
import { acceptedSuites, badWords, checkCiphers, cipherWarnings } from '../../../tls/ciphers.ts';
import { type Suite as KnownSuite, tls13Suites } from '../../../tls/suites.ts';
import {
  boxes,
  checkSelection,
  displayName,
  methodToken,
  type TlsVersion,
  tlsVersions,
} from '../../../tls/versions.ts';
import { advise } from '../../commands/advice.ts';
import { editCandidate } from '../../commands/candidate.ts';
import { services, type TlsService, withCheckedService, withOtherClients } from '../../commands/sslconfig.ts';
import type { AdminHost } from '../../host.ts';
import { mergePatch } from '../merge-patch.ts';
import { beginRehearsal, endRehearsal, presentRehearsal } from '../rehearsals.ts';
import { route } from '../route.ts';
import {
  adviceSchema,
  type Preview,
  type PreviewRequest,
  previewRequestSchema,
  previewSchema,
} from '../schemas/preview.ts';
import { presentRehearsalSchema, rehearsalRequestSchema, rehearsalSchema } from '../schemas/rehearsal.ts';
import {
  type Expand,
  type Expanded,
  expandedSchema,
  expandSchema,
  otherClientsSchema,
  type Suite,
  type TlsServiceView,
  type TlsView,
  tlsServiceParamsSchema,
  tlsServiceSchema,
  tlsSettingsSchema,
  tlsViewSchema,
} from '../schemas/tls.ts';

const tag = 'tls';
const change = { tag, access: 'administer', locked: true } as const;

function describeSuite(suite: KnownSuite): Suite {
  return {
    name: suite.name,
    standardName: suite.standardName,
    id: `0x${suite.id.toString(16).padStart(4, '0')}`,
    protocol: suite.protocol,
    keyExchange: suite.kx,
    authentication: suite.au,
    encryption: suite.enc,
    mac: suite.mac,
    fixed: suite.protocol === 'TLSv1.3',
  };
}

function settings({ versions, ciphers }: GatewayConfig['tls'][TlsService]) {
  return { versions: [...versions], method: methodToken(versions), ciphers };
}

function describeService(host: AdminHost, user: string, service: TlsService): TlsServiceView {
  const committed = settings(host.config.committed().config.tls[service]);
  const candidate = settings(host.config.candidate(user).config.tls[service]);
  return {
    service,
    title: services.find(({ key }) => key === service)?.title ?? service,
    committed,
    candidate,
    changed: committed.method !== candidate.method || committed.ciphers !== candidate.ciphers,
    boxes: boxes(candidate.versions).map(({ reason, ...box }) => ({
      ...box,
      label: displayName(box.version),
      reason: reason === null ? null : { ...reason, versions: [...reason.versions] },
    })),
    suites: acceptedSuites(candidate.ciphers, candidate.versions).map(describeSuite),
    warnings: [...cipherWarnings(candidate.ciphers, candidate.versions)],
  };
}

function describeAll(host: AdminHost, user: string): TlsView {
  const [committed, candidate] = [host.config.committed(), host.config.candidate(user)];
  const [now, later] = [committed.config.tls.otherClients, candidate.config.tls.otherClients];
  return {
    revision: committed.number,
    services: services.map(({ key }) => describeService(host, user, key)),
    otherClients: {
      committed: now,
      candidate: later,
      changed: now.allowTLSv1_0 !== later.allowTLSv1_0 || now.allowTLSv1_1 !== later.allowTLSv1_1,
    },
    fixedSuites: tls13Suites.map(describeSuite),
    defaultCiphers,
  };
}

function versionsOf(names: readonly string[] | undefined): readonly TlsVersion[] {
  if (names === undefined) return tlsVersions;
  const unknown = names.find((name) => !(tlsVersions as readonly string[]).includes(name));
  if (unknown !== undefined) {
    const selection = checkSelection([unknown]);
    const detail = selection.ok ? '' : selection.message;
    throw new PosternError('bad-request', detail, { issues: [{ pointer: '/versions', detail }] });
  }
  return tlsVersions.filter((version) => names.includes(version));
}

export function expand({ ciphers, versions: names }: Expand): Expanded {
  const versions = versionsOf(names);
  const { bad, rest } = badWords(ciphers);
  let kept: string | null = null;
  let problem: Expanded['problem'] = null;
  let suites: Suite[] = [];
  try {
    // With unknown words: what the others stand for, so that one sees what is missing.
    kept = checkCiphers(bad.length === 0 ? ciphers : rest, versions);
    suites = acceptedSuites(kept, versions).map(describeSuite);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    if (bad.length === 0) problem = { detail: error.message, remedy: error.remedy ?? '' };
  }
  const usable = bad.length === 0 && problem === null;
  return {
    usable,
    ciphers: usable ? kept : null,
    suites,
    unknown: [...bad],
    problem,
    warnings: usable && kept !== null ? [...cipherWarnings(kept, versions)] : [],
    fixedSuites: tls13Suites.map(describeSuite),
  };
}

export const tlsRoutes = [
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/tls',
    revised: true,
    summary: 'TLS settings of all services, with boxes and suites',
    response: tlsViewSchema,
    handler: ({ host, caller }) => ({
      body: describeAll(host, caller.user),
      revision: host.config.committed().number,
    }),
  }),
  route({
    ...change,
    method: 'PUT',
    path: '/tls/otherClients',
    summary: 'Change the TLS versions of Other TLS Client Services in your candidate',
    body: otherClientsSchema,
    response: tlsViewSchema,
    handler: async ({ host, caller, body }) => {
      await editCandidate(host, caller, (config) => withOtherClients(config, body));
      return { body: describeAll(host, caller.user), revision: host.config.committed().number };
    },
  }),
  route({
    ...change,
    method: 'PUT',
    path: '/tls/{service}',
    summary: 'Change the TLS versions and ciphers of a service in your candidate',
    params: tlsServiceParamsSchema,
    body: tlsSettingsSchema,
    response: tlsServiceSchema,
    handler: async ({ host, caller, params, body }) => {
      await editCandidate(host, caller, (config) => withCheckedService(config, params.service, body));
      return {
        body: describeService(host, caller.user, params.service),
        revision: host.config.committed().number,
      };
    },
  }),
  route({
    tag,
    access: 'read',
    method: 'POST',
    path: '/tls/expand',
    summary: 'What a cipher string stands for',
    description:
      'Changes nothing. Unknown words are named with their place; the suites are those of the other words then.',
    body: expandSchema,
    response: expandedSchema,
    handler: ({ body }) => ({ body: expand(body) }),
  }),
  route({
    tag,
    access: 'read',
    method: 'POST',
    path: '/tls/preview',
    summary: 'Who would break, become weaker or better under your candidate',
    description:
      'Changes nothing. Replays the ClientHellos of everybody who was seen in the window under the committed settings and under the candidate.',
    body: previewRequestSchema,
    response: previewSchema,
    handler: async ({ host, caller, body }) => ({ body: await previewCandidate(host, caller.user, body) }),
  }),
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/tls/advice',
    summary: 'Versions that nobody needs, and versions that somebody would use',
    response: adviceSchema,
    handler: async ({ host, caller }) => {
      const items = await advise(host, caller.user, adviceDays);
      return {
        body: {
          days: adviceDays,
          items: items.map(({ versions, ...item }) => ({
            ...item,
            versions: [...versions],
            patch: { tls: { [item.service]: { versions } } },
          })),
        },
      };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/tls/rehearsal',
    summary: 'Begin trial handshakes with the destinations of the last days under your candidate',
    description:
      'No mail is sent; one connection to a host at a time. `GET` tells how far it is, `DELETE` ends it. One runs at a time.',
    body: rehearsalRequestSchema,
    response: rehearsalSchema,
    handler: async ({ host, caller, body }) => {
      const { config } = host.config.candidate(caller.user);
      return { body: await beginRehearsal(host, caller.user, config, body.days ?? 7) };
    },
  }),
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/tls/rehearsal',
    summary: 'How far the rehearsal is, and what it has found',
    response: presentRehearsalSchema,
    handler: ({ host }) => ({ body: { rehearsal: presentRehearsal(host) } }),
  }),
  route({
    ...change,
    method: 'DELETE',
    path: '/tls/rehearsal',
    summary: 'End the rehearsal; what it has found stays',
    handler: ({ host }) => {
      endRehearsal(host);
      return { body: undefined };
    },
  }),
];

const adviceDays = 90;

/** What is known when `wait` is over; verdicts stay, so that the next question goes on from there. */
async function previewCandidate(host: AdminHost, user: string, request: PreviewRequest): Promise<Preview> {
  const { patch, days = 30, wait = 10_000 } = request;
  const candidate = host.config.candidate(user).config;
  const config = patch === undefined ? candidate : mergePatch(candidate, patch);
  const signal = AbortSignal.timeout(wait);
  let figures: PreviewReport | null = null;
  try {
    const onProgress = (report: PreviewReport) => {
      figures = report;
    };
    // A patch may leave anything; the configuration layer says what is wrong with it.
    return plain(await host.preview(config as GatewayConfig, { days, signal, onProgress }));
  } catch (error) {
    if (!signal.aborted || figures === null) throw error;
    return plain(figures);
  }
}

/** The same report, with the arrays that the schema's types have. */
function plain(report: PreviewReport): Preview {
  return structuredClone(report) as Preview;
}
