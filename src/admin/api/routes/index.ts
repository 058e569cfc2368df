// All routes of the API.
import type { Route } from '../route.ts';
import { certificateRoutes } from './certificates.ts';
import { configurationRoutes } from './configuration.ts';
import { dnsRoutes } from './dns.ts';
import { eventRoutes } from './events.ts';
import { historyRoutes } from './history.ts';
import { logRoutes } from './logs.ts';
import { queueRoutes } from './queue.ts';
import { rollOutRoutes } from './rollout.ts';
import { sessionRoutes } from './session.ts';
import { statusRoutes } from './status.ts';
import { tableRoutes } from './tables.ts';
import { tlsRoutes } from './tls.ts';
import { tlsReportRoutes } from './tls-reports.ts';
import { peopleRoutes } from './users.ts';
import { verificationRoutes } from './verification.ts';

export const routes: readonly Route[] = [
  ...configurationRoutes,
  ...rollOutRoutes,
  ...tableRoutes,
  ...tlsRoutes,
  ...verificationRoutes,
  ...certificateRoutes,
  ...dnsRoutes,
  ...queueRoutes,
  ...historyRoutes,
  ...tlsReportRoutes,
  ...logRoutes,
  ...sessionRoutes,
  ...peopleRoutes,
  ...statusRoutes,
  ...eventRoutes,
];
