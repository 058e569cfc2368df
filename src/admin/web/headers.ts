// What every answer of the web service says to a browser.

/** For everything that is no page: nothing in it is ever to be run, framed or fetched by others. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // With `no-referrer` a form would send `Origin: null` (Fetch 3.1), which is refused.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'cache-control': 'no-store',
};

/** What the page's `<meta property="csp-nonce">` and its tags carry in the built file; each answer has a value of its own. */
export const noncePlaceholder = '__CSP_NONCE__';

/**
 * The page of the UI. Scripts come from our own files only. Mantine writes `<style>` elements as it runs (its variables, and
 * a rule for each responsive property), so styles need the nonce; `style-src-attr` stays closed: React sets styles of
 * elements through the CSSOM, which no policy forbids. Measured with Chromium and Firefox in the tests of the UI.
 */
export function pagePolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}
