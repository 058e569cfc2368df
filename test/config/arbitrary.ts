// Valid configurations of any shape, for properties.
import fc from 'fast-check';
import { defaultConfig } from '../../src/config/defaults.ts';
import type { GatewayConfig } from '../../src/config/schema.ts';
import { requireValid } from '../../src/config/validate.ts';

/** Names that YAML could take for something else. */
const trickyNames = ['null', 'true', 'no', '1e3', '0x10', '1_000', '0o7', '12', '1.5', 'y', 'N', 'Infinity'];
const name = fc.oneof(fc.constantFrom(...trickyNames), fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,11}$/));
const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,6}[a-z0-9])?$/).filter((text) => !text.startsWith('xn--'));
const domain = fc
  .tuple(fc.oneof(label, fc.constantFrom('bücher', 'straße', '例え')), label)
  .map((labels) => labels.join('.'));
/** Any text on one line. */
const text = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 30 })
  .filter((value) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value) && value.length <= 63);
const run = fc.tuple(fc.nat(3), fc.nat(3)).map(([a, b]) => {
  const all = ['TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
  return all.slice(Math.min(a, b), Math.max(a, b) + 1);
});
const ciphers = fc.constantFrom('HIGH:!aNULL:!eNULL', 'ECDHE+AES:AES128:!aNULL:!eNULL', 'ALL:!aNULL:!eNULL');
const unit = fc
  .constantFrom('s', 'm', 'h')
  .chain((letter) => fc.integer({ min: 1, max: 20 }).map((n) => `${n}${letter}`));
const range = fc.oneof(
  fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `10.${a}.${b}.0/24`),
  fc.nat(0xffff).map((n) => `2001:db8:${n.toString(16)}::/48`),
);
const path = fc.stringMatching(/^\/[a-z]{1,8}\/[a-z #:'"&*!-]{1,12}$/);

const listener = (index: number, own: string) =>
  fc.record({
    name: fc.constant(own),
    address: fc.constantFrom('127.0.0.1', '::1', '192.0.2.1'),
    port: fc.integer({ min: 1, max: 100 }).map((n) => 10_000 + index * 100 + n),
    tls: fc.constantFrom('off' as const, 'preferred' as const, 'required' as const),
    certificate: fc.constant('demo'),
    interface: text,
  });

/** `certificates` and other files are named, not made: use it where nothing reads them. */
export const anyConfig: fc.Arbitrary<GatewayConfig> = fc
  .record({
    hostname: domain,
    listeners: fc
      .uniqueArray(name, { maxLength: 3 })
      .chain((names) => fc.tuple(...names.map((own, index) => listener(index, own)))),
    certificates: fc.uniqueArray(fc.record({ name: name.filter((own) => own !== 'demo'), cert: path, key: path }), {
      maxLength: 2,
      selector: (one) => one.cert,
    }),
    accept: fc.uniqueArray(domain, { maxLength: 6 }),
    relay: fc.uniqueArray(range, { maxLength: 6 }),
    senderGroups: fc.uniqueArray(
      fc.record({
        name: name.filter((own) => own !== 'ALL'),
        match: fc.oneof(
          range,
          fc.array(
            fc.oneof(
              range,
              domain.map((own) => `.${own}`),
            ),
            { minLength: 1, maxLength: 3 },
          ),
        ),
        action: fc.constantFrom('ACCEPT' as const, 'RELAY' as const, 'REJECT' as const, 'TCPREFUSE' as const),
      }),
      { maxLength: 4, selector: (one) => one.name },
    ),
    routes: fc.uniqueArray(
      fc.record({
        domain,
        to: fc.array(
          domain.map((own) => `${own}:25`),
          { minLength: 1, maxLength: 3 },
        ),
      }),
      { maxLength: 4, selector: (one) => one.domain },
    ),
    destinations: fc.uniqueArray(
      fc.record(
        {
          domain,
          tls: fc.constantFrom('none' as const, 'preferred' as const, 'required' as const),
          connections: fc.integer({ min: 1, max: 50 }),
        },
        { requiredKeys: ['domain'] },
      ),
      { maxLength: 3, selector: (one) => one.domain },
    ),
    versions: fc.tuple(run, run, run),
    ciphers,
    command: unit,
    jitter: fc.constantFrom(0, 0.1, 0.25, 0.5),
    errors: fc.integer({ min: 1, max: 100 }),
    callAhead: fc.boolean(),
    patterns: fc.option(
      fc.uniqueArray(
        domain.map((own) => `*@${own}`),
        { maxLength: 3 },
      ),
      { nil: undefined },
    ),
  })
  .map((parts) => {
    const base = defaultConfig();
    const [gui, inbound, outbound] = parts.versions;
    const { patterns } = parts;
    return requireValid({
      ...base,
      hostname: parts.hostname,
      listeners: [...parts.listeners],
      certificates: parts.certificates,
      accept: parts.accept,
      relay: parts.relay,
      senderGroups: parts.senderGroups,
      routes: parts.routes,
      destinations: parts.destinations,
      recipients: { ...base.recipients, callAhead: parts.callAhead, ...(patterns === undefined ? {} : { patterns }) },
      tls: {
        ...base.tls,
        gui: { versions: gui, ciphers: base.tls.gui.ciphers },
        inbound: { versions: inbound, ciphers: inbound.length > 1 ? parts.ciphers : base.tls.inbound.ciphers },
        outbound: { versions: outbound, ciphers: base.tls.outbound.ciphers },
      },
      timeouts: { ...base.timeouts, command: parts.command },
      retry: { ...base.retry, jitter: parts.jitter },
      limits: { ...base.limits, errors: parts.errors },
    });
  });
