// Die deutschen Texte, im Wortlaut nach der deutschen Dokumentation des Vorbilds ("SSL-Konfiguration", "Einstellungen bearbeiten").
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

export const de = {
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
};
