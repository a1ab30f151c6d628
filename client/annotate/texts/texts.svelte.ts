/** @file The language that is shown: the first that the browser asks for among the study's, or the study's first. */
import type { Language } from '../../../contract/visit.ts';
import { en, type Texts } from './en.ts';

const loaders: Record<Language, () => Promise<Texts>> = {
  en: () => Promise.resolve(en),
  // Only who reads them loads them.
  de: async () => (await import('./de.ts')).de,
  es: async () => (await import('./es.ts')).es,
};

class Shown {
  language = $state<Language>('en');
  texts = $state.raw<Texts>(en);
}
const shown = new Shown();

/** In the language that is shown. */
export function t(): Texts {
  return shown.texts;
}

export function language(): Language {
  return shown.language;
}

/** What the address asks for (`?lang=`), then what the browser does. */
export function wantedLanguages(): string[] {
  const asked = /[?&]lang=([a-z-]+)/i.exec(location.search)?.[1];
  return [...(asked === undefined ? [] : [asked]), ...navigator.languages].map(
    (tag) => tag.toLowerCase().split('-')[0]!,
  );
}

/** Every language that the page has. */
export const allLanguages = Object.keys(loaders) as Language[];

/** Shows the page in the best of these languages. A language that cannot be fetched leaves the page as it is. */
export async function showIn(languages: readonly Language[]): Promise<void> {
  const wanted = wantedLanguages();
  const best = wanted.find((name): name is Language => (languages as string[]).includes(name)) ?? languages[0] ?? 'en';
  if (best !== shown.language) {
    try {
      shown.texts = await loaders[best]();
      shown.language = best;
    } catch {
      return;
    }
  }
  Object.assign(document.documentElement, { lang: shown.language, dir: shown.texts.dir });
}
