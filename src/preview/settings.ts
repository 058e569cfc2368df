// The part of a snapshot that a preview compares.
import type { CertificateSettings, FormerSettings } from '../config/snapshot.ts';

/** A snapshot may hold 100,000 addresses; these few values go to the preview thread instead. */
export { formerSettings as previewSettings } from '../config/former.ts';
export type PreviewSettings = FormerSettings;

export function certificateNamed(settings: PreviewSettings, name: string): CertificateSettings | null {
  return settings.certificates.find((certificate) => certificate.name === name) ?? null;
}
