/** @file A study as a file: what comes out makes the same study again, and what cannot be meant is refused by its key. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { listPairsWithPrompts } from '../../../db/queries/studies.ts';
import { createStudy } from '../../../server/study/design.ts';
import { designOf, parseStudyFile, studyFile, yamlOf } from '../../../server/study/study-file.ts';
import { projectRoot } from '../../support/folders.ts';
import { onBothEngines } from '../../support/databases.ts';
import { openStudyOf } from '../../support/studies.ts';

const whole = `name: taste
promptSet: prompts
modelA: aardvark
modelB: buffalo
criteria:
  - appeal
  - alignment
votesPerPair: 5
ties: true
seed: 7
promptSample: 6
visit:
  languages:
    - en
    - de
  consent:
    en: |
      # May we?

      Your answers are kept.
    de: Dürfen wir?
  gold:
    every: 10
    pairs:
      - prompt: prompt 3
        answers:
          alignment: b
    screenOut:
      after: 1
      below: 0.5
  pairsPerAnnotator: 4
  pointAt: false
  difference: false
  undo: 2
  ends:
    finished:
      code: C0DE
      redirect: https://example.org/?cc=C0DE
`;

onBothEngines("a study's file", (fresh) => {
  it('comes out as it went in, and makes the same pairs again', async () => {
    const { db } = await fresh();
    await openStudyOf(db, { pairs: 12 });
    await createStudy(db, designOf(parseStudyFile(whole, 'study.yaml')));
    const file = await studyFile(db, 'taste');
    expect(yamlOf(file)).toBe(whole);
    const again = await createStudy(db, { ...designOf(parseStudyFile(yamlOf(file), 'x')), name: 'again' });
    const first = await db.selectFrom('study').select('id').where('name', '=', 'taste').executeTakeFirstOrThrow();
    const prompts = async (id: string) => (await listPairsWithPrompts(db, id)).map(({ prompt }) => prompt);
    expect(await prompts(again.study.id)).toEqual(await prompts(first.id));
    expect(await prompts(first.id)).toHaveLength(6);
    // What the flags make is a file too.
    expect(yamlOf(await studyFile(db, 'study'))).toBe(
      'name: study\npromptSet: prompts\nmodelA: aardvark\nmodelB: buffalo\ncriteria:\n  - appeal\n  - general\n  - alignment\nvotesPerPair: 3\nties: false\nseed: 0\n',
    );
  });
});

it.each([
  ['name: x\npromptSet: p\nmodelA: a', 'f.yaml: modelB: '],
  ['name: x\npromptSet: p\nmodelA: a\nmodelB: b\nvotes: 3', 'votes'],
  ['name: x\nname: y\npromptSet: p', 'line 2'],
  ['name: [x', 'f.yaml, line '],
  ['name: " x"\npromptSet: p\nmodelA: a\nmodelB: b', 'name: has a space'],
  ['name: x\npromptSet: p\nmodelA: a\nmodelB: b\ncriteria: [general, appeal]', 'order in which they are asked'],
  ['name: x\npromptSet: p\nmodelA: a\nmodelB: b\nvisit: { gold: { every: 0, pairs: [] } }', 'visit.gold.every: '],
  ['name: x\npromptSet: p\nmodelA: a\nmodelB: b\nvisit: { consent: 7 }', 'visit.consent: must be a text'],
  ['name: x\npromptSet: p\nmodelA: a\nmodelB: b\nvisit: { consent: { fr: Oui } }', 'visit.consent: '],
  [
    'name: x\npromptSet: p\nmodelA: a\nmodelB: b\nvisit: { ends: { finished: { redirect: "javascript:x" } } }',
    'visit.ends.finished.redirect: ',
  ],
  ['a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]', 'alias'],
])('refuses %j in one sentence', (text, said) => {
  let message = '';
  try {
    parseStudyFile(text, 'f.yaml');
  } catch (error) {
    message = (error as Error).message;
    expect((error as Error).name).toBe('BadInput');
  }
  expect(message).toContain(said);
  expect(message.split('\n')).toHaveLength(1);
});

it('the example of the documentation is one', () => {
  const [, example] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(projectRoot, 'docs', 'studies.md'), 'utf8'))!;
  expect(parseStudyFile(example!, 'docs').visit!.gold!.pairs).toHaveLength(2);
});
