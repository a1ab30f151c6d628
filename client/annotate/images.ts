/** @file Images are decoded before they are shown: both or neither, so that the slower one loses no votes. */

const decoded = new Map<string, Promise<void>>();

/** Resolves when the image can be painted at once; tries again while the network is away. */
export function decodeImage(url: string): Promise<void> {
  let ready = decoded.get(url);
  if (ready === undefined) {
    ready = decodeWithRetries(url);
    decoded.set(url, ready);
    // Two pairs are enough: the one on screen and the next.
    if (decoded.size > 8) decoded.delete(decoded.keys().next().value!);
  }
  return ready;
}

async function decodeWithRetries(url: string): Promise<void> {
  for (let delay = 500; ; delay = Math.min(delay * 2, 8000)) {
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
      // Kept by the closure until the entry goes, so that the browser keeps the pixels.
      images.set(url, image);
      if (images.size > 8) images.delete(images.keys().next().value!);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

const images = new Map<string, HTMLImageElement>();
