// A report as a mail (RFC 8460 5.3).
import { dayName, domainOf, type ReportFacts, reportFile, reportId } from './report.ts';

export interface ReportMail {
  readonly facts: ReportFacts;
  readonly to: string;
  /** The report, compressed. */
  readonly content: Uint8Array;
  /** ms since the epoch. */
  readonly now: number;
  /** Letters and digits, nobody's guess. */
  readonly unique: string;
}

export function reportMessage({ facts, to, content, now, unique }: ReportMail): Buffer {
  const { contact, domain, hostname, organization, day, policies } = facts;
  const submitter = domainOf(contact);
  const boundary = `=_${unique}`;
  const ok = policies.reduce((sum, policy) => sum + policy.ok, 0);
  const failed = policies.reduce((sum, policy) => sum + policy.failed, 0);
  const lines = [
    `From: <${contact}>`,
    `To: <${to}>`,
    `Date: ${new Date(now).toUTCString().replace('GMT', '+0000')}`,
    `Subject: Report Domain: ${domain}`,
    ` Submitter: ${submitter}`,
    ` Report-ID: <${reportId(facts)}>`,
    `Message-ID: <${unique}.tlsrpt@${hostname}>`,
    `TLS-Report-Domain: ${domain}`,
    `TLS-Report-Submitter: ${submitter}`,
    // RFC 3834 5: keeps vacation programs quiet.
    'Auto-Submitted: auto-generated',
    // RFC 8460 3: delivered whatever is wrong with the TLS of the domain; RFC 8689 5 says so to the hosts on the way.
    'TLS-Required: No',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type="tlsrpt";`,
    ` boundary="${boundary}"`,
    '',
    'This is a multipart message in MIME format.',
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    'Content-Transfer-Encoding: 7bit',
    '',
    `This is an aggregate TLS report from ${submitter}`,
    '',
    `About:      ${domain}`,
    `Day (UTC):  ${dayName(day)}`,
    `Reported by ${organization.replaceAll(/[^ -~]/gu, '?')} (${hostname})`,
    `Sessions:   ${ok} in order, ${failed} failed`,
    '',
    `--${boundary}`,
    'Content-Type: application/tlsrpt+gzip',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment;',
    ` filename="${reportFile(facts)}"`,
    '',
    ...(Buffer.from(content)
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
    '',
    `--${boundary}--`,
    '',
  ];
  return Buffer.from(lines.join('\r\n'));
}
