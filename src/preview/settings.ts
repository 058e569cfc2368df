// The part of a snapshot that a preview compares.
import type { CertificateSettings, Snapshot } from '../config/snapshot.ts';

export interface PreviewSettings {
  readonly revision: number;
  readonly tls: Snapshot['tls'];
  readonly listeners: Snapshot['listeners'];
  readonly gui: Snapshot['gui'];
  readonly certificates: Snapshot['certificates'];
  readonly destinations: Snapshot['destinations'];
  readonly exceptions: Snapshot['exceptions'];
}

/** A snapshot may hold 100,000 addresses; these few values go to the preview thread instead. */
export function previewSettings(snapshot: Snapshot): PreviewSettings {
  const { revision, tls, listeners, gui, certificates, destinations, exceptions } = snapshot;
  return { revision, tls, listeners, gui, certificates, destinations, exceptions };
}

export function certificateNamed(settings: PreviewSettings, name: string): CertificateSettings | null {
  return settings.certificates.find((certificate) => certificate.name === name) ?? null;
}
