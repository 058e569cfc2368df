import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/yaml.ts';

const listener = '{name: a, port: 2525}';

/** What a rule refuses: text, then line, key, reason, remedy of each issue. */
type Expected = readonly [line: number, key: string, reason: RegExp, remedy: RegExp];
const refused: readonly (readonly [text: string, ...issues: Expected[]])[] = [
  ['hostname: gw_1.example.com', [1, 'hostname', /underscore/, /letters, digits/]],
  ['hostname: 192.0.2.1', [1, 'hostname', /not a host name but an address/, /./]],
  ['hostname: "gw..example.com"', [1, 'hostname', /two dots/, /remove a dot/]],
  ['gui: {address: localhost}', [1, 'gui.address', /not an address/, /127\.0\.0\.1 or ::1/]],
  ['gui: {address: "[::1]"}', [1, 'gui.address', /not an address/, /without brackets: ::1/]],
  ['gui: {ports: [8443, 8443]}', [1, 'gui.ports[#2]', /port 8443 is taken by the web UI/, /another/]],
  ['gui: {certificate: Demo}', [1, 'gui.certificate', /no certificate named "Demo"/, /did you mean "demo"/]],
  [`listeners:\n  - ${listener}\n  - {name: a, port: 26}`, [3, 'listeners[a].name', /"a" stands twice/, /rename/]],
  [
    `listeners:\n  - ${listener}\n  - {name: b, port: 2525}`,
    [3, 'listeners[b].port', /taken by the listener "a"/, /another/],
  ],
  [
    `listeners:\n  - ${listener}\n  - {name: b, address: 0.0.0.0, port: 2525}`,
    [3, 'listeners[b].port', /taken by the listener "a" \(127\.0\.0\.1\)/, /another/],
  ],
  [
    `listeners:\n  - ${listener}\n  - {name: b, address: "::", port: 2525}`,
    [3, 'listeners[b].port', /taken/, /another/],
  ],
  [
    'listeners:\n  - {name: a, address: "2001:db8::1", port: 25}\n  - {name: b, address: "2001:DB8:0::1", port: 25}',
    [3, 'listeners[b].port', /taken by the listener "a"/, /another/],
  ],
  ['listeners:\n  - {name: a, port: 8443}', [2, 'listeners[a].port', /taken by the web UI/, /another/]],
  [
    'listeners:\n  - {name: a, port: 25, address: mail.example.com}',
    [2, 'listeners[a].address', /not an IPv4/, /192\.0\.2\.1/],
  ],
  [
    'listeners:\n  - {name: a, port: 25, address: "*"}',
    [2, 'listeners[a].address', /not an address/, /0\.0\.0\.0 or ::/],
  ],
  [
    'certificates: [{name: mx2026, cert: /a, key: /b}]\nlisteners:\n  - {name: a, port: 25, certificate: mx2025}',
    [3, 'listeners[a].certificate', /no certificate named "mx2025"/, /did you mean "mx2026"/],
  ],
  [
    'listeners:\n  - {name: a, port: 25, certificate: quite-another}',
    [2, 'listeners[a].certificate', /no certificate/, /add it under certificates, or use one of: demo/],
  ],
  ['certificates:\n  - {name: demo, cert: /a, key: /b}', [2, 'certificates[demo].name', /built-in/, /another name/]],
  [
    'certificates:\n  - {name: a, cert: /a, key: /b}\n  - {name: b, cert: /a, key: /b}',
    [3, 'certificates[b].cert', /"\/a" stands twice/, /remove/],
  ],
  [
    'certificates:\n  - {name: a, cert: /a, key: "-----BEGIN RSA-----"}',
    [2, 'certificates[a].key', /name of a file/, /file/],
  ],
  ['accept:\n  - example.com\n  - EXAMPLE.com', [3, 'accept[#2]', /"example\.com" stands twice/, /remove/]],
  ['accept: [bücher.example, xn--bcher-kva.example]', [1, 'accept[#2]', /stands twice/, /remove/]],
  ['accept: ["*.example.com"]', [1, 'accept[#1]', /not a domain/, /write \.example\.com/]],
  ['accept: [user@example.com]', [1, 'accept[#1]', /not a domain/, /only the domain/]],
  ['accept: [example.com.]', [1, 'accept[#1]', /ends with a dot/, /write example\.com/]],
  ['accept: [..example.com]', [1, 'accept[#1]', /two dots stand together, or one at its beginning/, /remove a dot/]],
  ['accept: ["*"]', [1, 'accept[#1]', /every domain there is/, /list your domains/]],
  ['accept: [.example.com, .EXAMPLE.com]', [1, 'accept[#2]', /stands twice/, /remove/]],
  ['accept: [-a.example]', [1, 'accept[#1]', /"-a" is not a part of a name/, /./]],
  ['recipients: {patterns: [info]}', [1, 'recipients.patterns[#1]', /no "@"/, /info@example\.com/]],
  [
    'recipients: {patterns: ["@example.com"]}',
    [1, 'recipients.patterns[#1]', /nothing before/, /write \*@example\.com/],
  ],
  ['relay: [10.1.2.3/8]', [1, 'relay[#1]', /bits set behind its prefix of 8/, /write 10\.0\.0\.0\/8/]],
  ['relay: [10.0.0.0/33]', [1, 'relay[#1]', /"33" is not a prefix length/, /from 0 to 32/]],
  ['relay: ["2001:db8::/129"]', [1, 'relay[#1]', /"129" is not a prefix length/, /from 0 to 128/]],
  ['relay: ["::ffff:10.0.0.0/104"]', [1, 'relay[#1]', /IPv4 address in IPv6 form/, /as IPv4/]],
  ['relay: [10.0.0.0/8, 10.0.0.0/8]', [1, 'relay[#2]', /stands twice/, /remove/]],
  ['relay: [192.0.2.1, 192.0.2.1/32]', [1, 'relay[#2]', /stands twice/, /remove/]],
  ['relay: [0.0.0.0/0]', [1, 'relay[#1]', /open relay/, /your own networks/]],
  ['relay: ["::/0"]', [1, 'relay[#1]', /open relay/, /your own networks/]],
  ['relay: [mail.example.com]', [1, 'relay[#1]', /not an address or range/, /10\.0\.0\.0\/8/]],
  [
    'senderGroups:\n  - {name: A, match: relay, action: ACCEPT}\n  - {name: A, match: 192.0.2.1, action: REJECT}',
    [3, 'senderGroups[A].name', /stands twice/, /rename/],
  ],
  [
    'senderGroups:\n  - {name: A, match: ALL, action: REJECT}\n  - {name: B, match: 192.0.2.1, action: REJECT}',
    [3, 'senderGroups[B]', /never matches: the group A/, /before A/],
  ],
  ['senderGroups: [{name: A, match: ALL, action: RELAY}]', [1, 'senderGroups[A].action', /open relay/, /your own/]],
  [
    'senderGroups: [{name: ALL, match: relay, action: REJECT}]',
    [1, 'senderGroups[ALL].match', /must match ALL/, /rename/],
  ],
  ['senderGroups: [{name: A, match: all, action: REJECT}]', [1, 'senderGroups[A].match', /"all" is not/, /write ALL/]],
  [
    'senderGroups: [{name: A, match: [192.0.2.0/24, "*.example.com"], action: REJECT}]',
    [1, 'senderGroups[A].match[#2]', /host name/, /such as .* \.example\.com/],
  ],
  [
    'senderGroups: [{name: A, match: 10.0.0.1/8, action: REJECT}]',
    [1, 'senderGroups[A].match', /bits set/, /10\.0\.0\.0\/8/],
  ],
  [
    'senderGroups: [{name: A, match: 10.0.0, action: REJECT}]',
    [1, 'senderGroups[A].match', /not an address or range/, /./],
  ],
  [
    'routes: [{domain: "*.example.com", to: [mx]}]',
    [1, 'routes[*.example.com].domain', /not a domain/, /write \.example\.com/],
  ],
  [
    'routes:\n  - {domain: a.example, to: [mx]}\n  - {domain: A.example, to: [mx]}',
    [3, 'routes[A.example].domain', /"a\.example" stands twice/, /remove/],
  ],
  ['routes: [{domain: a.example, to: ["mx:0"]}]', [1, 'routes[a.example].to[#1]', /"0" is not a port/, /1 to 65535/]],
  [
    'routes: [{domain: a.example, to: ["mx:25:26"]}]',
    [1, 'routes[a.example].to[#1]', /not a host and port/, /host:port/],
  ],
  [
    'routes: [{domain: a.example, to: ["2001:db8::1"]}]',
    [1, 'routes[a.example].to[#1]', /without brackets/, /\[2001:db8::1\]:25/],
  ],
  [
    'routes: [{domain: a.example, to: ["[mx]:25"]}]',
    [1, 'routes[a.example].to[#1]', /"mx" is not an address/, /brackets/],
  ],
  ['routes: [{domain: a.example, to: [usedns]}]', [1, 'routes[a.example].to[#1]', /not a host/, /write USEDNS/]],
  ['routes: [{domain: a.example, to: [USEDNS, mx]}]', [1, 'routes[a.example].to[#1]', /beside other hosts/, /alone/]],
  [
    `listeners: [${listener}]\nroutes: [{domain: "*", to: ["127.0.0.1:2525"]}]`,
    [2, 'routes[*].to[#1]', /our own listener "a"/, /next server/],
  ],
  ['tls: {inbound: {versions: [TLSv1.1, TLSv1.3]}}', [1, 'tls.inbound.versions', /TLS v1\.2/, /unbroken run/]],
  ['tls: {gui: {versions: [TLSv1.0, TLSv1.2, TLSv1.3]}}', [1, 'tls.gui.versions', /TLS v1\.1/, /unbroken run/]],
  ['tls: {outbound: {versions: []}}', [1, 'tls.outbound.versions', /has 0 elements/, /add/]],
  ['tls: {outbound: {versions: [TLSv1.2, TLSv1.2]}}', [1, 'tls.outbound.versions', /twice/, /\[TLSv1\.2\]/]],
  ['tls: {inbound: {versions: [SSLv3]}}', [1, 'tls.inbound.versions[#1]', /"SSLv3" is not one of TLSv1\.0/, /./]],
  ['tls:\n  inbound:\n    ciphers: "NOSUCHCIPHER"', [3, 'tls.inbound.ciphers', /NOSUCHCIPHER/, /./]],
  ['tls:\n  inbound:\n    ciphers: "HIGH:@SECLEVEL=0"', [3, 'tls.inbound.ciphers', /SECLEVEL/, /./]],
  [
    'tls:\n  inbound:\n    ciphers: "TLS_AES_128_GCM_SHA256:HIGH"',
    [3, 'tls.inbound.ciphers', /TLS_AES_128_GCM_SHA256/, /./],
  ],
  [
    'tls:\n  otherClients:\n    allowTLSv1_0: true',
    [3, 'tls.otherClients.allowTLSv1_0', /1\.0 without 1\.1 leaves a hole/, /allowTLSv1_1: true/],
  ],
  [
    'destinations:\n  - {domain: a.example}\n  - {domain: a.example}',
    [3, 'destinations[a.example].domain', /stands twice/, /remove/],
  ],
  ['destinations: [{domain: "a b.example"}]', [1, 'destinations[a b.example].domain', /not a domain/, /./]],
  ['destinations: [{domain: "*@a.example"}]', [1, 'destinations[*@a.example].domain', /has a "\*"/, /whole address/]],
  [
    'destinations: [{domain: a.example, names: ["*.example.com"]}]',
    [1, 'destinations[a.example].names[#1]', /not a name in a certificate/, /host, domain, a name/],
  ],
  [
    'destinations: [{domain: a.example, certificate: nowhere}]',
    [1, 'destinations[a.example].certificate', /no certificate named/, /./],
  ],
  [
    'destinations: [{domain: a.example, systemCa: true}]',
    [1, 'destinations[a.example].systemCa', /no meaning without ca/, /name a file/],
  ],
  [
    'destinations:\n  - domain: a.example\n    ca: "-----BEGIN CERTIFICATE-----"',
    [3, 'destinations[a.example].ca', /name of a file/, /./],
  ],
  [
    'destinations: [{domain: a.example, tls: dane}]\ntls: {outbound: {versions: [TLSv1.1]}}',
    [1, 'destinations[a.example].tls', /dane needs TLS 1\.2 or 1\.3/, /select/],
  ],
  [
    'senders: [{sender: "*@a.example", tls: required}]',
    [1, 'senders[*@a.example].sender', /has a "\*"/, /whole address/],
  ],
  ['senders: [{sender: a.example, tls: required}]', [1, 'senders[a.example].sender', /has no "@"/, /./]],
  ['alerts: {to: [postmaster]}', [1, 'alerts.to[#1]', /has no "@"/, /./]],
  ['syslog: [{name: a, host: "x y", port: 514, protocol: udp}]', [1, 'syslog[a].host', /not a host name/, /./]],
  [
    'syslog: [{name: a, host: x, port: 514, protocol: udp, ca: /ca.pem}]',
    [1, 'syslog[a].ca', /no meaning with protocol udp/, /tls/],
  ],
  [
    'syslog:\n  - {name: a, host: x, port: 514, protocol: udp}\n  - {name: a, host: y, port: 514, protocol: udp}',
    [3, 'syslog[a].name', /stands twice/, /rename/],
  ],
  ['retry: {first: 5h}', [1, 'retry.first', /longer than retry\.maximum \(4h\)/, /shorter/]],
  ['retry: {probe: 5h}', [1, 'retry.probe', /longer than retry\.maximum/, /shorter/]],
  [
    'limits: {messageSize: 64KiB}',
    [1, 'limits.headerSize', /larger than limits\.messageSize/, /limits\.messageSize or less/],
  ],
  ['dns: {servers: [resolver.example]}', [1, 'dns.servers[#1]', /not an address/, /address of the resolver/]],
  ['dns: {servers: ["192.0.2.1:99999"]}', [1, 'dns.servers[#1]', /not a port/, /./]],
];

for (const [text, ...expected] of refused) {
  test(`refused: ${text.replaceAll('\n', ' ')}`, () => {
    const result = parseConfig(text);
    assert.ok(!result.ok, 'it was taken');
    assert.deepEqual(
      result.issues.map(({ line, key }) => [line, key]),
      expected.map(([line, key]) => [line, key]),
      JSON.stringify(result.issues),
    );
    for (const [index, [, , reason, remedy]] of expected.entries()) {
      assert.match(result.issues[index]?.reason ?? '', reason);
      assert.match(result.issues[index]?.remedy ?? '', remedy);
    }
  });
}

const taken: readonly string[] = [
  'hostname: Bücher.example',
  'listeners: [{name: a, port: 25, address: "::1"}, {name: b, port: 25, address: 127.0.0.1}]',
  'listeners: [{name: a, port: 25, address: "fe80::1%eth0"}]',
  'gui: {ports: []}\nlisteners: [{name: a, port: 8443}]',
  'accept: [example.com, .example.com, under_score.example, bücher.example, localhost]',
  'relay: [10.0.0.0/8, 192.0.2.1, "2001:db8::/32", "::1"]',
  'senderGroups: [{name: BLOCK, match: [192.0.2.0/24, .bad.example, mail.bad.example], action: TCPREFUSE}, {name: ALL, match: ALL, action: REJECT}]',
  'senderGroups: [{name: RELAYLIST, match: relay, action: RELAY}, {name: ALL, match: ALL, action: ACCEPT}]',
  'routes: [{domain: .example.com, to: ["[::1]:25", mx.example.com, "192.0.2.1:2600"]}, {domain: "*", to: [USEDNS]}]',
  'destinations: [{domain: a.example, tls: none}, {domain: b.example, tls: preferred}, {domain: c.example, tls: required}]',
  'destinations: [{domain: "*", tls: dane}, {domain: .a.example, tls: required-verify, names: [host, domain, mx.b.example, .b.example]}, {domain: x@a.example, tls: dane-only}, {domain: d.example, tls: preferred-verify, ca: /ca.pem, systemCa: true, certificate: demo}]',
  'senders: [{sender: a@example.com, tls: required}, {sender: "@bücher.example", tls: dane-only}]',
  'alerts: {to: [postmaster@example.com]}',
  'tls: {otherClients: {allowTLSv1_1: true, allowTLSv1_0: true}}',
  'tls: {gui: {versions: [TLSv1.3]}, inbound: {versions: [TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3]}, outbound: {versions: [TLSv1.1]}}',
  'certificates: [{name: mx, cert: /ec.crt, key: /ec.key}, {name: mx, cert: /rsa.crt, key: /rsa.key}]',
  'dns: {servers: [192.0.2.53, "192.0.2.53:5353", "2001:db8::53", "[::1]:53"]}',
  'syslog: [{name: a, host: log.example, port: 6514, protocol: tls, ca: /ca.pem}, {name: b, host: "::1", port: 514, protocol: udp}]',
  'recipients: {patterns: ["*@example.com", "sales-*@bücher.example", "x@*.example.com"]}',
];

for (const text of taken) {
  test(`taken: ${text.replaceAll('\n', ' ')}`, () => {
    const result = parseConfig(text);
    assert.ok(result.ok, JSON.stringify(result));
  });
}

test('versions are kept ascending, cipher strings with what is always appended', () => {
  const result = parseConfig('tls: {inbound: {versions: [TLSv1.3, TLSv1.1, TLSv1.2], ciphers: "HIGH AES128"}}');
  assert.ok(result.ok);
  assert.deepEqual(result.config.tls.inbound, {
    versions: ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
    ciphers: 'HIGH:AES128:!aNULL:!eNULL',
  });
});
