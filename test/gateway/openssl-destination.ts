// A destination whose TLS is OpenSSL's own server: a plain front that speaks SMTP up to the 220 of STARTTLS, `openssl s_server`
// for the handshake, and what s_server decrypts answered on its standard input. One connection at a time.
import { spawn } from 'node:child_process';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './harness.ts';

export interface OpensslDestination {
  readonly address: string;
  readonly port: number;
  /** Recipients of the mail that arrived, in order. */
  readonly recipients: readonly string[];
  readonly bodies: readonly string[];
  /** MAIL of the message for each recipient. */
  readonly mails: ReadonlyMap<string, string>;
  close(): Promise<void>;
}

/** `pair`: names of files. `args`: further arguments of s_server, such as `-tls1_2`. `extension`: of EHLO inside TLS. */
export async function startOpensslDestination(
  pair: { readonly certFile: string; readonly keyFile: string },
  args: readonly string[],
  address = '127.0.0.1',
  port = 0,
  extension = '8BITMIME',
): Promise<OpensslDestination> {
  const tlsPort = await freePort();
  const server = spawn(
    'openssl',
    ['s_server', '-accept', `127.0.0.1:${tlsPort}`, '-quiet', '-cert', pair.certFile, '-key', pair.keyFile, ...args],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const recipients: string[] = [];
  const bodies: string[] = [];
  const mails = new Map<string, string>();
  let mail = '';
  let input = '';
  let errors = '';
  let to: string[] = [];
  let body: string | null = null;
  /** Of the connection whose turn it is. Lines before its EHLO are late ones of the one before. */
  let greeted = false;
  let hangUp = () => {};
  const answer = (line: string): string => {
    const verb = line.slice(0, 4).toUpperCase();
    if (!greeted && verb !== 'EHLO') return '';
    if (body !== null) {
      if (line !== '.') {
        body += `${line}\r\n`;
        return '';
      }
      bodies.push(body);
      body = null;
      recipients.push(...to);
      for (const one of to) mails.set(one, mail);
      return '250 2.0.0 OK\r\n';
    }
    switch (verb) {
      case 'EHLO':
        greeted = true;
        to = [];
        return `250-openssl.test\r\n250 ${extension}\r\n`;
      case 'RCPT':
        to.push(/<(.*)>/.exec(line)?.[1] ?? '');
        return '250 2.1.5 OK\r\n';
      case 'DATA':
        body = '';
        return '354 go on\r\n';
      case 'QUIT':
        // An answer that the client does not wait for would go to the next one: s_server reads it when it likes.
        hangUp();
        return '';
      case 'MAIL':
        to = [];
        mail = line;
        return '250 2.1.0 OK\r\n';
      default:
        return '250 2.0.0 OK\r\n';
    }
  };
  server.stdout.on('data', (chunk: Buffer) => {
    input += chunk.toString('latin1');
    for (let end = input.indexOf('\r\n'); end >= 0; end = input.indexOf('\r\n')) {
      const line = input.slice(0, end);
      input = input.slice(end + 2);
      const reply = answer(line);
      if (reply !== '') server.stdin.write(reply);
    }
  });
  server.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  server.stdin.on('error', () => {}); // it has ended; its exit is what counts
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));

  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  // s_server has one connection at a time, and so has its standard input.
  let turn = Promise.resolve();
  const secure = async (socket: net.Socket) => {
    const before = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turn = promise;
    await before;
    input = '';
    body = null;
    greeted = false;
    const tls = net.connect(tlsPort, '127.0.0.1', () => {
      socket.write('220 2.0.0 go on\r\n');
      socket.pipe(tls);
      tls.pipe(socket);
    });
    keep(tls);
    hangUp = () => tls.end();
    tls.on('close', () => {
      resolve();
      socket.end();
    });
    if (socket.destroyed) tls.destroy();
    else socket.on('close', () => tls.destroy());
  };
  const front = net.createServer({ noDelay: true }, (socket) => {
    keep(socket);
    socket.write('220 openssl.test ESMTP\r\n');
    const listen = (chunk: Buffer) => {
      const command = chunk.toString('latin1').slice(0, 4).toUpperCase();
      if (command === 'EHLO') socket.write('250-openssl.test\r\n250-8BITMIME\r\n250 STARTTLS\r\n');
      else if (command === 'QUIT') socket.end('221 2.0.0 bye\r\n');
      else if (command === 'STAR') {
        socket.off('data', listen);
        void secure(socket);
      } else socket.write('530 5.7.0 Must issue a STARTTLS command first\r\n');
    };
    socket.on('data', listen);
  });
  await new Promise<void>((resolve, reject) => front.once('error', reject).listen(port, address, resolve));
  const deadline = Date.now() + 10_000;
  while (!(await listens(tlsPort))) {
    if (Date.now() > deadline || server.exitCode !== null) throw new Error(`s_server did not start: ${errors}`);
    await sleep(30);
  }
  const bound = front.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return {
    address,
    port: bound.port,
    recipients,
    bodies,
    mails,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      front.close();
      server.kill('SIGKILL');
      await ended;
    },
  };
}

async function listens(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once('connect', () => resolve(true));
  socket.once('error', () => resolve(false));
  const answered = await promise;
  socket.destroy();
  return answered;
}
