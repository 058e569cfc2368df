// /configuration: what is committed, the caller's candidate, commit, history, rollback, YAML.
import Type, { type Static } from 'typebox';
import type { Candidate as StoredCandidate } from '../../../config/candidates.ts';
import { differences, formatDifference } from '../../../config/difference.ts';
import type { RevisionInfo as StoredInfo } from '../../../config/revisions.ts';
import type { GatewayConfig } from '../../../config/schema.ts';
import { printConfig } from '../../../config/yaml.ts';
import { PosternError } from '../../../errors.ts';
import {
  clearCandidate,
  editCandidate,
  importCandidate,
  resolveCandidate,
  rollbackCandidate,
} from '../../commands/candidate.ts';
import type { AdminHost, RollOutWish } from '../../host.ts';
import { mergePatch } from '../merge-patch.ts';
import { describeWaiting, numberCursor } from '../page.ts';
import { route } from '../route.ts';
import {
  type Candidate,
  candidateSchema,
  commitSchema,
  committedSchema,
  configDocumentSchema,
  configPatchSchema,
  confirmationSchema,
  type Difference,
  diffQuerySchema,
  diffSchema,
  exportQuerySchema,
  historyQuerySchema,
  historySchema,
  importedSchema,
  type RevisionInfo,
  resolveSchema,
  revisionParamsSchema,
  revisionSchema,
  rollbackSchema,
  takenBackSchema,
} from '../schemas/configuration.ts';
import type { rollOutWishSchema } from '../schemas/rollout.ts';

const tag = 'configuration';
const read = { tag, access: 'read' } as const;
const change = { tag, access: 'administer', locked: true } as const;
const yaml = Type.String({ description: 'A YAML document.' });

export function differenceList(before: GatewayConfig, after: GatewayConfig): Difference[] {
  return differences(before, after).map((difference) => ({ ...difference, text: formatDifference(difference) }));
}

function info({ number, time, user, comment, offered }: StoredInfo): RevisionInfo {
  return { number, time: new Date(time).toISOString(), user, comment, offered };
}

export function describeCandidate(host: AdminHost, user: string): Candidate {
  const candidate: StoredCandidate = host.config.candidate(user);
  const pending = candidate.config !== candidate.base;
  return {
    base: candidate.baseNumber,
    committed: host.config.committed().number,
    time: pending ? new Date(candidate.time).toISOString() : null,
    config: candidate.config,
    changes: differenceList(candidate.base, candidate.config),
    conflicts: [...host.config.conflicts(user)],
  };
}

const candidateAnswer = (host: AdminHost, user: string) => ({
  body: describeCandidate(host, user),
  revision: host.config.committed().number,
});

function wishOf({ share, minutes, bound = 0 }: Static<typeof rollOutWishSchema>): RollOutWish {
  return { share, duration: minutes * 60_000, bound };
}

export const configurationRoutes = [
  route({
    ...read,
    method: 'GET',
    path: '/configuration',
    revised: true,
    summary: 'The configuration in force',
    response: revisionSchema,
    handler: async ({ host }) => {
      const revision = await host.config.revision(host.config.committed().number);
      return { body: { ...info(revision), config: revision.config }, revision: revision.number };
    },
  }),
  route({
    ...read,
    method: 'GET',
    path: '/configuration/candidate',
    revised: true,
    summary: 'Your uncommitted configuration',
    response: candidateSchema,
    handler: ({ host, caller }) => candidateAnswer(host, caller.user),
  }),
  route({
    ...change,
    method: 'PATCH',
    path: '/configuration/candidate',
    summary: 'Change some keys of your candidate',
    consumes: ['application/merge-patch+json', 'application/json'],
    body: configPatchSchema,
    large: true,
    response: candidateSchema,
    handler: async ({ host, caller, body }) => {
      await editCandidate(host, caller, (config) => mergePatch(config, body) as GatewayConfig);
      return candidateAnswer(host, caller.user);
    },
  }),
  route({
    ...change,
    method: 'PUT',
    path: '/configuration/candidate',
    summary: 'Replace your candidate as a whole',
    body: configDocumentSchema,
    large: true,
    response: candidateSchema,
    handler: async ({ host, caller, body }) => {
      await editCandidate(host, caller, () => body as GatewayConfig);
      return candidateAnswer(host, caller.user);
    },
  }),
  route({
    ...change,
    method: 'DELETE',
    path: '/configuration/candidate',
    summary: 'Forget your uncommitted changes',
    handler: async ({ host, caller }) => {
      await clearCandidate(host, caller);
      return { body: undefined };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/configuration/candidate/resolve',
    summary: 'Put your candidate upon the revision in force',
    description: 'Needed where others have committed other values for keys that you changed too.',
    body: resolveSchema,
    response: candidateSchema,
    handler: async ({ host, caller, body }) => {
      await resolveCandidate(host, caller, body.keep);
      return candidateAnswer(host, caller.user);
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/configuration/commit',
    summary: 'Put your candidate into force',
    description:
      'New connections use it at once; those that are open go on. If any part of the gateway cannot use it, nothing changes.',
    body: commitSchema,
    response: committedSchema,
    handler: async ({ host, caller, body }) => {
      if (host.config.pending(caller.user).length === 0) {
        throw new PosternError('nothing-pending', 'There is no data to commit.', {
          remedy: 'Change your candidate first.',
        });
      }
      const before = host.config.committed().config;
      const { rollOut } = body;
      const committed = await host.commit(caller, body.comment ?? '', {
        keep: body.saveForRollback ?? true,
        force: body.force ?? false,
        ...(body.confirmWithin === undefined ? {} : { confirmWithin: body.confirmWithin * 60_000 }),
        ...(rollOut === undefined ? {} : { rollOut: wishOf(rollOut) }),
      });
      const { time, revision, warnings, confirmBy, rollOutUntil } = committed;
      const { config } = await host.config.revision(revision);
      return {
        body: {
          revision,
          time: time.toISOString(),
          changes: differenceList(before, config),
          warnings: [...warnings],
          confirmBy: confirmBy?.toISOString() ?? null,
          rollOutUntil: rollOutUntil?.toISOString() ?? null,
        },
        revision,
      };
    },
  }),
  route({
    ...read,
    method: 'GET',
    path: '/configuration/confirmation',
    summary: 'What must be confirmed',
    response: confirmationSchema,
    handler: ({ host }) => ({ body: { waiting: describeWaiting(host.config.waiting()) } }),
  }),
  route({
    ...change,
    method: 'POST',
    path: '/configuration/confirmation',
    summary: 'Confirm what waits',
    description:
      'Through a connection that was made after the commit: an older one proves nothing and gets `old-connection`. It is closed ' +
      'then, so that the same request, sent again, comes through a new one.',
    response: confirmationSchema,
    handler: async ({ host, caller }) => {
      await host.confirm(caller);
      return { body: { waiting: describeWaiting(host.config.waiting()) } };
    },
  }),
  route({
    ...change,
    method: 'DELETE',
    path: '/configuration/confirmation',
    summary: 'Take back what waits, at once',
    response: takenBackSchema,
    handler: async ({ host, caller }) => ({ body: { revision: await host.takeBack(caller) } }),
  }),
  route({
    ...read,
    method: 'GET',
    path: '/configuration/history',
    summary: 'The commits',
    query: historyQuerySchema,
    response: historySchema,
    handler: ({ host, query }) => {
      const before = query.cursor === undefined ? Number.POSITIVE_INFINITY : numberCursor(query.cursor);
      const all = host.config.history();
      const rows = all.filter(({ number }) => number < before);
      const shown = rows.slice(0, query.limit ?? 100);
      const last = shown.at(-1);
      const next = rows.length > shown.length && last !== undefined ? String(last.number) : null;
      return { body: { items: shown.map(info), next, total: all.length } };
    },
  }),
  route({
    ...read,
    method: 'GET',
    path: '/configuration/revisions/{number}',
    summary: 'One revision',
    params: revisionParamsSchema,
    response: revisionSchema,
    handler: async ({ host, params }) => {
      const revision = await host.config.revision(params.number);
      return { body: { ...info(revision), config: revision.config } };
    },
  }),
  route({
    ...read,
    method: 'GET',
    path: '/configuration/diff',
    summary: 'The difference of two revisions',
    query: diffQuerySchema,
    response: diffSchema,
    handler: async ({ host, query: { from, to } }) => {
      const [before, after] = [await host.config.revision(from), await host.config.revision(to)];
      return { body: { from, to, changes: differenceList(before.config, after.config) } };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/configuration/rollback',
    summary: 'Make an old revision your candidate',
    description: 'In place of what was pending; a commit puts it into force.',
    body: rollbackSchema,
    response: candidateSchema,
    handler: async ({ host, caller, body }) => {
      await rollbackCandidate(host, caller, body.revision);
      return candidateAnswer(host, caller.user);
    },
  }),
  route({
    ...read,
    method: 'GET',
    path: '/configuration/export',
    revised: true,
    summary: 'A configuration as YAML',
    query: exportQuerySchema,
    produces: 'application/yaml',
    response: yaml,
    handler: async ({ host, caller, query }) => {
      if (query.pending === true) return { body: printConfig(host.config.candidate(caller.user).config) };
      const number = query.revision ?? host.config.committed().number;
      return { body: await host.config.exportText(number), revision: number };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/configuration/import',
    summary: 'Make a YAML document your candidate',
    description: 'As a whole: keys that it leaves out get their defaults. A document with a mistake changes nothing.',
    consumes: ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/plain'],
    body: yaml,
    large: true,
    response: importedSchema,
    handler: async ({ host, caller, body }) => {
      const { changes } = await importCandidate(host, caller, body);
      return {
        body: { upgrade: [...changes], candidate: describeCandidate(host, caller.user) },
        revision: host.config.committed().number,
      };
    },
  }),
];
