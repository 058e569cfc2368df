// /tls/verification: tlsverify and daneverify, with progress.
import { route } from '../route.ts';
import {
  presentVerificationSchema,
  verificationRequestSchema,
  verificationSchema,
  verifiedDomainParamsSchema,
  verifiedDomainSchema,
} from '../schemas/verification.ts';
import { beginVerification, endVerification, presentVerification, verifiedDomain } from '../verifications.ts';

const tag = 'tls';

export const verificationRoutes = [
  route({
    tag,
    access: 'operate',
    method: 'POST',
    path: '/tls/verification',
    summary: 'Begin to verify domains: whether mail to them would go out over TLS, and how (tlsverify, daneverify)',
    description:
      'No mail is sent. Connections are made as a delivery under the committed configuration makes them. `GET` tells how far it is, `DELETE` ends it. Each user has one at a time, all together `limits.verifications`.',
    body: verificationRequestSchema,
    response: verificationSchema,
    handler: async ({ host, caller, body }) => ({ body: await beginVerification(host, caller.user, body) }),
  }),
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/tls/verification',
    summary: 'How far your verification is, and what it has found',
    response: presentVerificationSchema,
    handler: ({ host, caller }) => ({ body: { verification: presentVerification(host, caller.user) } }),
  }),
  route({
    tag,
    access: 'operate',
    method: 'DELETE',
    path: '/tls/verification',
    summary: 'End your verification; what it has found stays',
    handler: ({ host, caller }) => {
      endVerification(host, caller.user);
      return { body: undefined };
    },
  }),
  route({
    tag,
    access: 'read',
    method: 'GET',
    path: '/tls/verification/{domain}',
    summary: 'All that your verification found of a domain',
    params: verifiedDomainParamsSchema,
    response: verifiedDomainSchema,
    handler: ({ host, caller, params }) => ({ body: verifiedDomain(host, caller.user, params.domain) }),
  }),
];
