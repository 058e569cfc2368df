// A mail taken apart by the plainest means, so that our own reader is not its own witness.
export function simpleParser(message: Buffer) {
  const [head = '', ...rest] = message.toString('latin1').split('\r\n\r\n');
  const fieldIn = (text: string, name: string) =>
    new RegExp(`^${name}: (.*)$`, 'im').exec(text.replaceAll(/\r\n[ \t]/g, ' '))?.[1]?.trim() ?? '';
  const boundary = /boundary="([^"]+)"/.exec(head)?.[1] ?? '';
  const parts = rest
    .join('\r\n\r\n')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [partHead = '', ...body] = part.split('\r\n\r\n');
      return {
        type: fieldIn(partHead, 'content-type'),
        disposition: fieldIn(partHead, 'content-disposition'),
        body: body.join('\r\n\r\n'),
      };
    });
  return { field: (name: string) => fieldIn(head, name), parts };
}
