/** @file Images are decoded before they are shown: both or neither, so that the slower one loses no votes. */

import type { CopySize } from '../../contract/copies.ts';

/** Pairs on screen and ahead, and the ones before, for undo: an image is two of them. */
const kept = 12;
/** Of the image itself, or of a copy. */
export function addressOf({ url }: { url: string }, at: CopySize | undefined): string {
  return at === undefined ? url : `${url}?at=${at}`;
}

/** Waits between the tries, milliseconds. */
const waits = [500, 1000, 2000];

const decoded = new Map<string, Promise<boolean>>();
/** So that the browser keeps the pixels. */
const images = new Map<string, HTMLImageElement>();

/**
 * Resolves when the image can be painted at once, or is given up.
 * @param isAway whether the network is to blame; while it is, the image is not
 * @returns whether it can be painted
 */
export function decodeImage(url: string, isAway: () => boolean): Promise<boolean> {
  let ready = decoded.get(url);
  if (ready === undefined) {
    ready = decodeWithRetries(url, isAway);
    decoded.set(url, ready);
    if (decoded.size > kept) decoded.delete(decoded.keys().next().value!);
    void ready.then((whole) => {
      // The next one to ask tries again.
      if (!whole) decoded.delete(url);
    });
  }
  return ready;
}

/** How long an image took from being asked for to being decoded, milliseconds; 0 when it is not here. */
export function decodeTime(url: string): number {
  return times.get(url) ?? 0;
}
const times = new Map<string, number>();

async function decodeWithRetries(url: string, isAway: () => boolean): Promise<boolean> {
  const began = performance.now();
  for (let tried = 0; ; tried++) {
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
      images.set(url, image);
      times.set(url, performance.now() - began);
      if (times.size > kept) times.delete(times.keys().next().value!);
      if (images.size > kept) images.delete(images.keys().next().value!);
      return true;
    } catch {
      if (tried >= waits.length && !isAway()) return false;
      await new Promise((resolve) => setTimeout(resolve, waits[tried] ?? 4000));
    }
  }
}
