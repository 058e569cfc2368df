// Enhanced status codes (RFC 3463) in the words of the reference's log.

/** By subject and detail: RFC 3463 3; the words of the reference where they are known. */
const words: Readonly<Record<string, string>> = {
  '0.0': 'Undefined status',
  '1.0': 'Unknown address error',
  '1.1': 'Bad destination mailbox address',
  '1.2': 'Bad destination host',
  '1.3': 'Bad destination mailbox address syntax',
  '1.4': 'Destination mailbox address ambiguous',
  '1.6': 'Mailbox has moved',
  '1.7': "Bad sender's mailbox address syntax",
  '1.8': "Bad sender's system address",
  '1.10': 'Recipient address has null MX',
  '2.0': 'Unknown mailbox error',
  '2.1': 'Mailbox disabled, not accepting messages',
  '2.2': 'Mailbox full',
  '2.3': 'Message length exceeds administrative limit',
  '2.4': 'Mailing list expansion problem',
  '3.0': 'Other mail system problem',
  '3.1': 'Mail system full',
  '3.2': 'Not accepting messages at this time',
  '3.3': 'System not capable of selected features',
  '3.4': 'Message too big for system',
  '3.5': 'System incorrectly configured',
  '4.0': 'Other network error',
  '4.1': 'No answer from host',
  '4.2': 'Bad connection',
  '4.3': 'Directory server failure',
  '4.4': 'Unable to route',
  '4.5': 'Network congestion',
  '4.6': 'Routing loop detected',
  '4.7': 'Delivery time expired',
  '5.0': 'Other protocol error',
  '5.1': 'Invalid command',
  '5.2': 'Syntax error',
  '5.3': 'Too many recipients',
  '5.4': 'Invalid command arguments',
  '6.0': 'Other media error',
  '6.1': 'Media not supported',
  '6.3': 'Conversion required but not supported',
  '6.7': 'Non-ASCII addresses not permitted',
  '7.0': 'Other security problem',
  '7.1': 'Delivery not authorized, message refused',
  '7.4': 'Security features not supported',
  '7.5': 'Cryptographic failure',
  '7.10': 'Encryption needed',
  '7.30': 'REQUIRETLS support required',
};

/** What the code says, in words. */
export function statusText(status: string): string {
  return words[status.slice(status.indexOf('.') + 1)] ?? 'Other mail system problem';
}
