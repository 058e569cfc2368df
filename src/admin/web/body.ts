// The body of a request, as far as it may go: so many bytes, within so much time. Fastify's own limit is fixed at the start;
// ours is part of the configuration. HTTP/2 requests have no deadline of Node's.
import { pipeline, type Readable, Transform } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface BodyBounds {
  /** Bytes. */
  readonly size: number;
  /** Of the configuration, that says so. */
  readonly key: string;
  /** ms, from the head of the request. */
  readonly deadline: number;
}

class RequestError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

export function boundedBody(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: Readable,
  bounds: BodyBounds,
): Readable {
  if (request.method === 'GET' || request.method === 'HEAD') return payload;
  const { size, key, deadline } = bounds;
  if (Number(request.headers['content-length']) > size) throw tooLarge(size, key);
  let received = 0;
  const body = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      received += chunk.length;
      if (received > size) done(tooLarge(size, key));
      else done(null, chunk);
    },
  });
  const timer = setTimeout(() => {
    body.destroy(new RequestError(408, `the request was not complete within ${deadline / 1000} s`));
  }, deadline);
  // Whoever reads `body` hears of an error; where nobody does, there is nobody to be told.
  pipeline(payload, body, () => clearTimeout(timer));
  reply.raw.once('close', () => clearTimeout(timer));
  return body;
}

function tooLarge(size: number, key: string): RequestError {
  return new RequestError(413, `the body is larger than ${size} bytes (${key})`);
}
