// Reports in the shapes that large senders give them, as seen in public trackers of parsers; the contents are our own.
import { gzipSync } from 'node:zlib';

export interface Sample {
  readonly sender: string;
  readonly message: Buffer;
  /** What is to come out: `type domain ok failed`, and `result count host`. */
  readonly policies: readonly string[];
  readonly failures: readonly string[];
  readonly organization: string;
  readonly reportId: string;
}

/** All of them are about this day. */
export const sampleDay = Date.parse('2026-11-20T00:00:00Z');
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replaceAll(/.{76}/g, '$&\r\n');
const mail = (...lines: readonly string[]) => Buffer.from(lines.join('\r\n'));

function google(): Sample {
  const json = JSON.stringify({
    'organization-name': 'Google Inc.',
    'date-range': { 'start-datetime': '2026-11-20T00:00:00Z', 'end-datetime': '2026-11-20T23:59:59Z' },
    'contact-info': 'smtp-tls-reporting@google.com',
    'report-id': '2026-11-20T00:00:00Z_example.com',
    policies: [
      {
        policy: {
          'policy-type': 'sts',
          'policy-string': ['version: STSv1', 'mode: testing', 'mx: *.example.com', 'max_age: 86400'],
          'policy-domain': 'example.com',
          'mx-host': ['*.example.com'],
        },
        summary: { 'total-successful-session-count': 41, 'total-failure-session-count': 3 },
        'failure-details': [
          {
            'result-type': 'validation-failure',
            'sending-mta-ip': '2607:f8b0:4864:20::1',
            'receiving-ip': '203.0.113.25',
            'receiving-mx-hostname': 'mx.example.com',
            'failed-session-count': 3,
          },
        ],
      },
    ],
  });
  const file = 'google.com!example.com!1795132800!1795219199!001.json.gz';
  return {
    sender: 'Google: multipart/report, name and file name folded, no part without a name',
    message: mail(
      'Received: by 2002:a05 with SMTP id 46e; Sat, 21 Nov 2026 03:53:20 -0700 (PDT)',
      'Date: Sat, 21 Nov 2026 03:53:20 -0700',
      'TLS-Report-Domain: example.com',
      'TLS-Report-Submitter: google.com',
      'Subject: Report Domain: example.com Submitter: google.com Report-ID: <2026.11.20T00.00.00Z+example.com@google.com>',
      'From: noreply-smtp-tls-reporting@google.com',
      'To: tls@example.com',
      'Content-Type: multipart/report; boundary="0000000000007877ce062148fba9"; report-type=tlsrpt',
      'MIME-Version: 1.0',
      '',
      '--0000000000007877ce062148fba9',
      'Content-Type: text/plain; charset="UTF-8"; format=flowed; delsp=yes',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'This is an aggregate TLS report from google.com',
      '',
      '--0000000000007877ce062148fba9',
      'Content-Type: application/tlsrpt+gzip; ',
      `\tname="${file}"`,
      'Content-Disposition: attachment; ',
      `\tfilename="${file}"`,
      'Content-Transfer-Encoding: base64',
      '',
      base64(gzipSync(json)),
      '',
      '--0000000000007877ce062148fba9--',
      '',
    ),
    policies: ['sts example.com 41 3'],
    failures: ['validation-failure 3 mx.example.com'],
    organization: 'Google Inc.',
    reportId: '2026-11-20T00:00:00Z_example.com',
  };
}

function microsoft(): Sample {
  // No zone behind the times, no mx-host, no policy-string where the policy could not be had, a plus in the identifier.
  const json = JSON.stringify({
    'organization-name': 'Microsoft Corporation',
    'date-range': { 'start-datetime': '2026-11-20T00:00:00', 'end-datetime': '2026-11-20T23:59:59' },
    'contact-info': 'tlsrpt-noreply@microsoft.com',
    'report-id': '133700000000000000+example.com',
    policies: [
      {
        policy: { 'policy-type': 'sts', 'policy-domain': 'example.com' },
        summary: { 'total-successful-session-count': 0, 'total-failure-session-count': 3 },
        'failure-details': [{ 'result-type': 'sts-policy-fetch-error', 'failed-session-count': 3 }],
      },
      {
        policy: {
          'policy-type': 'tlsa',
          'policy-string': [`3 1 1 ${'AB'.repeat(32)}`],
          'policy-domain': 'example.com',
        },
        summary: { 'total-successful-session-count': 7, 'total-failure-session-count': 1 },
        'failure-details': [
          {
            'result-type': 'tlsa-invalid',
            'sending-mta-ip': '40.107.1.1',
            'receiving-mx-hostname': 'MX.example.com',
            'failed-session-count': 1,
          },
        ],
      },
    ],
  });
  return {
    sender: 'Microsoft: boundary before report-type, text as HTML, times without a zone',
    message: mail(
      'From: "tlsrpt-noreply@microsoft.com" <tlsrpt-noreply@microsoft.com>',
      'To: "tls@example.com" <tls@example.com>',
      'Date: Sat, 21 Nov 2026 20:42:31 +0000',
      'Subject: Report Domain: example.com Submitter: microsoft.com Report-ID:',
      ' 133700000000000000+example.com',
      'TLS-Report-Domain: example.com',
      'TLS-Report-Submitter: microsoft.com',
      'MIME-Version: 1.0',
      'Content-Type: multipart/report;',
      '\tboundary="_a737a3b9-5ea5-40e8-a971-a67ecbb2993e_"; report-type=tlsrpt',
      '',
      '',
      '--_a737a3b9-5ea5-40e8-a971-a67ecbb2993e_',
      'Content-Type: multipart/alternative; boundary="_inner_"',
      '',
      '--_inner_',
      'Content-Type: text/plain; charset="us-ascii"',
      '',
      'This is an aggregate TLS report from microsoft.com',
      '--_inner_',
      'Content-Type: text/html; charset="us-ascii"',
      '',
      '<p>This is an aggregate TLS report</p>',
      '--_inner_--',
      '',
      '--_a737a3b9-5ea5-40e8-a971-a67ecbb2993e_',
      'Content-Type: application/tlsrpt+gzip',
      'Content-Description: microsoft.com!example.com!1795132800!1795219199!133700000000000000.json.gz',
      'Content-Disposition: attachment; filename="microsoft.com!example.com!1795132800!1795219199!133700000000000000.json.gz"; size=482',
      'Content-Transfer-Encoding: base64',
      '',
      base64(gzipSync(json)),
      '',
      '--_a737a3b9-5ea5-40e8-a971-a67ecbb2993e_--',
    ),
    policies: ['sts example.com 0 3', 'tlsa example.com 7 1'],
    failures: ['sts-policy-fetch-error 3 ', 'tlsa-invalid 1 mx.example.com'],
    organization: 'Microsoft Corporation',
    reportId: '133700000000000000+example.com',
  };
}

function mailRu(): Sample {
  // The end is the next midnight, two details of one session, no addresses.
  const json = `${JSON.stringify(
    {
      'contact-info': 'tls_support@corp.mail.ru',
      'date-range': { 'end-datetime': '2026-11-21T00:00:00Z', 'start-datetime': '2026-11-20T00:00:00Z' },
      'organization-name': 'Mail.ru',
      policies: [
        {
          'failure-details': [404, 500].map((code) => ({
            'failed-session-count': 1,
            'failure-reason-code': `bad https response code: ${code}`,
            'result-type': 'sts-policy-fetch-error',
          })),
          policy: { 'policy-domain': 'example.com', 'policy-type': 'sts' },
          summary: { 'total-failure-session-count': 1, 'total-successful-session-count': 0 },
        },
      ],
      'report-id': 'b28254de-7b2e-be36-bb5c-4c3b92da8b25@mail.ru',
    },
    null,
    3,
  )}\n`;
  return {
    sender: 'Mail.ru: an attachment of type application/gzip in multipart/mixed',
    message: mail(
      'From: tls_support@corp.mail.ru',
      'Subject: Report Domain: example.com Submitter: mail.ru',
      'Mime-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=xYzZY',
      '',
      '--xYzZY',
      'Content-Type: text/plain',
      '',
      'TLS report',
      '--xYzZY',
      'Content-Type: application/gzip; name=mail.ru!example.com!1795132800!1795219200.json.gz',
      'Content-Transfer-Encoding: BASE64',
      '',
      base64(gzipSync(json)),
      '--xYzZY--',
    ),
    policies: ['sts example.com 0 1'],
    failures: ['sts-policy-fetch-error 1 ', 'sts-policy-fetch-error 1 '],
    organization: 'Mail.ru',
    reportId: 'b28254de-7b2e-be36-bb5c-4c3b92da8b25@mail.ru',
  };
}

function loose(): Sample {
  // Parsers met each of these: texts where the RFC has arrays and numbers; the whole message is the report.
  const json = JSON.stringify({
    'organization-name': 'Loose Inc.',
    'date-range': { 'start-datetime': '2026-11-20T00:00:00+00:00', 'end-datetime': '2026-11-20T23:59:59+00:00' },
    'contact-info': 'mta-sts@loose.example',
    'report-id': '20261120.example.com',
    policies: {
      policy: {
        'policy-type': 'sts',
        'policy-string': 'version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 86400',
        'policy-domain': 'example.com',
        'mx-host': 'mx.example.com',
      },
      summary: { 'total-successful-session-count': '12', 'total-failure-session-count': '2' },
      'failure-details': {
        'result-type': 'certificate-host-mismatch',
        'receiving-mx-hostname': 'mx.example.com',
        'failed-session-count': '2',
      },
    },
  });
  return {
    sender: 'several small senders: texts for arrays and numbers, single values for lists, no multipart',
    message: mail(
      'From: mta-sts@loose.example',
      'Content-Type: application/tlsrpt+json',
      'Content-Transfer-Encoding: 8bit',
      'Content-Disposition: attachment; filename="loose.example!example.com!1795132800!1795219199.json"',
      '',
      `\ufeff${json}`,
    ),
    policies: ['sts example.com 12 2'],
    failures: ['certificate-host-mismatch 2 mx.example.com'],
    organization: 'Loose Inc.',
    reportId: '20261120.example.com',
  };
}

function postfix(): Sample {
  // tlsrpt-reporter behind Postfix: no policy-domain without a policy; an octet stream with a name; no contact.
  const json = JSON.stringify({
    'organization-name': 'mx.example.org',
    'date-range': { 'start-datetime': '2026-11-20T00:00:00Z', 'end-datetime': '2026-11-20T23:59:59Z' },
    'contact-info': null,
    policies: [
      {
        summary: { 'total-failure-session-count': 0, 'total-successful-session-count': 1 },
        policy: { 'policy-type': 'no-policy-found' },
        'failure-details': [],
      },
    ],
    'report-id': '2026-11-20T00:00:00Z_idx1_example.com',
  });
  return {
    sender: 'Postfix with tlsrpt-reporter: an octet stream that only its name makes a report, RFC 2231 pieces',
    message: mail(
      'From: smtp-tls-reporting@example.org',
      'Content-Type: multipart/report; report-type="tlsrpt"; boundary="=-=-="',
      '',
      'preamble',
      '--=-=-=',
      '',
      'This is an aggregate TLS report from mx.example.org',
      '--=-=-=',
      'Content-Type: application/octet-stream',
      'Content-Transfer-Encoding: base64',
      'Content-Disposition: attachment;',
      ' filename*0="mx.example.org!example.com!1795132800";',
      ' filename*1="!1795219199!1.json.gz"',
      '',
      base64(gzipSync(json)),
      '--=-=-=--',
    ),
    policies: ['no-policy-found  1 0'],
    failures: [],
    organization: 'mx.example.org',
    reportId: '2026-11-20T00:00:00Z_idx1_example.com',
  };
}

function draft(): Sample {
  // Of the drafts before the RFC: one policy in the report itself, other names for counts.
  const json = JSON.stringify({
    'organization-name': 'Old Inc.',
    'date-range': { 'start-datetime': '2026-11-20', 'end-datetime': '2026-11-21' },
    'contact-info': 'old@example.org',
    'report-id': 'x1',
    policy: { 'policy-type': 'tlsa', 'policy-domain': 'example.com' },
    summary: { 'success-aggregate': 4, 'failure-aggregate': 1 },
    'failure-details': [{ 'result-type': 'dnssec-invalid', 'session-count': 1 }],
  });
  return {
    sender: 'drafts before the RFC, in a forwarded message',
    message: mail(
      'Content-Type: multipart/mixed; boundary=f',
      '',
      '--f',
      'Content-Type: message/rfc822',
      '',
      'Content-Type: application/json; name=r.json',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      json.replaceAll('=', '=3D').replaceAll(/.{70}/g, '$&=\r\n'),
      '--f--',
    ),
    policies: ['tlsa example.com 4 1'],
    failures: ['dnssec-invalid 1 '],
    organization: 'Old Inc.',
    reportId: 'x1',
  };
}

export const samples: readonly Sample[] = [google(), microsoft(), mailRu(), loose(), postfix(), draft()];
