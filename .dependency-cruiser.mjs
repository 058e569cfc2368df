// The import rules of docs/architecture.md, enforced by `npm test`.
const pure =
  '^src/(smtp/(address|client|client-owner|command|content|data|envelope|extensions|failure|handler|header|line|outgoing|received|reply|session|stuffing|transaction)|tls/(versions|hello|server-flight|neutral|wire|names|policy|message-policy|remedy|dane|mta-sts|tls-report|explain))\\.ts$';

export default {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'pure-protocol',
      comment: 'Protocol and policy are tested byte by byte: no sockets, files, names, clock or randomness.',
      severity: 'error',
      from: { path: pure },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(net|tls|fs|fs/promises|dns|dns/promises|dgram|http|https|http2|crypto|timers|timers/promises|child_process|worker_threads)$',
      },
    },
    {
      name: 'pure-stays-pure',
      comment: 'A pure module imports pure modules (and types) only.',
      severity: 'error',
      from: { path: pure },
      to: {
        path: '^src/',
        pathNot: `${pure}|^src/(errors|config/units)\\.ts$|^src/tls/suites\\.ts$`,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'nothing-imports-admin',
      comment: 'Only gateway/, which puts the program together, starts the shell.',
      severity: 'error',
      from: { path: '^src/(config|tls|smtp|dns|spool|delivery|ledger)/' },
      to: { path: '^src/admin/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'spool-knows-no-smtp',
      severity: 'error',
      from: { path: '^src/spool/' },
      to: { path: '^src/smtp/', pathNot: '^src/smtp/envelope\\.ts$' },
    },
    {
      name: 'smtp-knows-no-spool',
      severity: 'error',
      from: { path: '^src/smtp/' },
      to: {
        path: '^src/(spool|delivery|ledger|gateway|admin)/',
        pathNot: '^src/ledger/events\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'web-knows-the-api',
      comment:
        'The web interface runs in browsers: it takes the types of the API, and the rule of the boxes, which is pure.',
      severity: 'error',
      from: { path: '^web/' },
      to: {
        path: '^(src|test|bench)/',
        pathNot: '^src/tls/versions\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'web-types-from-schemas',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^src/', pathNot: '^src/(admin/api/schemas/|tls/versions\\.ts$)' },
    },
    { name: 'no-web-in-src', severity: 'error', from: { path: '^src/' }, to: { path: '^web/' } },
    { name: 'no-test-in-src', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|bench)/' } },
    {
      name: 'declared-dependencies',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-dependency-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.css'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
