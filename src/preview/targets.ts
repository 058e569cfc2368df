// What a candidate is compared on: each listener that mail was seen at, and the web service; with its contexts compiled.
import { createHash } from 'node:crypto';
import type { CertificateSettings, TlsServiceSettings } from '../config/snapshot.ts';
import { RangeTable } from '../smtp/access.ts';
import { compileServerTls, type ServerTls } from '../tls/contexts.ts';
import { certificateNamed, type PreviewSettings } from './settings.ts';

/**
 * `key`: the same for the same settings and certificates; `contexts`: likewise for each of the two contexts, as most candidates
 * leave one of them as it is. `alpn`: protocols of the web service.
 */
export interface TlsSide {
  readonly kind: 'tls';
  readonly key: string;
  readonly contexts: { readonly modern: string; readonly legacy: string };
  readonly tls: ServerTls;
  readonly settings: TlsServiceSettings;
  readonly certificate: CertificateSettings;
  readonly alpn: readonly string[] | null;
}

/** `clear`: no TLS is offered. `closed`: there is no such listener. */
export type Side = TlsSide | { readonly kind: 'clear' } | { readonly kind: 'closed' };

export type Level = 'off' | 'preferred' | 'required';

export interface Target {
  readonly service: 'inbound' | 'gui';
  readonly listener: string;
  /** Under the candidate. */
  readonly level: Level;
  readonly levelBefore: Level;
  readonly from: Side;
  readonly to: Side;
  /** Single clients that get another side; null: none does. */
  readonly exceptions: { readonly from: RangeTable<Side>; readonly to: RangeTable<Side> } | null;
  /** Other clients, or other settings for them, than before. */
  readonly exceptionsChanged: boolean;
}

/** What it is called in sentences: `Inbound SMTP (listener "inbound")`. */
export function targetName({ service, listener }: Pick<Target, 'service' | 'listener'>): string {
  return service === 'gui' ? 'GUI HTTPS' : `Inbound SMTP, listener "${listener}"`;
}

type ListenerOf = readonly [PreviewSettings, PreviewSettings['listeners'][number]];

const webProtocols = ['h2', 'http/1.1'];
/** Compiled settings kept; making one takes 2 to 5 ms. */
const mostCompiled = 32;

export class Compiler {
  readonly #sides = new Map<string, TlsSide>();

  /** The targets of two settings; those of the running ones first. Throws what `compileServerTls` throws. */
  targets(running: PreviewSettings, candidate: PreviewSettings): readonly Target[] {
    const listeners = running.listeners.map((listener): Target => {
      const next = candidate.listeners.find(({ name }) => name === listener.name);
      return {
        service: 'inbound',
        listener: listener.name,
        level: next?.tls ?? listener.tls,
        levelBefore: listener.tls,
        from: this.#listener(running, listener),
        to: next === undefined ? { kind: 'closed' } : this.#listener(candidate, next),
        exceptions: this.#exceptions([running, listener], next === undefined ? null : [candidate, next]),
        exceptionsChanged: exceptionsKey(running) !== exceptionsKey(candidate),
      };
    });
    const gui: Target = {
      service: 'gui',
      listener: '',
      level: 'required',
      levelBefore: 'required',
      from: this.#gui(running),
      to: this.#gui(candidate),
      exceptions: null,
      exceptionsChanged: false,
    };
    return [...listeners, gui];
  }

  side(settings: TlsServiceSettings, certificate: CertificateSettings, alpn: readonly string[] | null = null): TlsSide {
    const key = keyOf(settings, certificate, alpn);
    const known = this.#sides.get(key);
    if (known !== undefined) return known;
    const tls = compileServerTls(settings, certificate);
    const side: TlsSide = {
      kind: 'tls',
      key,
      contexts: { modern: contextKey(tls.options.modern, alpn), legacy: contextKey(tls.options.legacy, alpn) },
      tls,
      settings,
      certificate,
      alpn,
    };
    if (this.#sides.size >= mostCompiled) this.#sides.clear();
    this.#sides.set(key, side);
    return side;
  }

  #listener(settings: PreviewSettings, listener: PreviewSettings['listeners'][number]): Side {
    if (listener.tls === 'off') return { kind: 'clear' };
    const certificate = certificateNamed(settings, listener.certificate);
    return certificate === null ? { kind: 'clear' } : this.side(settings.tls.inbound, certificate);
  }

  #exceptions(before: ListenerOf, after: ListenerOf | null): Target['exceptions'] {
    const [from, to] = [
      this.#exceptionsOf(before),
      after === null ? new RangeTable<Side>() : this.#exceptionsOf(after),
    ];
    return from.empty && to.empty ? null : { from, to };
  }

  #exceptionsOf([settings, listener]: ListenerOf): RangeTable<Side> {
    const table = new RangeTable<Side>();
    const certificate = certificateNamed(settings, listener.certificate);
    if (listener.tls === 'off' || certificate === null) return table;
    for (const { service, peer, settings: own } of settings.exceptions) {
      if (service === 'inbound') table.add(peer, this.side(own, certificate));
    }
    return table;
  }

  #gui(settings: PreviewSettings): Side {
    const certificate = certificateNamed(settings, settings.gui.certificate);
    if (settings.gui.ports.length === 0 || certificate === null) return { kind: 'closed' };
    return this.side(settings.tls.gui, certificate, webProtocols);
  }
}

function exceptionsKey({ exceptions }: PreviewSettings): string {
  return JSON.stringify(
    exceptions.filter(({ service }) => service === 'inbound').map(({ peer, settings }) => [peer, settings]),
  );
}

function keyOf(settings: TlsServiceSettings, certificate: CertificateSettings, alpn: readonly string[] | null): string {
  const pairs = certificate.pairs.map(({ cert }) => cert);
  return digest([settings.versions, settings.ciphers, pairs, alpn]);
}

/** Of everything that a context is made from; its certificate stands for its key. */
function contextKey(options: ServerTls['options']['legacy'], alpn: readonly string[] | null): string {
  return digest([{ ...options, key: undefined }, alpn]);
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22);
}
