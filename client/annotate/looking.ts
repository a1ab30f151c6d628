/** @file What was on screen while a question was asked; it goes with the vote. */
import type { Seen } from '../../contract/annotate.ts';
import { language } from './texts/texts.svelte.ts';

export class Looking {
  /** The largest since the question was asked; a pair's zoom stays over its questions. */
  #zoom = 1;
  #zoomNow = 1;
  #hidden = false;
  #scale = 0;
  #decodeMs = 0;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') this.#hidden = true;
    });
  }

  /** Another question. */
  begin(): void {
    this.#zoom = this.#zoomNow;
    this.#hidden = document.visibilityState === 'hidden';
  }

  /** @param ms from asking for a pair's images to both being decoded */
  decoded(ms: number): void {
    this.#decodeMs = ms;
  }

  zoomed(k: number): void {
    this.#zoomNow = k;
    this.#zoom = Math.max(this.#zoom, k);
  }

  /** @param scale device pixels per image pixel of the smaller of the two, unzoomed */
  fitted(scale: number): void {
    this.#scale = scale;
  }

  seen(): Seen {
    return {
      viewport: [innerWidth, innerHeight],
      devicePixelRatio,
      scale: round(this.#scale),
      zoom: round(this.#zoom),
      decodeMs: Math.round(this.#decodeMs),
      hidden: this.#hidden,
      translated: isTranslated(),
      language: language(),
    };
  }
}

/** Chrome and Edge mark the page; others are seen by the elements that they put around text. */
function isTranslated(): boolean {
  const { classList } = document.documentElement;
  if (classList.contains('translated-ltr') || classList.contains('translated-rtl')) return true;
  return document.querySelector('#app font') !== null;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
