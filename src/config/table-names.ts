// Which lists of the configuration are shown as tables, and what their rows are.
import type { GatewayConfig } from './schema.ts';

export const tableNames = [
  'listeners',
  'accept',
  'relay',
  'senderGroups',
  'routes',
  'destinations',
  'senders',
  'exceptions',
] as const;
export type TableName = (typeof tableNames)[number];
export type TableValue<N extends TableName = TableName> = GatewayConfig[N][number];
