/** A parsed ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2; also SSLv2-format, RFC 5246 E.2). GREASE (RFC 8701) left in. */
export interface ClientHello {
  readonly legacyVersion: number;
  /** supported_versions, or null where the extension is absent. */
  readonly supportedVersions: readonly number[] | null;
  readonly suites: readonly number[];
  readonly groups: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  readonly serverName: string | null;
  readonly alpn: readonly string[];
  readonly sslv2: boolean;
}
