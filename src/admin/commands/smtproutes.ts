// smtproutes: where a domain goes, before MX.
import { parseDomainPattern, parseTarget } from '../../config/names.ts';
import type { GatewayConfig } from '../../config/schema.ts';
import { PosternError } from '../../errors.ts';
import { editCandidate } from './candidate.ts';
import type { Command, CommandContext, Dialogue } from './command.ts';
import {
  accepted,
  askValue,
  askYesNo,
  type Checked,
  type Operation,
  operationMenu,
  refused,
  sentence,
  short,
} from './question.ts';

export type Route = GatewayConfig['routes'][number];

/** The configuration with a route; one for the same domain is replaced. */
export function withRoute(config: GatewayConfig, route: Route): GatewayConfig {
  const known = config.routes.some((one) => one.domain === route.domain);
  const routes = known
    ? config.routes.map((one) => (one.domain === route.domain ? route : one))
    : [...config.routes, route];
  return { ...config, routes };
}

/** The configuration without the route. Throws `not-found`. */
export function withoutRoute(config: GatewayConfig, domain: string): GatewayConfig {
  if (!config.routes.some((route) => route.domain === domain)) {
    throw new PosternError('not-found', `there is no route for "${short(domain)}"`);
  }
  return { ...config, routes: config.routes.filter((route) => route.domain !== domain) };
}

/** `ALL`, as the reference says it, is our `*`. */
export function checkRouteDomain(answer: string): Checked<string> {
  const parsed = parseDomainPattern(/^all$/i.test(answer) ? '*' : answer);
  return parsed.ok ? accepted(parsed.value) : refused(`${sentence(parsed.reason)}\n${sentence(parsed.remedy)}`);
}

/** Hosts separated by commas, or `USEDNS` by itself. */
export function checkRouteHosts(answer: string): Checked<string[]> {
  const hosts = answer.split(/[\s,]+/).filter((host) => host !== '');
  if (hosts.length === 0) return refused('Enter at least one host, or USEDNS.');
  if (hosts.some((host) => /^usedns$/i.test(host))) {
    return hosts.length === 1 ? accepted(['USEDNS']) : refused('USEDNS stands by itself.');
  }
  if (hosts.length > 32) return refused('A route has at most 32 hosts.');
  for (const host of hosts) {
    const parsed = parseTarget(host, 25);
    if (!parsed.ok) return refused(`${sentence(parsed.reason)}\n${sentence(parsed.remedy)}`);
  }
  return accepted(hosts);
}

const shownDomain = (domain: string): string => (domain === '*' ? 'ALL' : domain);

/** `.example.com ==> mx1.example.net:25, mx2.example.net`. */
export function describeRoute(route: Route): string {
  return `${shownDomain(route.domain)} ==> ${route.to.join(', ')}`;
}

const askHosts = (dialogue: Dialogue, domain: string, present: readonly string[] = []) =>
  askValue(
    dialogue,
    {
      text: `
Enter the destination hosts, separated by commas, which you want mail
for ${shownDomain(domain)} to be delivered to; they are tried in this order.
A host may have a port: mail.example.com:2525, [2001:db8::1]:2525.
Enter USEDNS by itself to use normal DNS resolution for this route.`,
      default: present.join(', '),
    },
    checkRouteHosts,
  );

async function create({ host, dialogue, user, actor }: CommandContext): Promise<void> {
  const { routes } = host.config.candidate(user).config;
  const domain = await askValue(
    dialogue,
    {
      text: `
Enter the domain for which you want to set a permanent route.
Partial hostnames such as ".example.com" are allowed.
Use "ALL" for the default route.`,
    },
    (answer) => {
      if (answer === '') return accepted('');
      const checked = checkRouteDomain(answer);
      if (!checked.ok || !routes.some((route) => route.domain === checked.value)) return checked;
      return refused(`There is a route for ${shownDomain(checked.value)} already; EDIT changes it.`);
    },
  );
  if (domain === '') return;
  const to = await askHosts(dialogue, domain);
  await editCandidate(host, actor, (config) => withRoute(config, { domain, to }));
  dialogue.print(`\nMapping for ${shownDomain(domain)} to ${to.join(', ')} created.`);
}

function askRoute(dialogue: Dialogue, routes: readonly Route[], what: string): Promise<Route | null> {
  return askValue(
    dialogue,
    { text: `\nEnter the domain of the route you want to ${what}.`, choices: routes.map((r) => shownDomain(r.domain)) },
    (answer): Checked<Route | null> => {
      if (answer === '') return accepted(null);
      const checked = checkRouteDomain(answer);
      const found = checked.ok ? routes.find((route) => route.domain === checked.value) : undefined;
      return found === undefined ? refused(`There is no route for "${short(answer)}".`) : accepted(found);
    },
  );
}

async function edit({ host, dialogue, user, actor }: CommandContext): Promise<void> {
  const route = await askRoute(dialogue, host.config.candidate(user).config.routes, 'edit');
  if (route === null) return;
  const to = await askHosts(dialogue, route.domain, route.to);
  await editCandidate(host, actor, (config) => withRoute(config, { domain: route.domain, to }));
  dialogue.print(`\nMapping for ${shownDomain(route.domain)} to ${to.join(', ')} changed.`);
}

async function remove({ host, dialogue, user, actor }: CommandContext): Promise<void> {
  const route = await askRoute(dialogue, host.config.candidate(user).config.routes, 'delete');
  if (route === null) return;
  await editCandidate(host, actor, (config) => withoutRoute(config, route.domain));
  dialogue.print(`\nRoute for ${shownDomain(route.domain)} deleted.`);
}

async function clear({ host, dialogue, actor }: CommandContext): Promise<void> {
  if (!(await askYesNo(dialogue, '\nAre you sure you want to delete all routes?', false))) return;
  await editCandidate(host, actor, (config) => ({ ...config, routes: [] }));
  dialogue.print('\nAll routes deleted.');
}

export const smtproutes: Command = {
  name: 'smtproutes',
  group: 'Configuration',
  summary: 'where the mail of a domain goes, before MX',
  usage: 'smtproutes [NEW|EDIT|DELETE|PRINT|CLEAR]',
  help: `A route sends the mail of a domain, of everything below it (.example.com) or all mail (ALL) to hosts of your choice, in
place of what DNS says. USEDNS makes an exception from a wider route. Nothing changes before "commit".`,
  words: 'answers',
  complete: ['NEW', 'EDIT', 'DELETE', 'PRINT', 'CLEAR'],
  run: (context) => {
    const { host, dialogue, user } = context;
    const routes = () => host.config.candidate(user).config.routes;
    return operationMenu(
      dialogue,
      () => {
        const count = routes().length;
        if (count === 0) return 'There are no routes configured.';
        return count === 1
          ? 'There is currently 1 route configured.'
          : `There are currently ${count} routes configured.`;
      },
      () => {
        const operations: Operation[] = [{ key: 'NEW', text: 'Create a new route.', run: () => create(context) }];
        if (routes().length === 0) return operations;
        operations.push(
          { key: 'EDIT', text: 'Edit destinations of an existing route.', run: () => edit(context) },
          { key: 'DELETE', text: 'Remove a route.', run: () => remove(context) },
          {
            key: 'PRINT',
            text: 'Display all routes.',
            run: async () => {
              dialogue.print(`\n${routes().map(describeRoute).join('\n')}`);
              await dialogue.drained();
            },
          },
          { key: 'CLEAR', text: 'Remove all routes.', run: () => clear(context) },
        );
        return operations;
      },
    );
  },
};
