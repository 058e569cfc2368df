// TLSA records of all kinds, and servers that keep or break what they promise.
import type { Case, ServerName, Setting } from './case.ts';
import { tlsaText } from './certificates.ts';

export function recordCases({ ee, expired, root, middle, stranger, address }: Setting): readonly Case[] {
  const wrong = tlsaText(stranger, 3, 1, 1);
  const right = tlsaText(ee, 3, 1, 1);
  const hosted = (id: string, server: ServerName) => [
    `${id} IN MX 10 ${id}.${server}`,
    `${id}.${server} IN A ${address(server)}`,
  ];
  return [
    // --- DANE-EE ---
    { id: 'e311', what: '3 1 1', tlsa: [right], got: 'dane' },
    { id: 'e301', what: '3 0 1', tlsa: [tlsaText(ee, 3, 0, 1)], got: 'dane' },
    { id: 'e312', what: '3 1 2', tlsa: [tlsaText(ee, 3, 1, 2)], got: 'dane' },
    { id: 'e310', what: '3 1 0: the key itself', tlsa: [tlsaText(ee, 3, 1, 0)], got: 'dane' },
    { id: 'eroll', what: 'roll-over: old and new key', tlsa: [wrong, right], got: 'dane' },
    { id: 'ewrong', what: 'another key', tlsa: [wrong], got: 'failed' },
    {
      id: 'esecond',
      what: 'a record that holds for a second',
      signed: [...hosted('esecond', 'ee'), `_25._tcp.esecond.ee 1 IN TLSA ${right}`],
      got: 'dane',
    },
    {
      id: 'eexp',
      what: 'expired, and for another name, under DANE-EE',
      server: 'expired',
      tlsa: [tlsaText(expired, 3, 1, 1)],
      got: 'dane',
    },
    {
      id: 'eagile',
      what: 'digest agility: the SHA-512 is of another key, the SHA-256 would match',
      tlsa: [tlsaText(stranger, 3, 1, 2), right],
      got: 'failed',
    },
    { id: 'emixed', what: 'usage 1 beside usage 3', tlsa: [tlsaText(stranger, 1, 0, 1), right], got: 'dane' },
    { id: 'eold', what: 'a server with TLS 1.1 alone', server: 'old', tlsa: [right], got: 'failed' },
    { id: 'epost', what: 'Postfix', server: 'postfix', tlsa: [right], got: 'dane' },
    { id: 'epostwrong', what: 'Postfix with another key', server: 'postfix', tlsa: [wrong], got: 'failed' },
    // --- DANE-TA ---
    { id: 't211', what: '2 1 1 of the root', server: 'ta', tlsa: [tlsaText(root, 2, 1, 1)], got: 'dane' },
    { id: 't202', what: '2 0 2 of the root', server: 'ta', tlsa: [tlsaText(root, 2, 0, 2)], got: 'dane' },
    { id: 'tmid', what: '2 1 1 of an authority between', server: 'ta', tlsa: [tlsaText(middle, 2, 1, 1)], got: 'dane' },
    {
      id: 't200',
      what: '2 0 0: the record has the root that the server does not send',
      server: 'noroot',
      tlsa: [tlsaText(root, 2, 0, 0)],
      got: 'dane',
    },
    {
      id: 't210',
      what: '2 1 0: the record has the key of the root that the server does not send',
      server: 'noroot',
      tlsa: [tlsaText(root, 2, 1, 0)],
      got: 'dane',
    },
    {
      id: 'tnoroot',
      what: '2 0 1 of a root that the server does not send',
      server: 'noroot',
      tlsa: [tlsaText(root, 2, 0, 1)],
      got: 'failed',
    },
    {
      id: 'tname',
      what: 'another name under DANE-TA',
      signed: [
        'tname IN MX 10 mx.tname',
        `mx.tname IN A ${address('ta')}`,
        `_25._tcp.mx.tname IN TLSA ${tlsaText(root, 2, 1, 1)}`,
      ],
      got: 'failed',
    },
    {
      id: 'thop',
      what: 'the name of the recipient domain under DANE-TA',
      domain: 'thop.ta.dane.test',
      signed: [
        'thop.ta IN MX 10 mx.thop',
        `mx.thop IN A ${address('ta')}`,
        `_25._tcp.mx.thop IN TLSA ${tlsaText(root, 2, 1, 1)}`,
      ],
      got: 'dane',
    },
    {
      id: 'texp',
      what: 'the name at the end of the aliases of the recipient domain under DANE-TA',
      signed: [
        'texp IN CNAME texp.ta',
        'texp.ta IN MX 10 mx.texp2',
        `mx.texp2 IN A ${address('ta')}`,
        `_25._tcp.mx.texp2 IN TLSA ${tlsaText(root, 2, 1, 1)}`,
      ],
      got: 'dane',
    },
    {
      id: 'tself',
      what: 'a self-signed certificate under DANE-TA of an authority',
      tlsa: [tlsaText(root, 2, 1, 1)],
      got: 'failed',
    },
    // --- Unusable records ---
    {
      id: 'u0',
      what: 'usages 0 and 1 alone',
      tlsa: [tlsaText(root, 0, 0, 1), tlsaText(ee, 1, 1, 1)],
      got: 'encrypted',
    },
    { id: 'usel', what: 'unknown selector', tlsa: [`3 7 1 ${'00'.repeat(32)}`], got: 'encrypted' },
    { id: 'umatch', what: 'unknown matching type', tlsa: [`3 1 9 ${'00'.repeat(32)}`], got: 'encrypted' },
    { id: 'ushort', what: 'a digest that is too short', tlsa: [`3 1 1 ${'00'.repeat(20)}`], got: 'encrypted' },
    {
      id: 'ustrip',
      what: 'unusable records, and no STARTTLS',
      server: 'strip',
      tlsa: [tlsaText(root, 0, 0, 1)],
      got: 'failed',
    },
    // --- No STARTTLS ---
    { id: 'strip', what: 'STARTTLS is stripped', server: 'strip', tlsa: [right], got: 'failed' },
    { id: 'refused', what: 'STARTTLS is refused', server: 'refuse', tlsa: [right], got: 'failed' },
    { id: 'nostrip', what: 'no TLSA, no STARTTLS', server: 'strip', tlsa: [], got: 'none' },
    { id: 'norefuse', what: 'no TLSA, STARTTLS refused', server: 'refuse', tlsa: [], got: 'none' },
    // --- No records ---
    { id: 'absent', what: 'signed, without TLSA', tlsa: [], got: 'encrypted' },
    {
      id: 'port',
      what: 'TLSA for another port alone',
      signed: [...hosted('port', 'ee'), `_465._tcp.port.ee IN TLSA ${wrong}`, '_25._tcp.port.ee IN TXT "none here"'],
      got: 'encrypted',
    },
    // --- Further kinds ---
    { id: 'e300', what: '3 0 0: the certificate itself', tlsa: [tlsaText(ee, 3, 0, 0)], got: 'dane' },
    { id: 'e302', what: '3 0 2', tlsa: [tlsaText(ee, 3, 0, 2)], got: 'dane' },
    { id: 'erollback', what: 'roll-over: the new key is not in use yet', tlsa: [right, wrong], got: 'dane' },
    {
      id: 'eagilegood',
      what: 'digest agility: the SHA-512 matches',
      tlsa: [tlsaText(ee, 3, 1, 2), wrong],
      got: 'dane',
    },
    {
      id: 'eagileapart',
      what: 'digest agility is for each selector',
      tlsa: [tlsaText(stranger, 3, 0, 2), right],
      got: 'dane',
    },
    {
      id: 'eagilebad',
      what: 'a SHA-512 that is too short does not count',
      tlsa: [`3 1 2 ${'00'.repeat(32)}`, right],
      got: 'dane',
    },
    { id: 'teemix', what: 'DANE-TA that fails beside DANE-EE', tlsa: [tlsaText(root, 2, 1, 1), right], got: 'dane' },
    {
      id: 'tleaf',
      what: 'DANE-TA is not about the certificate of the server',
      tlsa: [tlsaText(ee, 2, 0, 1)],
      got: 'failed',
    },
    {
      id: 'texpired',
      what: 'an expired certificate under DANE-TA',
      server: 'stale',
      tlsa: [tlsaText(root, 2, 1, 1)],
      got: 'failed',
    },
    {
      id: 'tauthold',
      what: 'an expired authority under DANE-TA',
      server: 'tastale',
      tlsa: [tlsaText(root, 2, 1, 1)],
      got: 'failed',
    },
    { id: 'u1', what: 'usage 1 alone', tlsa: [tlsaText(ee, 1, 1, 1)], got: 'encrypted' },
    { id: 'u255', what: 'usage 255', tlsa: [`255 1 1 ${'00'.repeat(32)}`], got: 'encrypted' },
    { id: 'ugarbage', what: '3 0 0 with garbage', tlsa: ['3 0 0 0badc0de'], got: 'encrypted' },
    { id: 'umixwrong', what: 'usage 0 beside another key', tlsa: [tlsaText(root, 0, 0, 1), wrong], got: 'failed' },
  ];
}
