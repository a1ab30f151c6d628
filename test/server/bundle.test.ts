/** @file A bundle agrees with itself and with the study; whatever is changed in it is named. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { strFromU8, strToU8, unzipSync, zipSync, type Unzipped } from 'fflate';
import { expect, it } from 'vitest';
import type { Database } from '../../db/open.ts';
import type { VoteInput } from '../../contract/annotate.ts';
import type { Report } from '../../contract/report.ts';
import { sha256Of } from '../../evaluator/engine/files/hashes.ts';
import { ImageStore } from '../../evaluator/engine/images/store.ts';
import { bundleStudy, type BundleOptions } from '../../server/bundle/bundle.ts';
import { verifyBundle } from '../../server/bundle/verify.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { excludeAnnotator } from '../../server/study/exclusions.ts';
import { castVote, undoLast } from '../../server/study/votes.ts';
import { onBothEngines } from '../support/databases.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openStudyOf, reportOfTwo } from '../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

const counting = { id: 'counting', question: 'Which has the right number?', hidesPrompt: false };
const sharp = { id: 'sharpness', question: 'Which is sharper?', hidesPrompt: true };

async function judgedStudy(db: Database, design: Partial<Parameters<typeof openStudyOf>[1]> = {}) {
  const { token, dataFolder } = await openStudyOf(db, { pairs: 8, votesPerPair: 2, ties: true, ...design });
  let cast = 0;
  for (const participant of ['worker~ann', 'worker~bob', 'worker~cay']) {
    const person = await joinStudy(db, { token, participant });
    for (let i = 0; i < 4; i++) {
      const assignment = (await nextAssignment(db, person, times))!;
      for (const criterion of assignment.criteria) {
        const choice = ++cast % 7 === 0 ? 'tie' : cast % 3 === 0 ? 'right' : 'left';
        const vote = {
          voteId: randomUUID(),
          assignmentId: assignment.id,
          criterion,
          choice,
          responseTimeMs: 400 + cast,
          ...(choice === 'tie' && design.bothBad === true && cast % 2 === 0 ? { bothBad: true } : {}),
        };
        await castVote(db, person, vote as VoteInput, times);
      }
    }
    if (participant === 'worker~bob') await undoLast(db, person, times);
  }
  await excludeAnnotator(db, 'study', 'worker~cay', 'a reason');
  const out = join(temporaryFolder(), 'study.zip');
  const make = (options: Partial<BundleOptions> = {}) =>
    bundleStudy(db, new ImageStore(dataFolder), 'study', { out, version: '9.9.9', ...options });
  return { out, make };
}

onBothEngines('a bundle', (fresh) => {
  it('has the study’s own numbers, people under pseudonyms, and agrees with itself', async () => {
    const { db } = await fresh();
    const { out, make } = await judgedStudy(db);
    const made = await make({ images: true });
    expect(made).toMatchObject({ votes: 36, pairs: 8, images: 16 });
    const files = unzipSync(readFileSync(out));
    const report = await reportOfTwo(db, 'study');
    const bundled = JSON.parse(strFromU8(files['report.json']!)) as typeof report;
    // Without who is left out, as the study's own report.
    expect(bundled.criteria).toEqual(JSON.parse(JSON.stringify(report.criteria)));
    expect(bundled.comparisons).toEqual(JSON.parse(JSON.stringify(report.comparisons)));
    for (const [name, bytes] of Object.entries(files))
      if (!name.startsWith('images/')) expect(strFromU8(bytes).includes('worker~'), name).toBe(false);
    expect(await verifyBundle(out)).toEqual({ study: 'study', votes: 36, images: 16, differences: [] });
    // Three people, by the order of their first vote.
    const said = strFromU8(files['votes.jsonl']!).matchAll(/"annotator":"(p\d+)"/g);
    expect([...new Set([...said].map(([, name]) => name))]).toEqual(['p1', 'p2', 'p3']);
    await make({ identified: true });
    expect(strFromU8(unzipSync(readFileSync(out))['votes.jsonl']!)).toContain('worker~ann');
    expect((await verifyBundle(out)).differences).toEqual([]);
  });

  it('agrees with itself where the study asks its own questions', async () => {
    const { db } = await fresh();
    const { out, make } = await judgedStudy(db, {
      criteria: ['general', 'counting', 'sharpness'],
      ownCriteria: [counting, sharp],
      bothBad: true,
    });
    await make();
    const bundled = JSON.parse(strFromU8(unzipSync(readFileSync(out))['report.json']!)) as Report;
    expect(bundled.criteria.map(({ criterion }) => criterion)).toEqual(['sharpness', 'general', 'counting']);
    expect(bundled.criteria.reduce((sum, { votes }) => sum + votes.bothBad!, 0)).toBe(1);
    expect(await verifyBundle(out)).toMatchObject({ differences: [] });
  });

  it('that was changed says what differs', async () => {
    const { db } = await fresh();
    const { out, make } = await judgedStudy(db);
    await make({ images: true });
    const whole = unzipSync(readFileSync(out));
    /** With the hashes put right too, as somebody would who wants it to pass. */
    const changed = async (change: (files: Unzipped) => void, rehash = true) => {
      const files = { ...whole };
      change(files);
      if (rehash)
        files['SHA256SUMS'] = strToU8(
          Object.entries(files)
            .filter(([name]) => name !== 'SHA256SUMS')
            .map(([name, bytes]) => `${sha256Of(bytes)}  ${name}\n`)
            .join(''),
        );
      writeFileSync(out, zipSync(files));
      return (await verifyBundle(out)).differences;
    };
    const edit = (name: string, from: string | RegExp, to: string) => (files: Unzipped) => {
      const text = strFromU8(whole[name]!);
      expect(text).toMatch(from);
      files[name] = strToU8(text.replace(from, to));
    };
    expect(await changed(() => undefined)).toEqual([]);
    const turned = await changed(edit('votes.jsonl', /"choice":"a"/, '"choice":"b"'));
    expect(turned.join('\n')).toMatch(/report\.json: criteria.*says .*; the votes say /);
    const [number] = await changed(edit('report.json', /"wins": (\d+)/, '"wins": 99'));
    expect(number).toMatch(/^report\.json: criteria\[0\]\.wins says 99; the votes say \d+\.$/);
    expect(await changed(edit('votes.jsonl', /"choice":"a"/, '"choice":"b"'), false)).toContain(
      'votes.jsonl is not the file that was bundled (SHA-256).',
    );
    const image = Object.keys(whole).find((name) => name.startsWith('images/'))!;
    expect((await changed((files) => (files[image] = strToU8('x'))))[0]).toContain('has other bytes');
    expect(await changed((files) => void Reflect.deleteProperty(files, image))).toEqual([`${image} is missing.`]);
    expect(await changed((files) => (files['more.txt'] = strToU8('x')), false)).toEqual(['more.txt was not bundled.']);
    const logged = await changed(edit('audit.jsonl', /"action":"study open"/, '"action":"study close"'));
    expect(logged[0]).toMatch(/^audit\.jsonl: entry \d+ does not follow/);
    expect((await changed(edit('pairs.jsonl', /"position":0/, '"position":"x"')))[0]).toContain('cannot be read');
  });

  it('is refused where it is none, and not written where there is nothing to say', async () => {
    const { db } = await fresh();
    const { out, make } = await judgedStudy(db);
    await expect(verifyBundle(out)).rejects.toThrow('cannot be read (ENOENT)');
    writeFileSync(out, 'no zip at all');
    await expect(verifyBundle(out)).rejects.toThrow(/is no (zip|bundle)/);
    await make();
    const files = unzipSync(readFileSync(out));
    writeFileSync(out, zipSync({ ...files, 'study.json': strToU8('{"format":3}') }));
    await expect(verifyBundle(out)).rejects.toThrow('has the format 3; this version reads 2');
    const { 'votes.jsonl': _votes, ...rest } = files;
    writeFileSync(out, zipSync(rest));
    await expect(verifyBundle(out)).rejects.toThrow('it lacks votes.jsonl');
    const bytes = Buffer.from(zipSync(files));
    writeFileSync(out, bytes.subarray(0, bytes.length / 2));
    await expect(verifyBundle(out)).rejects.toThrow();
  });
});
