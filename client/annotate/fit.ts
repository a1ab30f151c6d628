/** @file How large a pair is shown: as large as the box allows, alike on both sides, small images in whole device pixels. */

import { copySizes, type CopySize } from '../../contract/copies.ts';

export interface Size {
  width: number;
  height: number;
}

/** Device pixels that a pixel of a small image may take, so that it is seen and not magnified. */
const most = 3;

export interface Fit {
  /** Of the image in the box, CSS pixels. */
  width: number;
  height: number;
  /** Device pixels per image pixel. */
  scale: number;
}

/**
 * @param box what is free for each image, CSS pixels
 * @param images both images' sizes, pixels
 * @param ratio device pixels per CSS pixel
 */
export function fitPair(box: Size, images: readonly [Size, Size], ratio: number): [Fit, Fit] {
  const scales = images.map((image) => Math.min(box.width / image.width, box.height / image.height) * ratio);
  const [first, second] = images;
  const same = first.width === second.width && first.height === second.height;
  // What is enlarged is enlarged by the larger image's limit, so that both are seen at one size.
  const limit = most * Math.max(first.width, first.height, second.width, second.height);
  return images.map((image, i) => {
    let scale = Math.min(scales[i]!, limit / Math.max(image.width, image.height));
    // Whole device pixels are crisp; unequal images could not both have them at one size.
    if (same && scale > 1) scale = Math.floor(scale);
    return { width: (image.width * scale) / ratio, height: (image.height * scale) / ratio, scale };
  }) as [Fit, Fit];
}

/** A copy must be this much smaller to be worth it. */
const worthIt = 0.8;

/**
 * The copy of both images that has every pixel that this page could show; undefined for the images themselves.
 * @param page width and height, CSS pixels
 * @param ratio device pixels per CSS pixel
 */
export function copyFor(page: Size, images: readonly [Size, Size], ratio: number): CopySize | undefined {
  const isUpright = page.width * 5 <= page.height * 4;
  // No less than the boxes that the page lays out.
  const box = isUpright
    ? { width: page.width, height: page.height / 2 }
    : { width: page.width / 2, height: page.height };
  const needed = Math.max(...fitPair(box, images, ratio).map((fit, i) => longestSide(images[i]!) * fit.scale));
  const size = copySizes.find((each) => each >= needed);
  const longest = Math.max(...images.map(longestSide));
  return size !== undefined && size <= longest * worthIt ? size : undefined;
}

function longestSide({ width, height }: Size): number {
  return Math.max(width, height);
}
