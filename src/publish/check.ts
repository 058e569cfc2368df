// What is to be published, compared with what DNS says now.
import type { Found } from '../dns/lookup.ts';
import type { MailResolver } from '../dns/resolver.ts';
import { textsOf } from '../dns/text.ts';
import { messageOf } from '../errors.ts';
import { type HostedPolicy, parseStsRecord, policyHost, stsRecords } from '../tls/mta-sts.ts';
import { type CheckedRecord, covers, type PublishedRecord, type RecordStatus, type ServedKey } from './records.ts';
import { checkSpf, spfRecords } from './spf.ts';

/** The record of a DKIM key. */
export interface DkimRecord {
  readonly domain: string;
  readonly selector: string;
  readonly value: string;
  readonly state: 'next' | 'active' | 'retired';
  /** Retired: from when on it may go, ms since the epoch. */
  readonly until: number;
}

export interface PublishRequest {
  readonly hostname: string;
  readonly domains: readonly string[];
  readonly policies: readonly HostedPolicy[];
  /** URIs that reports about a domain are to go to. */
  readonly reportsTo: (domain: string) => readonly string[];
  readonly keys: readonly DkimRecord[];
  readonly served: readonly ServedKey[];
  readonly now: number;
}

export interface PublishReport {
  readonly records: readonly CheckedRecord[];
  /** What else an administrator should know, a sentence or two each. */
  readonly notes: readonly string[];
}

type Resolver = Pick<MailResolver, 'ask' | 'trusted'>;

/** Never rejects: what DNS does not answer is `unknown`. */
export async function checkRecords(request: PublishRequest, resolver: Resolver): Promise<PublishReport> {
  return await new Checking(request, resolver).run();
}

/** How one DKIM record stands in DNS. Never rejects. */
export async function checkDkimRecord(key: DkimRecord, now: number, resolver: Resolver): Promise<CheckedRecord> {
  const request = { hostname: '', domains: [], policies: [], reportsTo: () => [], keys: [key], served: [], now };
  const { records } = await new Checking(request, resolver).run();
  const [record] = records.filter(({ purpose }) => purpose === 'DKIM');
  if (record === undefined) throw new Error('a key without a record');
  return record;
}

type Answer = Found | { readonly kind: 'failed'; readonly reason: string; readonly records: readonly [] };
type Judgement = Pick<CheckedRecord, 'status' | 'found' | 'detail'>;

class Checking {
  readonly #request: PublishRequest;
  readonly #resolver: Resolver;
  readonly #notes: string[] = [];

  constructor(request: PublishRequest, resolver: Resolver) {
    this.#request = request;
    this.#resolver = resolver;
  }

  async run(): Promise<PublishReport> {
    const { hostname, domains, policies, keys } = this.#request;
    const parts = [
      ...(hostname === '' ? [] : [this.#tlsa(), this.#helo()]),
      ...domains.flatMap((domain) => [this.#spf(domain), this.#tlsReports(domain)]),
      ...policies.flatMap((policy) => [this.#sts(policy), this.#policyHost(policy.domain)]),
      ...keys.map((key) => this.#dkim(key)),
    ];
    const records = (await Promise.all(parts)).flat();
    if (!this.#resolver.trusted) {
      this.#notes.unshift(
        'No resolver that validates DNSSEC is configured: whether zones are signed, without which TLSA records are worth nothing, is not known.',
      );
    }
    return { records, notes: [...new Set(this.#notes)] };
  }

  async #ask(name: string, type: Parameters<Resolver['ask']>[1]): Promise<Answer> {
    try {
      return await this.#resolver.ask(name, type);
    } catch (error) {
      return { kind: 'failed', reason: messageOf(error), records: [] };
    }
  }

  #checked(record: PublishedRecord, answer: Answer, judge: (answer: Found) => Judgement): CheckedRecord {
    if (answer.kind === 'failed') {
      return { ...record, status: 'unknown', found: [], detail: `DNS does not answer: ${answer.reason}`, secure: null };
    }
    return { ...record, ...judge(answer), secure: this.#resolver.trusted ? answer.secure : null };
  }

  // --- TLSA (RFC 7672 3.1.3; roll-over: RFC 7671 8.1) ---

  async #tlsa(): Promise<CheckedRecord[]> {
    const { served } = this.#request;
    if (!served.some(({ next }) => !next)) {
      this.#notes.push('No listener offers STARTTLS: there is nothing to publish as TLSA.');
      return [];
    }
    const hosts = await this.#mailHosts();
    return (await Promise.all(hosts.map((host) => this.#tlsaOf(host)))).flat();
  }

  /** Our own name, and the mail hosts of our domains that our certificates are for. */
  async #mailHosts(): Promise<string[]> {
    const { hostname, domains, served } = this.#request;
    const names = served.filter(({ next }) => !next).flatMap((key) => key.names);
    const hosts = new Set([hostname]);
    for (const [domain, answer] of await this.#each(domains, 'MX')) {
      if (answer.kind === 'failed') continue;
      const there = answer.records.flatMap((record) =>
        record.type === 'MX' ? [record.data.exchange.toLowerCase()] : [],
      );
      const ours = there.filter((host) => host === hostname || names.some((name) => covers(name, host)));
      for (const host of ours) hosts.add(host);
      if (ours.length === 0) this.#notes.push(`No MX record of ${domain} leads to this gateway.`);
      else if (this.#resolver.trusted && !answer.secure) {
        this.#notes.push(`The MX record of ${domain} is not signed (DNSSEC): its senders look at no TLSA record.`);
      }
    }
    return [...hosts];
  }

  async #each(domains: readonly string[], type: 'MX'): Promise<(readonly [string, Answer])[]> {
    return await Promise.all(domains.map(async (domain) => [domain, await this.#ask(domain, type)] as const));
  }

  async #tlsaOf(host: string): Promise<CheckedRecord[]> {
    const name = `_25._tcp.${host}`;
    const answer = await this.#ask(name, 'TLSA');
    const there = answer.records.flatMap((record) => {
      if (record.type !== 'TLSA') return [];
      const { usage, selector, matchingType, certificate } = record.data;
      return [`${usage} ${selector} ${matchingType} ${certificate.toString('hex')}`];
    });
    const wanted = this.#request.served.filter(({ next, names }) => !next || names.some((one) => covers(one, host)));
    const signed = answer.kind !== 'failed' && this.#resolver.trusted ? answer.secure : null;
    const worth = signed === false ? ' The zone is not signed (DNSSEC): TLSA records in it are worth nothing.' : '';
    const records = distinct(wanted).map((key) => {
      const value = `3 1 1 ${key.digest}`;
      return this.#checked({ purpose: 'TLSA', name, type: 'TLSA', value, about: key.about }, answer, () => {
        const { status, detail } = judgeTlsa(there, value, key.next);
        return { status, detail: `${detail}${worth}`.trim(), found: status === 'right' ? [value] : there };
      });
    });
    const known = new Set(wanted.map(({ digest }) => `3 1 1 ${digest}`));
    const others = there.filter((value) => !known.has(value));
    return [
      ...records,
      ...others.map((value) => {
        const about = 'no certificate or request of this gateway';
        return this.#checked({ purpose: 'TLSA', name, type: 'TLSA', value, about }, answer, () => ({
          status: 'superfluous',
          found: [value],
          detail: 'It may go when nothing that it stands for is shown to senders any more.',
        }));
      }),
    ];
  }

  // --- MTA-STS (RFC 8461 3.1, 3.3) ---

  async #sts(policy: HostedPolicy): Promise<CheckedRecord[]> {
    const [record] = stsRecords(policy);
    if (record === undefined) return [];
    const wanted = parseStsRecord([record.value]);
    const about = `policy of ${policy.domain}, mode ${policy.policy.mode}`;
    const answer = await this.#ask(record.name, 'TXT');
    const checked = this.#checked({ ...record, purpose: 'MTA-STS', about }, answer, (found) => {
      const texts = textsOf(found).filter((text) => text.startsWith('v=STSv1'));
      const there = parseStsRecord(texts);
      if (there.kind === 'record' && wanted.kind === 'record' && there.id === wanted.id) return right(texts);
      if (texts.length === 0) return { status: 'missing', found: [], detail: 'Senders do not ask for the policy.' };
      const detail =
        there.kind === 'record'
          ? 'Senders that know another policy under this id do not fetch the present one.'
          : `Senders do not understand it: ${'why' in there ? there.why : ''}.`;
      return { status: 'different', found: texts, detail };
    });
    return [checked];
  }

  async #policyHost(domain: string): Promise<CheckedRecord[]> {
    const { hostname } = this.#request;
    const name = policyHost(domain);
    const about = `where senders fetch the policy of ${domain}; an address record does as well`;
    const record: PublishedRecord = { purpose: 'MTA-STS', name, type: 'CNAME', value: `${hostname}.`, about };
    const [own, there] = await Promise.all([this.#addresses(hostname), this.#addresses(name)]);
    if (there.kind === 'failed') return [this.#checked(record, there, () => right([]))];
    const found = there.addresses;
    return [
      this.#checked(record, there, () => {
        if (there.name === hostname || found.some((address) => own.addresses.includes(address))) return right(found);
        if (found.length === 0) return { status: 'missing', found, detail: 'Senders find no host to ask.' };
        if (own.addresses.length === 0)
          return { status: 'unknown', found, detail: `${hostname} has no address in DNS.` };
        return {
          status: 'different',
          found,
          detail: 'It leads to another machine, unless something in front passes it on.',
        };
      }),
    ];
  }

  /** What DNS says, not the file of hosts: that is what others see. */
  async #addresses(name: string): Promise<Answer & { readonly addresses: readonly string[] }> {
    const [four, six] = await Promise.all([this.#ask(name, 'A'), this.#ask(name, 'AAAA')]);
    const addresses = [...four.records, ...six.records].flatMap((record) =>
      record.type === 'A' || record.type === 'AAAA' ? [record.data] : [],
    );
    const answer = four.records.length > 0 || six.kind === 'failed' ? four : six.records.length > 0 ? six : four;
    return { ...answer, addresses };
  }

  // --- TLS-RPT (RFC 8460 3) ---

  async #tlsReports(domain: string): Promise<CheckedRecord[]> {
    const uris = this.#request.reportsTo(domain);
    const name = `_smtp._tls.${domain}`;
    const value = `v=TLSRPTv1; rua=${uris.join(',')}`;
    const about = `where others report how TLS to ${domain} went`;
    const answer = await this.#ask(name, 'TXT');
    return [
      this.#checked({ purpose: 'TLS-RPT', name, type: 'TXT', value, about }, answer, (found) => {
        const texts = textsOf(found).filter((text) => /^v=TLSRPTv1\s*;/.test(text));
        const [text] = texts;
        if (text === undefined) return { status: 'missing', found: [], detail: 'Nobody reports.' };
        if (texts.length > 1) return { status: 'different', found: texts, detail: 'Of several records none counts.' };
        const rua =
          /;\s*rua\s*=\s*([^;]*)/
            .exec(text)?.[1]
            ?.split(',')
            .map((uri) => uri.trim().toLowerCase()) ?? [];
        if (uris.some((uri) => rua.includes(uri.toLowerCase()))) return right(texts);
        if (rua.every((uri) => !/^(mailto|https):/.test(uri))) {
          return { status: 'different', found: texts, detail: 'It names nobody to report to.' };
        }
        return { status: 'different', found: texts, detail: 'Reports go elsewhere.' };
      }),
    ];
  }

  // --- SPF (RFC 7208) ---

  async #helo(): Promise<CheckedRecord[]> {
    const { hostname } = this.#request;
    if (this.#request.domains.includes(hostname)) return [];
    // RFC 7208 10.1.3: the name in EHLO is checked too, and alone for bounces.
    return await this.#spfOf(hostname, 'v=spf1 a -all', `name of this gateway in EHLO`);
  }

  async #spf(domain: string): Promise<CheckedRecord[]> {
    const { hostname } = this.#request;
    const own = domain === hostname ? 'a' : `a:${hostname}`;
    return await this.#spfOf(domain, `v=spf1 mx ${own} -all`, `who sends mail of ${domain}`);
  }

  async #spfOf(name: string, plain: string, about: string): Promise<CheckedRecord[]> {
    const { hostname } = this.#request;
    const [answer, own] = await Promise.all([this.#ask(name, 'TXT'), this.#addresses(hostname)]);
    const texts = spfRecords(answer.kind === 'failed' ? [] : textsOf(answer));
    const [text] = texts;
    const asked = (question: string, type: Parameters<Resolver['ask']>[1]) => this.#resolver.ask(question, type);
    const verdicts = await Promise.all(
      own.addresses.map(async (address) => ({ address, ...(await checkSpf(address, name, asked)) })),
    );
    const bad = verdicts.find(({ result }) => result !== 'pass');
    const passes = verdicts.length > 0 && bad === undefined;
    // What is there is kept, with this gateway put in before its end.
    const value =
      text === undefined || texts.length > 1 || passes
        ? passes && text !== undefined
          ? text
          : plain
        : withGateway(text, name, hostname);
    const record: PublishedRecord = { purpose: 'SPF', name, type: 'TXT', value, about };
    return [
      this.#checked(record, answer, () => {
        if (text === undefined)
          return { status: 'missing', found: [], detail: 'Receivers cannot tell who may send its mail.' };
        if (texts.length > 1) return { status: 'different', found: texts, detail: 'Of several records none counts.' };
        if (verdicts.length === 0) {
          return { status: 'unknown', found: texts, detail: `${hostname} has no address in DNS to check it with.` };
        }
        if (bad === undefined) return right(texts);
        const why = bad.why === '' ? '' : ` (${bad.why})`;
        const status: RecordStatus = bad.result === 'unknown' ? 'unknown' : 'different';
        return {
          status,
          found: texts,
          detail: `For ${bad.address}, an address of ${hostname}, it says ${bad.result}${why}.`,
        };
      }),
    ];
  }

  // --- DKIM (RFC 6376 3.6.1) ---

  async #dkim({ domain, selector, value, state, until }: DkimRecord): Promise<CheckedRecord[]> {
    const name = `${selector}._domainkey.${domain}`;
    const about = `${state} key of ${domain}`;
    const answer = await this.#ask(name, 'TXT');
    return [
      this.#checked({ purpose: 'DKIM', name, type: 'TXT', value, about }, answer, (found) => {
        const texts = textsOf(found);
        const [text] = texts;
        const over = state === 'retired' && this.#request.now >= until;
        const day = new Date(until).toISOString().slice(0, 10);
        if (text === undefined) {
          if (over) return { status: 'right', found: [], detail: 'It is gone; the key can be deleted.' };
          return { status: 'missing', found: [], detail: missingKey(state, day) };
        }
        if (texts.length > 1)
          return { status: 'different', found: texts, detail: 'There are several records of this name.' };
        const problem = dkimProblem(text, value);
        if (problem !== null) return { status: 'different', found: texts, detail: problem };
        if (over) return { status: 'superfluous', found: texts, detail: 'The record may go, and the key with it.' };
        if (state === 'retired')
          return { ...right(texts), detail: `It stays until ${day}: mail that it signed may still be on its way.` };
        return state === 'next' ? { ...right(texts), detail: 'The key can sign now.' } : right(texts);
      }),
    ];
  }
}

function right(found: readonly string[]): Judgement {
  return { status: 'right', found, detail: '' };
}

function distinct(keys: readonly ServedKey[]): ServedKey[] {
  return [...new Map(keys.toReversed().map((key) => [key.digest, key])).values()].toReversed();
}

function judgeTlsa(there: readonly string[], value: string, next: boolean): { status: RecordStatus; detail: string } {
  if (there.includes(value)) {
    return {
      status: 'right',
      detail: next ? 'Two of its TTLs after it was published the certificate can be used.' : '',
    };
  }
  if (next) {
    return {
      status: 'missing',
      detail: 'Publish it beside the others, at least two TTLs before the certificate is used.',
    };
  }
  if (there.length === 0) return { status: 'missing', detail: 'Senders do not check the certificate by DANE.' };
  return { status: 'different', detail: 'Senders that check DANE do not deliver to a host with this certificate.' };
}

function missingKey(state: DkimRecord['state'], day: string): string {
  if (state === 'next') return 'Publish it; the key signs when it is there and has been made active.';
  if (state === 'active') return 'Receivers cannot check our signatures.';
  return `It should stay until ${day}: mail that it signed may still be on its way.`;
}

/** RFC 6376 3.6.1; null: receivers read the same key out of both. */
function dkimProblem(there: string, wanted: string): string | null {
  const [found, own] = [tagsOf(there), tagsOf(wanted)];
  if ((found.get('v') ?? 'DKIM1') !== 'DKIM1') return 'It is no DKIM record.';
  const key = found.get('p')?.replaceAll(/\s/g, '');
  if (key === undefined) return 'It has no key.';
  if (key === '') return 'It says that the key is revoked.';
  if (key !== own.get('p') || (found.get('k') ?? 'rsa') !== own.get('k')) return 'It is the record of another key.';
  const hashes = found.get('h');
  if (hashes?.split(':').every((hash) => hash.trim() !== 'sha256') === true) return 'It does not allow SHA-256.';
  const services = found.get('s');
  if (services?.split(':').every((service) => !['*', 'email'].includes(service.trim())) === true)
    return 'It is not for mail.';
  if (
    found
      .get('t')
      ?.split(':')
      .some((flag) => flag.trim() === 'y') === true
  ) {
    return 'It says that signing is only tested (t=y): receivers treat the mail as unsigned.';
  }
  return null;
}

function tagsOf(text: string): Map<string, string> {
  return new Map(
    text.split(';').flatMap((tag) => {
      const at = tag.indexOf('=');
      return at < 0 ? [] : [[tag.slice(0, at).trim(), tag.slice(at + 1).trim()] as const];
    }),
  );
}

/** `v=spf1 include:x -all` → `v=spf1 include:x a:gw.example.com -all`. */
function withGateway(text: string, name: string, hostname: string): string {
  const own = name === hostname ? 'a' : `a:${hostname}`;
  const terms = text.split(/ +/).filter((term) => term !== '');
  const end = terms.findIndex((term) => /^[+\-~?]?all$|^redirect=/i.test(term));
  return terms.toSpliced(end < 0 ? terms.length : end, 0, own).join(' ');
}
