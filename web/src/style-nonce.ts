// The content security policy lets <style> elements in only with the value that came with the page.
declare global {
  var __webpack_nonce__: string | undefined;
}

const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
// Where react-remove-scroll (Mantine's dialogs lock the page behind them with it) looks.
globalThis.__webpack_nonce__ = nonce;

export function styleNonce(): string {
  return nonce;
}
