// The English texts; the German ones have the same keys (enforced by their types and by test/web/texts.test.ts).
import { access } from './access.ts';
import { changes } from './changes.ts';
import { dns } from './dns.ts';
import { frame } from './frame.ts';
import { monitor } from './monitor.ts';
import { network } from './network.ts';
import { preview } from './preview.ts';
import { session } from './session.ts';
import { ssl } from './ssl.ts';
import { system } from './system.ts';
import { tlsReports } from './tls-reports.ts';
import { users } from './users.ts';
import { verification } from './verification.ts';

export const en = {
  ...frame,
  ...monitor,
  ...network,
  ...dns,
  ...changes,
  ...preview,
  ...session,
  ...ssl,
  ...access,
  ...system,
  ...tlsReports,
  ...users,
  ...verification,
} as const;
export type English = typeof en;
