// /dns-records and /dkim: what to publish, and the keys that sign mail.
import { zoneLine } from '../../../publish/records.ts';
import {
  activateKey,
  createKey,
  type DescribedKey,
  deleteKey,
  describeKeys,
  retireKey,
  rotateKeys,
} from '../../commands/dkim-keys.ts';
import { dnsRecords, parseDomains } from '../../commands/dnsrecords.ts';
import type { AdminHost } from '../../host.ts';
import { route } from '../route.ts';
import {
  type DkimKey,
  dkimKeySchema,
  dkimKeysSchema,
  dkimParamsSchema,
  forceSchema,
  newDkimKeySchema,
  recordsQuerySchema,
  recordsSchema,
  rotationSchema,
} from '../schemas/dns.ts';

const tag = 'dns';
const change = { tag, access: 'administer', locked: true } as const;

function describe(host: AdminHost, { entry, algorithm, record }: DescribedKey): DkimKey {
  const { domain, selector, value, state, until } = record;
  const committed = host.config
    .committed()
    .config.dkim.keys.find((one) => one.domain === entry.domain && one.selector === entry.selector);
  const name = `${selector}._domainkey.${domain}`;
  return {
    domain,
    selector,
    algorithm,
    state,
    pending: committed?.state !== entry.state,
    until: state === 'retired' ? new Date(until).toISOString().slice(0, 10) : null,
    name,
    value,
    zone: zoneLine({ name, type: 'TXT', value }),
  };
}

async function allKeys(host: AdminHost, user: string) {
  const { keys, problems } = await describeKeys(host.dataDirectory, host.config.candidate(user).config);
  return { items: keys.map((key) => describe(host, key)), problems: [...problems] };
}

const revision = (host: AdminHost) => host.config.committed().number;

export const dnsRoutes = [
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/dns-records',
    summary: 'The records to publish for your candidate, each compared with DNS now',
    description:
      'TLSA, MTA-STS, TLS reports, SPF and DKIM. Certificates that come next and requests have TLSA records too.',
    query: recordsQuerySchema,
    response: recordsSchema,
    handler: async ({ host, caller, query }) => {
      const named = (query.domains ?? '').split(',').map((word) => word.trim());
      const domains = parseDomains(named.filter((word) => word !== ''));
      const { records, notes } = await dnsRecords(host, caller, domains);
      const shown = records.map(({ found, ...record }) => ({ ...record, found: [...found], zone: zoneLine(record) }));
      return { body: { records: shown, notes: [...notes] } };
    },
  }),
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/dkim',
    revised: true,
    summary: 'The keys of your candidate that sign mail',
    response: dkimKeysSchema,
    handler: async ({ host, caller }) => ({ body: await allKeys(host, caller.user), revision: revision(host) }),
  }),
  route({
    ...change,
    method: 'POST',
    path: '/dkim',
    summary: 'Make a key',
    description: 'It stands in your candidate and waits for its record. The private key leaves this machine never.',
    body: newDkimKeySchema,
    response: dkimKeySchema,
    handler: async ({ host, caller, body }) => {
      const { domain, kind = 'rsa-2048', selector } = body;
      const made = await createKey(host, caller, { domain, kind, ...(selector === undefined ? {} : { selector }) });
      return { status: 201, body: describe(host, made), revision: revision(host) };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/dkim/rotate',
    summary: 'Make new keys for a domain, to replace its active ones',
    body: rotationSchema,
    response: dkimKeysSchema,
    handler: async ({ host, caller, body }) => {
      await rotateKeys(host, caller, body.domain);
      return { status: 201, body: await allKeys(host, caller.user), revision: revision(host) };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/dkim/{domain}/{selector}/activate',
    summary: 'Sign with a key, from the commit on',
    description: 'Refused while its record is not in DNS. The active key of the same kind is retired.',
    params: dkimParamsSchema,
    body: forceSchema,
    response: dkimKeysSchema,
    handler: async ({ host, caller, params, body }) => {
      await activateKey(host, caller, params, body.force === true);
      return { body: await allKeys(host, caller.user), revision: revision(host) };
    },
  }),
  route({
    ...change,
    method: 'POST',
    path: '/dkim/{domain}/{selector}/retire',
    summary: 'Sign with a key no more, from the commit on',
    params: dkimParamsSchema,
    response: dkimKeySchema,
    handler: async ({ host, caller, params }) => ({
      body: describe(host, await retireKey(host, caller, params)),
      revision: revision(host),
    }),
  }),
  route({
    ...change,
    method: 'DELETE',
    path: '/dkim/{domain}/{selector}',
    summary: 'Delete a key',
    description:
      'Refused while it signs, or while its record must stay. Its file stays: an older revision may need it.',
    params: dkimParamsSchema,
    query: forceSchema,
    handler: async ({ host, caller, params, query }) => {
      await deleteKey(host, caller, params, query.force === true);
      return { body: undefined };
    },
  }),
];
