// /events: server-sent events. What they tell comes from `event-sources.ts`.
import Type from 'typebox';
import { PosternError } from '../../../errors.ts';
import { route } from '../route.ts';
import { eventsQuerySchema, topics as known, type Topic } from '../schemas/events.ts';

/** Topics of a query, each once. Throws `bad-request`. */
export function topicsOf(text = 'overview,configuration'): readonly Topic[] {
  const names = new Set(text.split(',').map((name) => name.trim()));
  const unknown = [...names].find((name) => !(known as readonly string[]).includes(name));
  if (unknown === undefined) return known.filter((topic) => names.has(topic));
  const detail = `there is no topic "${unknown.slice(0, 64)}"`;
  const remedy = `There are ${known.join(', ')}, separated by commas.`;
  throw new PosternError('bad-request', detail, { remedy, issues: [{ pointer: '?topics', detail, remedy }] });
}

export const eventRoutes = [
  route({
    tag: 'events',
    access: 'read',
    method: 'GET',
    path: '/events',
    events: true,
    summary: 'What happens, as it happens (server-sent events)',
    description:
      '`overview` once a second; `log`: new lines; `configuration` at the beginning and at each change; `lost`: events that were left out because the client reads too slowly; `end`: the logon, or the gateway, ends.',
    query: eventsQuerySchema,
    produces: 'text/event-stream',
    response: Type.String({ description: 'Events: `event: NAME`, `data: JSON`.' }),
    handler: ({ query }) => {
      topicsOf(query.topics);
      return { body: '' };
    },
  }),
];
