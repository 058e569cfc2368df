// All routes of the API.
import type { Route } from '../route.ts';
import { configurationRoutes } from './configuration.ts';
import { statusRoutes } from './status.ts';
import { tlsRoutes } from './tls.ts';

export const routes: readonly Route[] = [...configurationRoutes, ...tlsRoutes, ...statusRoutes];
