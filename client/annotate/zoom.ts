/** @file One zoom for both images: what one shows, the other shows at the same place. */
import { select } from 'd3-selection';
import { zoom, zoomIdentity, type D3ZoomEvent } from 'd3-zoom';

/** Scale, and the shift as a share of the box. */
export interface Transform {
  k: number;
  x: number;
  y: number;
}

export interface PairZoom {
  /** Svelte action for each image's box. */
  attach(box: HTMLElement): { destroy(): void };
  /** So many times as large around the middle; 1: whole. */
  set(k: number): void;
  readonly k: number;
}

/** Enough for an image of 8192 pixels on a small screen to be seen pixel by pixel. */
const maximum = 32;

export function zoomPair(onchange: (transform: Transform) => void): PairZoom {
  const boxes = new Set<HTMLElement>();
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
      const { k, x, y } = event.transform;
      scale = k;
      for (const other of boxes) if (other !== this) other.__zoom = event.transform;
      onchange({ k, x: x / this.clientWidth, y: y / this.clientHeight });
    });

  return {
    attach(box) {
      boxes.add(box);
      select(box).call(behaviour).on('dblclick.zoom', null);
      return {
        destroy() {
          boxes.delete(box);
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
      onchange({ k, x: shift, y: shift });
    },
    get k() {
      return scale;
    },
  };
}

declare global {
  interface HTMLElement {
    /** Where d3-zoom keeps an element's transform. */
    __zoom?: typeof zoomIdentity;
  }
}
