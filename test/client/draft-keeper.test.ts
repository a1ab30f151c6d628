/** @file Keeping a draft on the server: nothing is lost, and nothing of anybody else's. The server is the real one's rules on a map. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { StoredDraft } from '../../contract/editor.ts';

/** What the server would do: server/study/drafts.ts. */
class FakeServer {
  readonly drafts = new Map<string, Pick<StoredDraft, 'name' | 'content' | 'version'>>();
  /** Of the next requests: their answers are lost after they were done, or they do not arrive. */
  troubles: ('lost' | 'down')[] = [];
  requests = 0;

  answer = (url: string, init?: RequestInit): Promise<Response> => {
    this.requests += 1;
    const trouble = this.troubles.shift();
    if (trouble === 'down') return Promise.reject(new TypeError('Failed to fetch'));
    const id = url.split('/').at(-1)!;
    const known = this.drafts.get(id);
    const reply = (status: number, body: object) => {
      if (trouble === 'lost') return Promise.reject(new TypeError('Failed to fetch'));
      return Promise.resolve(new Response(JSON.stringify(body), { status }));
    };
    const refuse = (status: number) => reply(status, { error: { message: `no (${status})` } });
    const body = JSON.parse((init?.body as string | undefined) ?? '{}') as StoredDraft;
    if (init?.method === 'PUT') {
      const isSame =
        known?.version === body.version &&
        JSON.stringify(known.content) === JSON.stringify(body.content) &&
        known.name === body.name;
      if (isSame) return reply(200, body);
      if (body.version === 1 ? known !== undefined : known?.version !== body.version - 1)
        return refuse(known === undefined ? 404 : 409);
      this.drafts.set(id, body);
      return reply(200, body);
    }
    if (known === undefined) return refuse(404);
    if (init?.method === 'DELETE') {
      if (known.version !== body.version) return refuse(409);
      this.drafts.delete(id);
      return reply(200, { done: true });
    }
    return reply(200, { id, updatedAt: 1, ...known });
  };
}

describe('a draft', () => {
  let server: FakeServer;
  beforeEach(() => {
    vi.useFakeTimers();
    server = new FakeServer();
    vi.stubGlobal('fetch', server.answer);
    // Runes outside a component: plain values will do.
    vi.stubGlobal('$state', <T>(value: T) => value);
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  async function keeper() {
    const { DraftKeeper } = await import('../../client/research/draft-keeper.svelte.ts');
    return new DraftKeeper();
  }
  const wait = () => vi.advanceTimersByTimeAsync(30_000);
  const only = () => [...server.drafts.values()][0];

  it('is kept a moment after the last change, once for many', async () => {
    const draft = await keeper();
    draft.change('a', { n: 1 });
    draft.change('ab', { n: 2 });
    await wait();
    expect([draft.state, server.requests]).toEqual(['kept', 1]);
    expect(only()).toMatchObject({ name: 'ab', content: { n: 2 }, version: 1 });
    draft.change('ab', { n: 3 });
    expect(draft.isUnsaved).toBe(true);
    await wait();
    expect(only()).toMatchObject({ content: { n: 3 }, version: 2 });
    expect(draft.isUnsaved).toBe(false);
  });

  it('an answer that is lost, and what is typed meanwhile, end in the newest', async () => {
    const draft = await keeper();
    server.troubles = ['lost', 'down'];
    draft.change('a', { n: 1 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(draft.state).toBe('failing');
    draft.change('a', { n: 2 });
    await wait();
    expect(draft.state).toBe('kept');
    expect(only()).toMatchObject({ content: { n: 2 }, version: 2 });
    expect(server.drafts.size).toBe(1);
  });

  it('that somebody else has changed is not overwritten, and not thrown away with a study', async () => {
    const draft = await keeper();
    draft.change('a', { n: 1 });
    await wait();
    const id = draft.id!;
    server.drafts.set(id, { name: 'theirs', content: { n: 9 }, version: 2 });
    draft.change('a', { n: 2 });
    await wait();
    expect(draft.state).toBe('changed');
    await draft.drop();
    expect(server.drafts.get(id)).toMatchObject({ name: 'theirs' });
  });

  it('can be kept apart from somebody else’s', async () => {
    const draft = await keeper();
    draft.change('a', { n: 1 });
    await wait();
    server.drafts.set(draft.id!, { name: 'theirs', content: {}, version: 2 });
    draft.change('mine', { n: 2 });
    await wait();
    draft.keepApart();
    await wait();
    expect([...server.drafts.values()].map(({ name }) => name).sort()).toEqual(['mine', 'theirs']);
    expect(draft.state).toBe('kept');
  });

  it('what was typed last is kept before another is begun; the study that is made takes its draft along', async () => {
    const draft = await keeper();
    draft.change('first', { n: 1 });
    await draft.beginAnew();
    expect(only()).toMatchObject({ name: 'first' });
    draft.change('second', { n: 1 });
    await wait();
    expect(server.drafts.size).toBe(2);
    await draft.drop();
    expect([...server.drafts.values()].map(({ name }) => name)).toEqual(['first']);
  });
});
