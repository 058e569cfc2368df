// Die deutschen Texte, im Wortlaut nach der deutschen Dokumentation des Vorbilds ("SSL-Konfiguration", "Einstellungen bearbeiten").
import { access } from './access.ts';
import { frame } from './frame.ts';
import { session } from './session.ts';
import { system } from './system.ts';

export const de = { ...frame, ...session, ...access, ...system };
