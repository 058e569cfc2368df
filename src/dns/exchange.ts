// One question to one server: UDP, then TCP where the answer did not fit (RFC 7766).
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import net from 'node:net';
import { type DnsMessage, decodeAnswer, encodeQuestion, mixCase, type QuestionType } from './message.ts';

export interface DnsServer {
  readonly address: string;
  readonly port: number;
  /** Its AD bit is believed: it is on this machine, or the administrator said so. */
  readonly trusted: boolean;
}

/**
 * Those that are asked: where one is trusted, the trusted ones alone. What a validating server refuses, because its signatures are
 * wrong, another one would hand out as if it had never been signed (RFC 7672 2.1.2).
 */
export function askedServers(servers: readonly DnsServer[]): readonly DnsServer[] {
  const trusted = servers.filter((server) => server.trusted);
  return trusted.length > 0 ? trusted : servers;
}

/**
 * Asks once. Rejects with an Error: `timeout`, or that of the socket. Every question has a port and an ID of its own, and
 * the socket hears only the server (RFC 5452 4.5, 9.2); over UDP the name has capitals by chance, and an answer without them
 * is asked for again over TCP, where nobody beside the path can forge one.
 */
export async function exchange(
  server: DnsServer,
  name: string,
  type: QuestionType,
  timeout: number,
): Promise<DnsMessage> {
  const deadline = performance.now() + timeout;
  const mixed = mixCase(name, randomBytes(32));
  let answer = await overUdp(server, mixed, type, true, timeout);
  if (answer.rcode === 'FORMERR' || answer.rcode === 'NOTIMP' || answer.rcode === 'BADVERS') {
    // RFC 6891 7: a server that does not know EDNS0.
    answer = await overUdp(server, mixed, type, false, left(deadline));
  }
  return answer.truncated || !answer.caseKept ? overTcp(server, name, type, left(deadline)) : answer;
}

function left(deadline: number): number {
  return Math.max(1, deadline - performance.now());
}

function overUdp(
  server: DnsServer,
  name: string,
  type: QuestionType,
  withEdns: boolean,
  timeout: number,
): Promise<DnsMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<DnsMessage>();
  const id = randomInt(65_536);
  const socket = createSocket(net.isIPv6(server.address) ? 'udp6' : 'udp4');
  const finish = (): void => {
    clearTimeout(timer);
    socket.close();
  };
  const timer = setTimeout(() => {
    finish();
    reject(new Error('timeout'));
  }, timeout);
  socket.once('error', (error) => {
    finish();
    reject(error);
  });
  socket.on('message', (bytes) => {
    const answer = decodeAnswer(bytes, id, name, type);
    // Anything else may be forged: the true answer can still come.
    if (answer === null) return;
    finish();
    resolve(answer);
  });
  socket.connect(server.port, server.address, (error?: Error) => {
    if (error === undefined || error === null) socket.send(encodeQuestion(id, name, type, withEdns));
    else socket.emit('error', error);
  });
  return promise;
}

function overTcp(server: DnsServer, name: string, type: QuestionType, timeout: number): Promise<DnsMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<DnsMessage>();
  const id = randomInt(65_536);
  const socket = net.connect({ host: server.address, port: server.port, noDelay: true });
  const finish = (error: Error | null, answer: DnsMessage | null): void => {
    clearTimeout(timer);
    socket.destroy();
    if (answer !== null) resolve(answer);
    else reject(error ?? new Error('connection closed'));
  };
  const timer = setTimeout(() => finish(new Error('timeout'), null), timeout);
  let received = Buffer.alloc(0);
  socket.on('connect', () => {
    const question = encodeQuestion(id, name, type, true);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(question.length);
    socket.write(Buffer.concat([length, question]));
  });
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (received.length < 2) return;
    const length = received.readUInt16BE(0);
    if (received.length < 2 + length) return;
    const answer = decodeAnswer(received.subarray(2, 2 + length), id, name, type);
    // Over TCP everything fits: half an answer is none.
    const whole = answer?.truncated === true ? null : answer;
    finish(whole === null ? new Error('malformed answer') : null, whole);
  });
  socket.on('error', (error) => finish(error, null));
  socket.on('close', () => finish(null, null));
  return promise;
}
