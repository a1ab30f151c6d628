/** @file In a report's own file: computes everything again from the votes that it carries and says whether that is what it prints. */
import { flushSync, mount, unmount } from 'svelte';
import { readVotes, reportOfVotes, withBeside } from '../../evaluator/votes/study-votes.ts';
import './page.css';
import { differences } from './audit.ts';
import Page from './Page.svelte';
import type { PageData } from './page-data.ts';

async function check(): Promise<void> {
  const seal = document.getElementById('seal')!;
  const source = document.getElementById('votes')!.textContent ?? '';
  const told = document.getElementById('hash')!.textContent?.trim() ?? '';
  const found: string[] = [];
  let votes = 0;
  try {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(source));
    const hash = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    if (hash !== told) found.push(`The votes are not those that were written: their SHA-256 is ${hash}.`);
    const data = JSON.parse(source) as PageData;
    votes = data.votes.pairings.reduce((sum, pairing) => sum + pairing.votes.count, 0);
    const read = readVotes(data.votes);
    const report = withBeside(reportOfVotes(read), data.beside);
    const computed = document.createElement('main');
    const page = mount(Page, { target: computed, props: { about: data.about, report, votes: read } });
    flushSync();
    found.push(...differences(document.querySelector('main')!, computed));
    void unmount(page);
  } catch (error) {
    found.push(`It could not be computed again: ${(error as Error).message}.`);
  }
  seal.className = found.length === 0 ? 'whole' : 'broken';
  seal.replaceChildren();
  const line = seal.appendChild(document.createElement('p'));
  if (found.length === 0) {
    line.textContent = `Computed again just now from the ${votes.toLocaleString('en')} votes that this file carries: every number of the results below follows from them. The text at the top, answers to checks, what was on screen and how the evidence grew are carried, not computed. That a file agrees with itself proves no more than that.`;
    return;
  }
  line.textContent = 'This file does not agree with itself.';
  const list = seal.appendChild(document.createElement('ul'));
  for (const sentence of found) list.appendChild(document.createElement('li')).textContent = sentence;
}

void check();
