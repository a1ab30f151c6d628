/**
 * @file What is long comes in the moments after a page is there. Only where the page says so: a report in a file has everything from
 * the start, and computes itself again as a whole.
 */
import { getContext, onDestroy, setContext } from 'svelte';

const key = Symbol('gradual');

/** Of the component that is being set up: what is in it may come later. */
export function comesGradually(): void {
  setContext(key, true);
}
export const isGradual = () => getContext(key) === true;

/** Calls after the frame that shows what is there, unless the component goes before. Call it while one is set up. */
function afterNextFrame(call: () => void): void {
  let isGone = false;
  onDestroy(() => (isGone = true));
  requestAnimationFrame(() =>
    setTimeout(() => {
      if (!isGone) call();
    }),
  );
}

/** Whether something may be there yet. */
export class Later {
  isHere = $state(true);
  constructor() {
    if (!isGradual()) return;
    this.isHere = false;
    afterNextFrame(() => (this.isHere = true));
  }
}
