// Texts with places: `{name}` takes a value, `{count|one message|# messages}` chooses by number (German and English know
// one and many) and puts the number where `#` stands.

type Place<Inner extends string> = Inner extends `${infer Name}|${string}` ? Name : Inner;

/** The names of the places of a text. */
export type Places<Text extends string> = Text extends `${string}{${infer Inner}}${infer Rest}`
  ? Place<Inner> | Places<Rest>
  : never;

export type Values = Readonly<Record<string, string | number>>;

/** Fills the places of a text. A place without a value stays as it is, so that it is seen. */
export function fill(text: string, values: Values, number: (value: number) => string): string {
  return text.replaceAll(/\{([^{}]+)\}/g, (whole, inner: string) => {
    const [name = '', one, many] = inner.split('|');
    const value = values[name];
    if (value === undefined) return whole;
    const shown = typeof value === 'number' ? number(value) : value;
    if (one === undefined || many === undefined) return shown;
    return (value === 1 ? one : many).replaceAll('#', shown);
  });
}

/** The names of the places of a text, for the test of the catalogues. */
export function placesOf(text: string): readonly string[] {
  return [...text.matchAll(/\{([^{}|]+)(?:\|[^{}]*)?\}/g)].map((found) => found[1] ?? '').toSorted();
}
