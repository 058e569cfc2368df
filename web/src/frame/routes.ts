// Every page: where it is, what it is called, and the file that draws it (loaded when it is first needed).
import { type ComponentType, lazy } from 'react';
import type { Role } from '../api/session.ts';
import type { PlainKey } from '../i18n/language.tsx';

export const sections = ['monitor', 'policies', 'network', 'system'] as const;
export type Section = (typeof sections)[number];

export interface Route {
  readonly path: string;
  readonly title: PlainKey;
  /** Where it stands in the navigation; null: it is reached from another page. */
  readonly section: Section | null;
  /** Who is offered it in the navigation; without: everybody. */
  readonly roles?: readonly Role[];
  readonly page: ComponentType;
}

/** A page by the file that exports it and its name there. */
function page<Name extends string>(load: () => Promise<Readonly<Record<Name, ComponentType>>>, name: Name) {
  return lazy(async () => ({ default: (await load())[name] }));
}

/** In the order of the navigation. */
export const routes: readonly Route[] = [
  {
    path: '/monitor/overview',
    title: 'overview.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/overview.tsx'), 'Overview'),
  },
  {
    path: '/monitor/queue',
    title: 'queue.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/queue.tsx'), 'Queue'),
  },
  {
    path: '/monitor/tracking',
    title: 'tracking.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/tracking.tsx'), 'Tracking'),
  },
  {
    path: '/monitor/tracking/:mid',
    title: 'tracking.title',
    section: null,
    page: page(() => import('../pages/monitor/message.tsx'), 'Message'),
  },
  {
    path: '/monitor/log',
    title: 'log.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/mail-log.tsx'), 'MailLog'),
  },
  {
    path: '/monitor/tls-connections',
    title: 'connections.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/tls-connections.tsx'), 'TlsConnections'),
  },
  {
    path: '/monitor/verification',
    title: 'verify.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/verification.tsx'), 'VerificationPage'),
  },
  {
    path: '/monitor/failures',
    title: 'failures.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/failures.tsx'), 'Failures'),
  },
  {
    path: '/monitor/tls-reports',
    title: 'tlsReports.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/tls-reports.tsx'), 'TlsReports'),
  },
  {
    path: '/monitor/tls-reports/:id',
    title: 'tlsReports.title',
    section: null,
    page: page(() => import('../pages/monitor/tls-report.tsx'), 'TlsReport'),
  },
  {
    path: '/monitor/alerts',
    title: 'alerts.title',
    section: 'monitor',
    page: page(() => import('../pages/monitor/alerts.tsx'), 'AlertsPage'),
  },
  {
    path: '/policies/recipients',
    title: 'accept.title',
    section: 'policies',
    page: page(() => import('../pages/network/access-tables.tsx'), 'RecipientTable'),
  },
  {
    path: '/policies/relay',
    title: 'relay.title',
    section: 'policies',
    page: page(() => import('../pages/network/access-tables.tsx'), 'RelayTable'),
  },
  {
    path: '/policies/groups',
    title: 'groups.title',
    section: 'policies',
    page: page(() => import('../pages/network/sender-groups.tsx'), 'SenderGroups'),
  },
  {
    path: '/policies/destinations',
    title: 'destinations.title',
    section: 'policies',
    page: page(() => import('../pages/network/destinations.tsx'), 'Destinations'),
  },
  {
    path: '/policies/senders',
    title: 'senders.title',
    section: 'policies',
    page: page(() => import('../pages/network/senders.tsx'), 'Senders'),
  },
  {
    path: '/policies/exceptions',
    title: 'exceptions.title',
    section: 'policies',
    page: page(() => import('../pages/network/exceptions.tsx'), 'Exceptions'),
  },
  {
    path: '/network/listeners',
    title: 'listeners.title',
    section: 'network',
    page: page(() => import('../pages/network/listeners.tsx'), 'Listeners'),
  },
  {
    path: '/network/routes',
    title: 'routes.title',
    section: 'network',
    page: page(() => import('../pages/network/smtp-routes.tsx'), 'SmtpRoutes'),
  },
  {
    path: '/network/certificates',
    title: 'certificates.title',
    section: 'network',
    page: page(() => import('../pages/network/certificates.tsx'), 'Certificates'),
  },
  {
    path: '/network/dns',
    title: 'dns.title',
    section: 'network',
    page: page(() => import('../pages/network/dns-records.tsx'), 'DnsRecords'),
  },
  {
    path: '/system/ssl',
    title: 'ssl.title',
    section: 'system',
    page: page(() => import('../pages/system/ssl/ssl-configuration.tsx'), 'SslConfiguration'),
  },
  {
    path: '/system/roll-out',
    title: 'rollOut.title',
    section: 'system',
    page: page(() => import('../pages/system/roll-out.tsx'), 'RollOutPage'),
  },
  {
    path: '/system/rehearsal',
    title: 'rehearsal.title',
    section: 'system',
    page: page(() => import('../pages/system/rehearsal.tsx'), 'RehearsalPage'),
  },
  {
    path: '/system/history',
    title: 'history.title',
    section: 'system',
    page: page(() => import('../pages/changes/history.tsx'), 'History'),
  },
  {
    path: '/system/history/diff',
    title: 'history.title',
    section: null,
    page: page(() => import('../pages/changes/comparison.tsx'), 'Comparison'),
  },
  {
    path: '/system/file',
    title: 'file.title',
    section: 'system',
    page: page(() => import('../pages/changes/configuration-file.tsx'), 'ConfigurationFile'),
  },
  {
    path: '/commit',
    title: 'commit.title',
    section: null,
    page: page(() => import('../pages/changes/commit.tsx'), 'CommitPage'),
  },
  {
    path: '/system/users',
    title: 'users.title',
    section: 'system',
    roles: ['administrator'],
    page: page(() => import('../pages/system/users.tsx'), 'Users'),
  },
  {
    path: '/account',
    title: 'frame.account',
    section: null,
    page: page(() => import('../pages/account/account.tsx'), 'Account'),
  },
  {
    path: '/system/tokens',
    title: 'tokens.title',
    section: 'system',
    page: page(() => import('../pages/system/tokens.tsx'), 'Tokens'),
  },
  {
    path: '/system/audit',
    title: 'audit.title',
    section: 'system',
    page: page(() => import('../pages/system/audit.tsx'), 'AuditTrail'),
  },
  {
    path: '/system/version',
    title: 'version.title',
    section: 'system',
    page: page(() => import('../pages/system/version.tsx'), 'VersionAndHealth'),
  },
];
