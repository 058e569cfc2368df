// A real HTTPS server on port 443 of a loopback address that answers for the policy hosts of many domains, well or badly.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Issued } from '../dane/certificates.ts';

export interface PolicyAnswer {
  readonly status?: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** Answers a byte every 100 ms. */
  readonly slow?: true;
  /** Shows this certificate instead of the right one. */
  readonly pair?: Issued;
}

export interface PolicyHost {
  /** `mta-sts.example.com` → what it answers; may be changed. */
  readonly answers: Map<string, PolicyAnswer>;
  /** Host and path of each request. */
  readonly requests: string[];
  /** Most requests at a time. */
  readonly most: number;
  close(): Promise<void>;
}

export const policy = (mode: string, mx: readonly string[], more = ''): string =>
  `version: STSv1\r\nmode: ${mode}\r\n${mx.map((one) => `mx: ${one}\r\n`).join('')}max_age: 86400\r\n${more}`;

/** `pair`: shown unless an answer says otherwise; `chain`: file of certificates behind it. */
export async function startPolicyHost(address: string, pair: Issued, port = 443): Promise<PolicyHost> {
  const answers = new Map<string, PolicyAnswer>();
  const requests: string[] = [];
  let now = 0;
  let most = 0;
  const contextOf = ({ certFile, keyFile }: Issued) =>
    createSecureContext({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
  const usual = contextOf(pair);
  const server = createServer(
    {
      SNICallback: (name, done) => {
        const own = answers.get(name)?.pair;
        done(null, own === undefined ? usual : contextOf(own));
      },
    },
    (request, response) => {
      now++;
      most = Math.max(most, now);
      response.on('close', () => now--);
      requests.push(`${request.headers.host}${request.url}`);
      answer(answers.get(request.headers.host ?? ''), request, response);
    },
  );
  server.on('tlsClientError', () => {}); // a client that does not like the certificate
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
  return {
    answers,
    requests,
    get most() {
      return most;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(wanted: PolicyAnswer | undefined, request: IncomingMessage, response: ServerResponse): void {
  if (wanted === undefined || request.url !== '/.well-known/mta-sts.txt') {
    response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not here');
    return;
  }
  const { status = 200, type = 'text/plain; charset=utf-8', headers = {}, body, slow } = wanted;
  response.writeHead(status, { 'Content-Type': type, ...headers });
  if (slow === undefined) {
    response.end(body);
    return;
  }
  let at = 0;
  const timer = setInterval(() => response.write(body.charAt(at++ % body.length)), 100);
  response.on('close', () => clearInterval(timer));
}
