/**
 * @file What is long comes in the moments after a page is there. Only where the page says so: a report in a file has everything from
 * the start, and computes itself again as a whole.
 */
import { getContext, setContext } from 'svelte';

const key = Symbol('gradual');

/** Of the component that is being set up: what is in it may come later. */
export function comesGradually(): void {
  setContext(key, true);
}
export const isGradual = () => getContext(key) === true;
