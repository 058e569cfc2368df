// TLS reports in the web interface: reports that came by HTTPS through the same gateway, summed up, listed, one of them whole.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import {
  receivedPageSchema,
  receivedStorySchema,
  sentListSchema,
  sumsSchema,
} from '../../src/admin/api/schemas/tls-reports.ts';
import { chromiumPath, openPage, picture, setUp } from './chromium.ts';
import { startWebGateway } from './web-gateway.ts';

const skip = chromiumPath === null ? 'chromium is not installed' : false;
const day = 86_400_000;
const dateTime = (ms: number) => new Date(ms).toISOString();

function report(organization: string, daysAgo: number, failed: number, host = 'mx1.example.com'): string {
  const today = Date.now() - (Date.now() % day);
  return JSON.stringify({
    'organization-name': organization,
    'date-range': {
      'start-datetime': dateTime(today - daysAgo * day),
      'end-datetime': dateTime(today - daysAgo * day + day - 1000),
    },
    'contact-info': `tls@${organization.toLowerCase().replaceAll(' ', '-')}.example`,
    'report-id': `${organization} ${daysAgo}`,
    policies: [
      {
        policy: {
          'policy-type': 'sts',
          'policy-string': ['version: STSv1', 'mode: enforce', 'mx: mx1.example.com', 'max_age: 604800'],
          'policy-domain': 'example.com',
        },
        summary: { 'total-successful-session-count': 40 + 7 * daysAgo, 'total-failure-session-count': failed },
        'failure-details':
          failed === 0
            ? []
            : [
                {
                  'result-type': 'certificate-expired',
                  'sending-mta-ip': '198.51.100.7',
                  'receiving-mx-hostname': host,
                  'receiving-ip': '203.0.113.25',
                  'failed-session-count': failed,
                  'failure-reason-code': 'X509_V_ERR_CERT_HAS_EXPIRED',
                },
              ],
      },
    ],
  });
}

function post(origin: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/tlsrpt+json' };
    const asked = request(`${origin}/tlsrpt`, { method: 'POST', headers, rejectUnauthorized: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

test('TLS reports: summary, list, one report, on a desktop and on a phone', { skip, timeout: 600_000 }, async (t) => {
  const web = await startWebGateway(t, 'tlsReports: { https: true, send: false }\n');
  const [origin] = web.origins;
  const reports = [
    report('Big Mail', 3, 0),
    report('Big Mail', 2, 4),
    report('Big Mail', 1, 9, 'mx2.example.com'),
    report('Other Inc', 1, 1),
  ];
  for (const one of reports) assert.equal(await post(origin, one), 201);
  assert.equal(await post(origin, 'no report'), 400);
  const { page, complaints } = await openPage(t, origin);
  await setUp(page, web);

  await page.goto('/monitor/tls-reports');
  const failed = page.getByRole('table', { name: 'What failed' });
  await failed.getByRole('row', { name: 'certificate-expired 14' }).waitFor();
  await page.getByRole('table', { name: 'Where it failed' }).getByRole('row', { name: 'mx2.example.com 9' }).waitFor();
  await page.getByRole('table', { name: 'Who reports' }).getByRole('row', { name: 'Big Mail 162 13' }).waitFor();
  await page.getByRole('figure', { name: 'Sessions by day' }).waitFor();
  await picture(page, 'tls-reports');

  await page.getByText('Received', { exact: true }).click();
  const row = (text: string) => page.getByRole('row').filter({ hasText: text });
  await row('Other Inc').waitFor();
  await row('Cannot be read').getByText('it is not JSON').waitFor();
  await page.getByLabel('Only with failures').check();
  await row('Cannot be read').waitFor({ state: 'detached' });
  assert.equal(await row('Big Mail').count(), 2);
  await page.getByLabel('Contains').fill('other');
  await row('Big Mail').first().waitFor({ state: 'detached' });
  await picture(page, 'tls-reports-received');
  await row('Other Inc').getByRole('link').click();
  await page.getByRole('heading', { name: /^TLS report \d+$/ }).waitFor();
  const failure = page.getByRole('list', { name: 'What failed' }).getByRole('listitem');
  await failure.filter({ hasText: '1 session: certificate-expired' }).getByText('sent by 198.51.100.7').waitFor();
  await failure.getByText('X509_V_ERR_CERT_HAS_EXPIRED').waitFor();
  await page.getByText('mode: enforce').waitFor();
  await picture(page, 'tls-report');
  await page.goto('/monitor/tls-reports/999');
  await page.getByText('There is no such report').waitFor();
  await page.goto('/monitor/tls-reports?view=sent');
  await page.getByText('Nothing to tell').waitFor();
  assert.deepEqual(complaints, []);

  // Each answer is what its schema says.
  const answers = {
    sums: sumsSchema,
    'received?limit=2': receivedPageSchema,
    'received/1': receivedStorySchema,
    sent: sentListSchema,
  };
  for (const [path, schema] of Object.entries(answers)) {
    const answer = await page.evaluate(async (url) => (await fetch(url)).json(), `/api/v1/tls-reports/${path}`);
    assert.ok(Check(schema, answer), `${path}: ${JSON.stringify(answer)}`);
  }

  const phone = await openPage(t, origin, { language: 'de', width: 390 });
  await phone.page.context().addCookies(await page.context().cookies());
  await phone.page.goto('/monitor/tls-reports');
  await phone.page.getByRole('table', { name: 'Was fehlschlug' }).waitFor();
  const width = await phone.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 390, `the page is ${width} pixels wide`);
  await picture(phone.page, 'tls-reports-phone');
  await phone.page.goto('/monitor/tls-reports?view=received');
  await phone.page.getByText('Other Inc').waitFor();
  await picture(phone.page, 'tls-reports-received-phone');
  await phone.page.getByRole('link', { name: 'Other Inc' }).click();
  await phone.page.getByRole('heading', { name: /^TLS-Bericht/ }).waitFor();
  assert.ok((await phone.page.evaluate(() => document.documentElement.scrollWidth)) <= 390);
  await picture(phone.page, 'tls-report-phone');
  assert.deepEqual(phone.complaints, []);
});
