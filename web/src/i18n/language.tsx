// The language of the interface: chosen by the browser's, kept once it is switched. A catalogue is loaded when it is needed.
import { createContext, type ReactNode, use, useEffect, useMemo, useState } from 'react';
import type { English } from './en/index.ts';
import { type Format, formatFor } from './format.ts';
import { fill, type Places, type Values } from './message.ts';

export const languages = ['en', 'de'] as const;
export type Language = (typeof languages)[number];
export type TextKey = keyof English;
/** The keys of texts without places. */
export type PlainKey = { [Key in TextKey]: [Places<English[Key]>] extends [never] ? Key : never }[TextKey];
type Catalogue = Readonly<Record<TextKey, string>>;

/** `t('queue.count', { count: 3 })`: the values are exactly the places of the English text. */
export type Translate = <Key extends TextKey>(
  key: Key,
  ...values: [Places<English[Key]>] extends [never] ? [] : [Readonly<Record<Places<English[Key]>, string | number>>]
) => string;

export interface LanguageContext {
  readonly language: Language;
  readonly setLanguage: (language: Language) => void;
  readonly t: Translate;
  readonly format: Format;
}

const Context = createContext<LanguageContext | null>(null);
const storageKey = 'postern-language';

const loaders: Readonly<Record<Language, () => Promise<Catalogue>>> = {
  en: async () => (await import('./en/index.ts')).en,
  de: async () => (await import('./de/index.ts')).de,
};

function isLanguage(value: string | null | undefined): value is Language {
  return languages.some((language) => language === value);
}

function preferred(): Language {
  const kept = localStorage.getItem(storageKey);
  if (isLanguage(kept)) return kept;
  const wanted = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find(isLanguage) ?? 'en';
}

export interface Loaded {
  readonly language: Language;
  readonly texts: Catalogue;
}

/** Loads the catalogue of the preferred language; the interface is not drawn before it is there. */
export async function loadLanguage(language: Language = preferred()): Promise<Loaded> {
  return { language, texts: await loaders[language]() };
}

export function LanguageProvider({ initial, children }: { readonly initial: Loaded; readonly children: ReactNode }) {
  const [loaded, setLoaded] = useState(initial);
  const { language, texts } = loaded;
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const value = useMemo((): LanguageContext => {
    const format = formatFor(language);
    return {
      language,
      format,
      t: (key, ...values) => fill(texts[key], (values[0] ?? {}) as Values, format.number),
      setLanguage: (next) => {
        localStorage.setItem(storageKey, next);
        void loadLanguage(next).then(setLoaded);
      },
    };
  }, [language, texts]);
  return <Context value={value}>{children}</Context>;
}

export function useLanguage(): LanguageContext {
  const context = use(Context);
  if (context === null) throw new Error('useLanguage outside of LanguageProvider');
  return context;
}
