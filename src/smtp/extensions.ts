// What EHLO and HELP tell of the server, and what it allows before TLS. Pure.
import { isForeignVerb, type Refusal } from './command.ts';
import type { SessionSettings } from './handler.ts';

/** RFC 5321 4.1.1.1: the extensions that are offered. `secure`: TLS is on, STARTTLS is over. */
export function ehloReply(settings: SessionSettings, secure: boolean): string {
  const starttls = settings.tls === 'off' || secure ? '' : '250-STARTTLS\r\n';
  // RFC 8689 2: inside TLS alone.
  const requireTls = secure && settings.requireTls ? '250-REQUIRETLS\r\n' : '';
  return (
    `250-${settings.hostname}\r\n250-PIPELINING\r\n250-SIZE ${settings.messageSize}\r\n${starttls}` +
    '250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n' +
    `${requireTls}250 HELP`
  );
}

export const helpReply =
  '214-2.0.0 Commands: EHLO HELO STARTTLS MAIL RCPT DATA BDAT\r\n214 2.0.0 RSET NOOP VRFY HELP QUIT';

/** RFC 3207 4: where TLS is required, only these are served before it. (HTTP is closed anyway.) */
export function mayBeClear(verb: string): boolean {
  return verb === 'EHLO' || verb === 'STARTTLS' || verb === 'NOOP' || verb === 'QUIT' || isForeignVerb(verb);
}

/** Why REQUIRETLS at MAIL is not taken; null where it is (RFC 8689 2). */
export function requireTlsRefusal(settings: SessionSettings, secure: boolean): Refusal | null {
  if (!settings.requireTls || settings.tls === 'off') return '555 5.5.4 Parameter not supported: REQUIRETLS';
  return secure ? null : '530 5.7.10 REQUIRETLS needs TLS; issue STARTTLS first';
}
