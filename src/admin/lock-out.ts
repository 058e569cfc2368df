// Nobody locks himself or another administrator out of the web UI by mistake. What their browsers and programs really sent, when
// they last came, is put before OpenSSL once more under the new settings.
import { same } from '../config/elements.ts';
import type { CertificateSettings, Snapshot } from '../config/snapshot.ts';
import { PosternError } from '../errors.ts';
import { compileServerTls, type ServerTls } from '../tls/contexts.ts';
import { explainInbound, guiService } from '../tls/explain.ts';
import { helloIn } from '../tls/peek.ts';
import { isPubliclyValid } from '../tls/public-certificate.ts';
import { replayHello } from '../tls/replay.ts';
import type { LastHello } from './auth/users.ts';
import { webOrigin } from './commands/setup.ts';
import type { Actor } from './host.ts';

/** Logons of the last 90 days count. */
export const helloLife = 90 * 24 * 3600 * 1000;

export interface WebChange {
  readonly next: Snapshot;
  readonly present: Snapshot;
  readonly actor: Actor;
  readonly hellos: readonly LastHello[];
  /** It was said again on purpose: nobody is looked after. */
  readonly force: boolean;
}

interface Excluded {
  readonly who: string;
  readonly reason: string;
}

/** Sentences for who commits. Throws `lock-out` where somebody could not connect any more, `bad-configuration` (HSTS). */
export async function checkWebChange(change: WebChange): Promise<string[]> {
  const { next, present } = change;
  if (next.gui.hsts && !isPubliclyValid(webCertificate(next))) {
    throw new PosternError(
      'bad-configuration',
      `gui.hsts: the certificate "${next.gui.certificate}" is not valid for browsers, and HSTS forbids to go on all the same`,
      { remedy: 'choose a certificate of a public authority first, or leave gui.hsts off' },
    );
  }
  const newCertificate = !same(webCertificate(next), webCertificate(present));
  const excluded: Excluded[] = [];
  if (change.force) return warningsOf(next, present, newCertificate);
  if (newCertificate || !same(next.tls.gui, present.tls.gui)) excluded.push(...(await excludedBy(change)));
  if (present.gui.hsts && newCertificate && !isPubliclyValid(webCertificate(next))) {
    excluded.push({
      who: 'every browser that was here in the last 7 days',
      reason: 'It remembers from HSTS to accept publicly valid certificates only.',
    });
  }
  if (excluded.length > 0) throw refusal(excluded);
  return warningsOf(next, present, newCertificate);
}

function warningsOf(next: Snapshot, present: Snapshot, newCertificate: boolean): string[] {
  return [...addressWarnings(next, present), ...(newCertificate ? [certificateWarning] : [])];
}

const certificateWarning =
  'The web UI has another certificate: browsers and programs that do not trust it warn, or refuse to connect.';

/** The change may cut off whoever makes it. */
export function changesWebAccess(next: Snapshot, present: Snapshot): boolean {
  const { gui, tls } = next;
  return (
    !same(tls.gui, present.tls.gui) ||
    !same(gui.ports, present.gui.ports) ||
    gui.address !== present.gui.address ||
    !same(webCertificate(next), webCertificate(present))
  );
}

function addressWarnings(next: Snapshot, present: Snapshot): string[] {
  const origins = next.gui.ports.map((port) => webOrigin(next.gui, port));
  if (same(next.gui.ports, present.gui.ports) && next.gui.address === present.gui.address) return [];
  if (origins.length === 0) return ['The web UI has no port any more: it is reached by nobody.'];
  return [`The web UI is at ${origins.join(' and ')} from now on.`];
}

async function excludedBy({ next, present, actor, hellos }: WebChange): Promise<Excluded[]> {
  const [after, before] = [compiled(next), compiled(present)];
  const excluded: Excluded[] = [];
  if (actor.flight !== null) {
    const reason = await reasonAgainst(actor.flight, after);
    if (reason !== null) excluded.push({ who: `you, with what you are using now (${actor.address})`, reason });
  }
  for (const { user, address, time, flight } of hellos) {
    // Of the person who commits, the present connection was looked at already if it is the same client.
    if (user === actor.user && actor.flight !== null && Buffer.from(flight).equals(actor.flight)) continue;
    const reason = await reasonAgainst(flight, after);
    // Who could not connect before is not locked out by this.
    if (reason === null || (await reasonAgainst(flight, before)) !== null) continue;
    excluded.push({ who: `${user}, as of the logon from ${address} on ${new Date(time).toISOString()}`, reason });
  }
  return excluded;
}

/** Why a client of this hello is not served; null: it is. */
async function reasonAgainst(flight: Uint8Array, tls: ServerTls): Promise<string | null> {
  const verdict = await replayHello(flight, tls);
  if (verdict.outcome !== 'refused') return null;
  const ours = { settings: tls.settings, keys: tls.keys, accepted: () => tls.accepted(), service: guiService };
  return explainInbound({ kind: 'openssl', reason: verdict.reason }, helloIn(flight), ours) ?? verdict.reason;
}

function refusal(excluded: readonly Excluded[]): PosternError {
  const list = excluded.map(({ who, reason }) => `${who}: ${reason}`);
  return new PosternError('lock-out', `the web UI could not be reached any more by ${list.join('; ')}`, {
    remedy: 'choose settings that serve them, or commit once more on purpose',
    issues: list.map((detail) => ({ pointer: '/tls/gui', detail })),
  });
}

function compiled(snapshot: Snapshot): ServerTls {
  return compileServerTls(snapshot.tls.gui, webCertificate(snapshot));
}

export function webCertificate(snapshot: Snapshot): CertificateSettings {
  const { certificate: name } = snapshot.gui;
  const certificate = snapshot.certificates.find((candidate) => candidate.name === name);
  if (certificate === undefined) throw new PosternError('bad-configuration', `no certificate is named "${name}"`);
  return certificate;
}
