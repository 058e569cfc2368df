// The OpenAPI document as a page: built from its text alone, with no other script and no other host.

/** An element with its content; strings become text, never markup. */
function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...content.flat().filter((one) => one !== undefined && one !== null && one !== ''));
  return made;
}

let spec = {};

function resolved(schema) {
  const found = /^#\/components\/schemas\/(.+)$/.exec(schema?.$ref ?? '');
  return found === null ? schema : spec.components.schemas[found[1]];
}

/** What a value is, in a few words. */
function kind(schema) {
  if (schema === undefined) return '';
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(kind))].join(' | ');
  if (schema.type === 'array') return `list of ${kind(schema.items) || 'anything'}`;
  const bounds = [
    schema.format,
    schema.minimum !== undefined || schema.maximum !== undefined
      ? `${schema.minimum ?? ''}..${schema.maximum ?? ''}`
      : undefined,
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
  ].filter((one) => one !== undefined);
  return `${schema.type ?? 'anything'}${bounds.length === 0 ? '' : ` (${bounds.join(', ')})`}`;
}

/** The object in a schema whose keys are worth a table. */
function keysOf(schema) {
  const own = resolved(schema);
  if (own?.properties !== undefined) return own;
  if (own?.items !== undefined) return keysOf(own.items);
  for (const branch of own?.anyOf ?? []) {
    const found = keysOf(branch);
    if (found !== undefined) return found;
  }
  return undefined;
}

function schemaTable(schema, depth = 0) {
  const own = keysOf(schema);
  if (own === undefined) return element('p', {}, element('code', {}, kind(schema)));
  const required = new Set(own.required ?? []);
  const rows = Object.entries(own.properties).map(([name, property]) => {
    const below = keysOf(property);
    const inner =
      below === undefined || depth > 3
        ? undefined
        : element('details', {}, element('summary', {}, 'keys'), element('div', {}, schemaTable(property, depth + 1)));
    return element(
      'tr',
      {},
      element(
        'td',
        {},
        element('code', {}, name),
        required.has(name) ? '' : element('div', { class: 'muted' }, 'optional'),
      ),
      element(
        'td',
        {},
        element('code', {}, below === undefined ? kind(property) : property.type === 'array' ? 'list' : 'object'),
      ),
      element('td', {}, property.description ?? resolved(property)?.description ?? '', inner),
    );
  });
  return element('table', {}, element('tbody', {}, rows));
}

function parameterTable(parameters) {
  const rows = parameters.map((parameter) =>
    element(
      'tr',
      {},
      element('td', {}, element('code', {}, parameter.name), element('div', { class: 'muted' }, parameter.in)),
      element('td', {}, element('code', {}, kind(parameter.schema))),
      element('td', {}, parameter.description ?? '', parameter.required ? ' Required.' : ''),
    ),
  );
  return element('table', {}, element('tbody', {}, rows));
}

function curl(method, path, operation) {
  const words = [`curl -H "Authorization: Bearer $TOKEN"`];
  if (method !== 'get') words.push(`-X ${method.toUpperCase()}`);
  const type = Object.keys(operation.requestBody?.content ?? {})[0];
  if (type !== undefined) words.push(`-H "Content-Type: ${type}" --data @body`);
  words.push(`${location.origin}${spec.servers[0].url}${path}`);
  return words.join(' ');
}

function operationView(method, path, operation) {
  const parts = [element('p', {}, operation.description ?? '')];
  if (operation.parameters !== undefined) {
    parts.push(element('h3', {}, 'Parameters'), parameterTable(operation.parameters));
  }
  for (const [type, media] of Object.entries(operation.requestBody?.content ?? {}).slice(0, 1)) {
    parts.push(element('h3', {}, 'Body ', element('code', {}, type)), schemaTable(media.schema));
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    const media = Object.entries(response.content ?? {})[0];
    parts.push(element('h3', {}, status === 'default' ? 'Otherwise' : status, ' ', media?.[0] ?? ''));
    parts.push(element('p', {}, response.description));
    if (status !== 'default' && media !== undefined) parts.push(schemaTable(media[1].schema));
  }
  parts.push(element('pre', {}, curl(method, path, operation)));
  return element(
    'details',
    { id: operation.operationId },
    element(
      'summary',
      {},
      element('span', { class: 'method' }, method.toUpperCase()),
      element('code', {}, path),
      ' ',
      operation.summary,
    ),
    element('div', {}, parts),
  );
}

function show(find) {
  const [contents, operations] = [document.getElementById('contents'), document.getElementById('operations')];
  contents.replaceChildren();
  operations.replaceChildren();
  for (const { name } of spec.tags) {
    const found = Object.entries(spec.paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([, operation]) => operation.tags[0] === name)
        .filter(([method, operation]) => `${method} ${path} ${operation.summary}`.toLowerCase().includes(find))
        .map(([method, operation]) => ({ method, path, operation })),
    );
    if (found.length === 0) continue;
    operations.append(element('h2', {}, name));
    contents.append(element('strong', {}, name));
    for (const { method, path, operation } of found) {
      operations.append(operationView(method, path, operation));
      contents.append(element('a', { href: `#${operation.operationId}` }, `${method.toUpperCase()} ${path}`));
    }
  }
  openChosen();
}

function openChosen() {
  const chosen = document.getElementById(location.hash.slice(1));
  if (chosen?.tagName !== 'DETAILS') return;
  chosen.open = true;
  chosen.scrollIntoView();
}

async function start() {
  const response = await fetch('/api/v1/openapi.json');
  if (!response.ok) throw new Error(`the description could not be loaded: ${response.status}`);
  spec = await response.json();
  document.getElementById('about').textContent = `${spec.info.description} Version ${spec.info.version}.`;
  const find = document.getElementById('find');
  find.addEventListener('input', () => show(find.value.trim().toLowerCase()));
  addEventListener('hashchange', openChosen);
  show('');
}

start().catch((error) => {
  document.getElementById('operations').textContent = String(error.message);
});
