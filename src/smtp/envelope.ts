/** Events for which a recipient's sender wants a notice (RFC 3461 4.1); absent: the default, FAILURE and DELAY. */
export type Notify = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY';

/** One RCPT TO (RFC 5321 3.3), with its DSN parameters (RFC 3461 4.1, 4.2). */
export interface Recipient {
  /** `local@domain` as received, without angle brackets; the domain in lower case, an address literal kept. */
  readonly address: string;
  readonly notify?: readonly Notify[];
  /** ORCPT as received, still in xtext: `rfc822;user@example.com`. */
  readonly orcpt?: string;
}

/** What MAIL FROM and the RCPT TOs said (RFC 5321 2.3.1). */
export interface Envelope {
  /** `local@domain`, or the empty string for the null reverse-path `<>`. */
  readonly sender: string;
  readonly recipients: readonly Recipient[];
  /** BODY= (RFC 6152). */
  readonly body?: '7BIT' | '8BITMIME';
  /** SMTPUTF8 was given (RFC 6531). */
  readonly smtputf8?: boolean;
  /** RET= and ENVID= (RFC 3461 4.3, 4.4), ENVID still in xtext. */
  readonly ret?: 'FULL' | 'HDRS';
  readonly envid?: string;
  /** Fields of ours with their line ends that go out in front of the stored message: its DKIM signatures. ASCII. */
  readonly head?: string;
  /** RFC 8689: `required` by REQUIRETLS at MAIL, `optional` by `TLS-Required: No` in the header of a message without it. */
  readonly tls?: 'required' | 'optional';
  /** Of a notice of ours with `tls: 'required'`: the whole message for hosts without REQUIRETLS, redacted (RFC 8689 5). UTF-8. */
  readonly redacted?: string;
}
