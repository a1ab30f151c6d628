/**
 * @file One zoom for both images: what one shows in its middle, the other shows there too, also where their shapes differ.
 */
import { select } from 'd3-selection';
import { zoom, zoomIdentity, type D3ZoomEvent } from 'd3-zoom';

/** Scale, and the shift as a share of the box. */
export interface Transform {
  k: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

const whole: Transform = { k: 1, x: 0, y: 0 };

export interface PairZoom {
  /** Svelte action for each image's box. */
  attach(box: HTMLElement): { destroy(): void };
  /** So many times as large around the middle; 1: whole. */
  set(k: number): void;
  readonly k: number;
}

/** Enough for an image of 8192 pixels on a small screen to be seen pixel by pixel. */
const maximum = 32;

/**
 * @param onchange is told each box's transform, in the order of the boxes
 * @param sizes of both images as they stand in their boxes unzoomed, CSS pixels; undefined while they are not known
 */
export function zoomPair(
  onchange: (transforms: [Transform, Transform]) => void,
  sizes: () => readonly [Size, Size] | undefined,
): PairZoom {
  /** Left and right. */
  const boxes: HTMLElement[] = [];
  let scale = 1;

  const behaviour = zoom<HTMLElement, unknown>()
    .scaleExtent([1, maximum])
    // Dragging means nothing while the image is whole; then a press is a vote.
    .filter(
      (event: Event) =>
        event.type === 'wheel' || scale > 1 || ('touches' in event && (event as TouchEvent).touches.length > 1),
    )
    .extent(function () {
      return [
        [0, 0],
        [this.clientWidth, this.clientHeight],
      ];
    })
    .translateExtent([
      [0, 0],
      [Infinity, Infinity],
    ])
    .constrain((transform, extent) => {
      const [width, height] = extent[1];
      const clamp = (shift: number, size: number) => Math.min(0, Math.max(size * (1 - transform.k), shift));
      return zoomIdentity.translate(clamp(transform.x, width), clamp(transform.y, height)).scale(transform.k);
    })
    .on('zoom', function (event: D3ZoomEvent<HTMLElement, unknown>) {
      // Set from outside: already told.
      if (event.sourceEvent === null) return;
      scale = event.transform.k;
      show(this, event.transform);
    });

  /** Shows the other box what this one shows. */
  function show(from: HTMLElement, { k, x, y }: { k: number; x: number; y: number }): void {
    const [box, source] = [sizeOf(from), boxes.indexOf(from)];
    const fitted = sizes();
    const transforms = boxes.map((each, i): Transform => {
      const own =
        fitted === undefined || i === source ? { x, y } : sameMiddle({ k, x, y }, box, fitted[source]!, fitted[i]!);
      each.__zoom = zoomIdentity.translate(own.x, own.y).scale(k);
      return { k, x: own.x / box.width, y: own.y / box.height };
    });
    onchange([transforms[0] ?? whole, transforms[1] ?? whole]);
  }

  return {
    attach(box) {
      // The page makes them in their order.
      boxes.push(box);
      select(box).call(behaviour).on('dblclick.zoom', null);
      return {
        destroy() {
          boxes.splice(boxes.indexOf(box), 1);
          select(box).on('.zoom', null);
        },
      };
    },
    set(wanted) {
      const k = Math.min(maximum, Math.max(1, wanted));
      scale = k;
      // What is in the middle stays there: it is shifted by half of what it grows.
      const shift = (1 - k) / 2;
      for (const box of boxes)
        box.__zoom = zoomIdentity.translate(shift * box.clientWidth, shift * box.clientHeight).scale(k);
      onchange([
        { k, x: shift, y: shift },
        { k, x: shift, y: shift },
      ]);
    },
    get k() {
      return scale;
    },
  };
}

/**
 * The shift with which an image shows in the middle of its box the same place of itself that another image shows in the middle of
 * a box of the same size; both stand in the middle of theirs.
 * @param from the other's shift, CSS pixels
 */
export function sameMiddle(
  from: { k: number; x: number; y: number },
  box: Size,
  source: Size,
  image: Size,
): { x: number; y: number } {
  const along = (shift: number, room: number, sourceSize: number, size: number) => {
    // (room / 2 − shift) / k is the middle's place in the unzoomed box; as a share of the image, from its middle:
    const share = ((room / 2 - shift) / from.k - room / 2) / sourceSize;
    return room / 2 - from.k * (room / 2 + share * size);
  };
  return {
    x: along(from.x, box.width, source.width, image.width),
    y: along(from.y, box.height, source.height, image.height),
  };
}

function sizeOf({ clientWidth, clientHeight }: HTMLElement): Size {
  return { width: clientWidth, height: clientHeight };
}

declare global {
  interface HTMLElement {
    /** Where d3-zoom keeps an element's transform. */
    __zoom?: typeof zoomIdentity;
  }
}
