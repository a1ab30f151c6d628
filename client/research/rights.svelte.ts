/** @file What the page offers to whoever is signed in. The server decides; the page leaves out what would be refused. */
import { readMe } from './api.ts';

class Rights {
  /** Running studies, and making them; false until the server has answered. */
  canResearch = $state(false);
  /** Accounts, tokens of others' services; likewise. */
  isOwner = $state(false);
  constructor() {
    readMe().then(
      ({ role }) => {
        this.canResearch = role !== 'viewer';
        this.isOwner = role === 'owner';
      },
      () => undefined,
    );
  }
}

let rights: Rights | undefined;
/** Asked once a page. */
export function rightsHere(): Rights {
  return (rights ??= new Rights());
}
