// Placeholder for the interface that other modules are written against; the engine follows.
import type { SecureContext } from 'node:tls';
import type { TlsServiceSettings } from '../config/snapshot.ts';
import type { ClientHello } from './hello.ts';

/** The contexts of one listener: its service's settings and its certificate. Immutable. */
export interface ServerTls {
  readonly settings: TlsServiceSettings;
  /** A peeked hello goes to the legacy context only if its highest version is 1.1 or lower. */
  choose(hello: ClientHello): SecureContext;
}

/** The contexts of outgoing connections. */
export interface ClientTls {
  readonly settings: TlsServiceSettings;
  readonly modern: SecureContext;
  /** Present only where 1.0 or 1.1 is selected. */
  readonly legacy: SecureContext | null;
}
