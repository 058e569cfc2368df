// The report in a mail or a request, decompressed. What comes out is as large as the limit allows, whatever comes in.
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { mimeParts } from './mime.ts';
import { UnreadableReport } from './parse.ts';

const decompress = promisify(gunzip);

export interface ExtractLimits {
  /** Bytes as it comes, and decompressed. */
  readonly tlsReport: number;
  readonly tlsReportContent: number;
}

/** How much larger a mail may be than the report in it: Base64, header, the part for people. */
export const mostMail = ({ tlsReport }: Pick<ExtractLimits, 'tlsReport'>): number => 2 * tlsReport + 128 * 1024;

/** The JSON in a mail. Throws UnreadableReport. */
export async function reportInMail(message: Uint8Array, limits: ExtractLimits): Promise<Buffer> {
  const parts = mimeParts(message);
  // RFC 8460 5.3; then those who send it as just any attachment, known by its name.
  const found =
    parts.find(({ type }) => type === 'application/tlsrpt+gzip' || type === 'application/tlsrpt+json') ??
    parts.find(({ file }) => /\.json(\.gz)?$/i.test(file.trim())) ??
    parts.find(({ type }) => /^application\/(x-)?gzip$|^application\/json$/.test(type));
  if (found === undefined) throw new UnreadableReport('there is no TLS report in the message');
  return await reportInBytes(found.content(), limits);
}

/** Plain or compressed; the bytes tell, whatever the type says. */
export async function reportInBytes(bytes: Buffer, limits: ExtractLimits): Promise<Buffer> {
  if (bytes.length > limits.tlsReport) throw new UnreadableReport(`it is larger than ${limits.tlsReport} bytes`);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await decompress(bytes, { maxOutputLength: limits.tlsReportContent });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    throw new UnreadableReport(
      code === 'ERR_BUFFER_TOO_LARGE'
        ? `it is larger than ${limits.tlsReportContent} bytes when decompressed`
        : 'it cannot be decompressed',
    );
  }
}
