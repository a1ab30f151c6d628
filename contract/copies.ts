/** @file Smaller copies of images, for screens that cannot show all of their pixels: `?at=SIZE` on an image's address. */

/** Pixels of the longest side; each at most 4/3 or 3/2 of the one before. Imports nothing, as the page needs it. */
export const copySizes = [384, 512, 768, 1024, 1536, 2048, 3072] as const;
export type CopySize = (typeof copySizes)[number];
