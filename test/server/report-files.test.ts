/** @file Figures as files, the folder for LaTeX, and running results that are shown on demand alone. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { listAuditEntries } from '../../db/queries/audit.ts';
import type { Database } from '../../db/open.ts';
import type { Gallery, PairVotes } from '../../contract/research.ts';
import { figuresOf } from '../../client/report/figures.ts';
import { buildReport } from '../../evaluator/votes/report.ts';
import { outcomes, sides, VoteTableBuilder } from '../../evaluator/votes/vote-table.ts';
import { figureFile } from '../../server/report/figure-files.ts';
import { latex, writeLatex } from '../../server/report/latex.ts';
import { loadRenderer } from '../../server/report/renderer.ts';
import { joinStudy, nextAssignment } from '../../server/study/assignments.ts';
import { changeState } from '../../server/study/lifecycle.ts';
import { studyReport } from '../../server/study/study-report.ts';
import { castVote } from '../../server/study/votes.ts';
import { pairOfAssignment } from '../../db/queries/assignments.ts';
import { testServer } from '../support/clients.ts';
import { freshSqlite, onBothEngines } from '../support/databases.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openStudyOf } from '../support/studies.ts';

const times = { leaseMs: 60_000, graceMs: 5_000 };

/** One vote a pair; A wins all but every fourth pair, of each criterion. */
async function voted(db: Database, token: string, pairs = Infinity): Promise<void> {
  const person = await joinStudy(db, { token, participant: 'worker~ann' });
  for (let done = 0; done < pairs; done++) {
    const given = await nextAssignment(db, person, times);
    if (given === null) return;
    const { pair, sideA } = await pairOfAssignment(db, given.id);
    const other = sideA === 'left' ? ('right' as const) : ('left' as const);
    for (const criterion of given.criteria) {
      const vote = { voteId: randomUUID(), assignmentId: given.id, criterion, responseTimeMs: 900 };
      await castVote(db, person, { ...vote, choice: pair % 4 === 3 ? other : sideA }, times);
    }
  }
}

async function study(models = ['ape', 'bee_1'], pairs = 8) {
  const { db } = await freshSqlite();
  const { token, dataFolder } = await openStudyOf(db, { pairs, models, votesPerPair: 1, criteria: ['general'] });
  await voted(db, token);
  return { db, dataFolder, report: await studyReport(db, 'study') };
}

describe('a figure', () => {
  it('is where its numbers put it, the same bytes each time, and needs nothing of the page', async () => {
    const { report } = await study();
    const { listFigures, figureSvg } = await loadRenderer();
    expect(listFigures(report).map(({ name }) => name)).toEqual([
      'outcomes',
      'win-rates',
      'categories',
      'challenges',
      'evidence',
    ]);
    const svg = figureSvg(report, 'win-rates')!;
    expect(svg).toBe(figureSvg(report, 'win-rates'));
    expect(svg).not.toMatch(/var\(|class=|<!--/);
    // 6 of 8: Wilson's 40.9–92.9 (z = 1.96, by hand: (0.75 + z²/16 ± z·√(0.1875/8 + z²/256))/(1 + z²/8)).
    expect(svg).toContain('>75.0 (40.9–92.9), n = 8</text>');
    const circle = /<circle cx="([\d.]+)"/.exec(svg)!;
    const [low, high] = [0, 100].map((tick) =>
      Number(new RegExp(`<text x="([\\d.]+)"[^>]*>${tick}</text>`).exec(svg)![1]),
    );
    expect(Number(circle[1])).toBeCloseTo(low! + 0.75 * (high! - low!), 0);
    const interval = /<line x1="([\d.]+)" x2="([\d.]+)"[^>]*stroke-width="2"/.exec(svg)!;
    expect(Number(interval[1])).toBeCloseTo(low! + 0.409 * (high! - low!), 0);
    expect(Number(interval[2])).toBeCloseTo(low! + 0.929 * (high! - low!), 0);
    const bars = figureSvg(report, 'outcomes')!;
    const widths = [...bars.matchAll(/<rect [^>]*width="([\d.]+)" height="24"/g)].map(([, width]) => Number(width));
    expect(widths[0]! / widths[1]!).toBeCloseTo(3, 2);
    expect(bars).toContain('bee_1 wins');
    expect(figureSvg(report, 'nothing')).toBeUndefined();
  });

  it('comes as SVG, PNG, PDF and CSV', async () => {
    const { report } = await study();
    const png = await figureFile(report, 'outcomes', 'png');
    const svg = Buffer.from(await figureFile(report, 'outcomes', 'svg')).toString();
    const width = Number(/viewBox="0 0 ([\d.]+)/.exec(svg)![1]);
    expect((await sharp(png).metadata()).width).toBe(Math.round(4 * width));
    const pdf = Buffer.from(await figureFile(report, 'outcomes', 'pdf'));
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(pdf.equals(await figureFile(report, 'outcomes', 'pdf'))).toBe(true);
    expect(Buffer.from(await figureFile(report, 'outcomes', 'csv')).toString()).toBe(
      'criterion,won,tied,split,lost,n\ngeneral,6,0,0,2,8\n',
    );
    await expect(figureFile(report, 'x', 'csv')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('as PDF has the letters of every alphabet that a font has, and names the others', async () => {
    const fontsOf = async (name: string) => {
      const { report } = await study([name, 'b'], 2);
      return Buffer.from(await figureFile(report, 'outcomes', 'pdf')).toString('latin1');
    };
    expect(await fontsOf('plain ü')).toContain('Arimo-Regular');
    // Not an empty box in Arimo, which has no Cyrillic.
    expect(await fontsOf('модель Łódź α')).toContain('DejaVuSansCondensed');
    expect((await fontsOf('中')).length).toBeGreaterThan(1000);
  });

  it('of three models there are strengths and a matrix too; of nothing decided there is none', async () => {
    const { report } = await study(['ape', 'bee', 'cat']);
    const { listFigures, figureSvg } = await loadRenderer();
    expect(
      listFigures(report)
        .map(({ name }) => name)
        .slice(0, 4),
    ).toEqual(['ratings', 'matrix-general', 'outcomes-1', 'win-rates-1']);
    const { db } = await freshSqlite();
    await openStudyOf(db, { pairs: 2 });
    expect(listFigures(await studyReport(db, 'study'))).toEqual([]);
    const matrix = figureSvg(report, 'matrix-general')!;
    if (!('matrix' in report)) throw new Error('it is of two models');
    for (const value of report.matrix[0]!.winRates.flat())
      if (value !== null) expect(matrix).toContain(`>${(100 * value).toFixed(1)}</text>`);
  });
});

it('a slice of fewer than ten pairs is pale, one of ten is not', () => {
  const votes = new VoteTableBuilder(['general']);
  for (let i = 0; i < 19; i++)
    votes.add({
      ...{ item: votes.itemIndex({ id: String(i), category: i < 10 ? 'ten' : 'nine', challenge: null }) },
      ...{ annotator: votes.annotatorIndex('ann'), criterion: 0, outcome: i % 2 === 0 ? outcomes.a : outcomes.b },
      ...{ sideOfA: sides.left, responseTimeMs: 1 },
    });
  const input = { study: 's', modelA: 'x', modelB: 'y', simulated: false, votesPerPair: 1, votes: votes.finish() };
  const slices = figuresOf(buildReport(input)).find(({ name }) => name === 'categories');
  if (slices?.kind !== 'intervals') throw new Error('there are no slices');
  expect(slices.labels).toEqual(['nine', 'ten']);
  expect(slices.panels[0]!.points.map(({ isFaint }) => isFaint)).toEqual([true, false]);
});

describe('the folder for LaTeX', () => {
  it('says what the report says', async () => {
    const { db } = await study();
    const folder = join(temporaryFolder(), 'paper');
    const files = await writeLatex(db, 'study', folder, { version: '9.9.9' });
    expect(files).toContain('win-rates.pdf');
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    expect(read('table.tex')).toContain('General preference & 75.0 & 40.9--92.9 & 6 & 2 & 8 & .157 & -- \\\\');
    expect(read('table.tex')).toContain('ape against bee\\_1');
    const words = read('methods.tex');
    for (const said of [
      '8 prompts of prompts',
      'seed 0',
      '1 vote by different annotators',
      'without ties',
      'One person took part',
      'visavis 9.9.9',
    ])
      expect(words).toContain(said);
    expect(read('checklist.tex')).toContain('\\emph{to be filled in}');
    await expect(writeLatex(db, 'none', folder, { version: '' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it.skipIf(spawnSync('pdflatex', ['--version']).status !== 0)(
    'compiles with a plain TeX Live, names with every special character among it (needs pdflatex)',
    async () => {
      const { db } = await study([
        'a_b & 50% #1 {x} $y^~\\',
        `中 é “q” <|>" ${Array.from({ length: 0x180 - 0xa1 }, (_, i) => String.fromCodePoint(0xa1 + i)).join('')}`,
      ]);
      const folder = join(temporaryFolder(), 'paper');
      await writeLatex(db, 'study', folder, { version: '9.9.9' });
      execFileSync('pdflatex', ['-interaction=nonstopmode', '-halt-on-error', 'report.tex'], {
        cwd: folder,
        stdio: 'pipe',
      });
      expect(readFileSync(join(folder, 'report.pdf')).subarray(0, 5).toString()).toBe('%PDF-');
    },
    120_000,
  );

  it('names what LaTeX cannot set instead of dropping it', () => {
    expect(latex('50 % of a_b – “ü” × 中')).toBe("50 \\% of a\\_b -- ``ü'' $\\times$ [U+4E2D]");
  });
});

onBothEngines('running results', (fresh) => {
  it('are hidden until the study is closed; who asks for them is in the log, once an hour', async () => {
    const { db } = await fresh();
    const { token, dataFolder } = await openStudyOf(db, { pairs: 5, votesPerPair: 1, criteria: ['general'] });
    const server = await testServer(db, dataFolder);
    const link = new URL(await server.researcherLink());
    const signedIn = await fetch(new URL('/research/login', link), {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: link.origin },
      body: new URLSearchParams({ key: link.searchParams.get('key')! }),
    });
    const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!;
    const get = (path: string) => fetch(`${server.url}/api/studies/study${path}`, { headers: { cookie } });
    const looks = async () => (await listAuditEntries(db)).filter(({ action }) => action.includes('results seen'));
    // Nobody has voted: there is nothing to hide.
    expect((await get('/report')).status).toBe(200);
    await voted(db, token, 4);
    const refused = await get('/report');
    expect(refused.status).toBe(409);
    expect(((await refused.json()) as { error: { message: string } }).error.message).toContain(
      'hidden until it is closed',
    );
    expect((await get('/figures/outcomes.csv')).status).toBe(409);
    expect((await get('/pairs')).status).toBe(409);
    expect((await get('/pairs/0')).status).toBe(409);
    expect(await looks()).toEqual([]);
    expect((await get('/report?reveal=true')).status).toBe(200);
    expect((await get('/figures/outcomes.csv?reveal=true')).status).toBe(200);
    expect(await looks()).toHaveLength(1);
    expect((await looks())[0]!.actor).toMatch(/^session /);
    await changeState(db, 'study', 'closed');
    const figure = await get('/figures/outcomes.csv');
    expect(figure.headers.get('content-type')).toContain('text/csv');
    expect(await figure.text()).toMatch(/^criterion,won,tied,split,lost,n\ngeneral,(3,0,0,1|4,0,0,0),4\n$/);
    expect((await get('/figures/nothing.csv')).status).toBe(404);
    expect((await get('/figures/outcomes.exe')).status).toBe(400);
    expect(await looks()).toHaveLength(1);
    // What people said of each pair, and its images, are there too.
    // The first pairs before the others: nothing is known of the others yet.
    const first = (await (await get('/pairs?first=2')).json()) as Gallery;
    const { pairs } = (await (await get('/pairs')).json()) as Gallery;
    const said = pairs.map(({ criteria: [row] }) => row!.decision);
    expect(first).toEqual({ ...first, pairs: pairs.slice(0, 2) });
    expect((await get('/pairs?first=0')).status).toBe(400);
    const open = said.indexOf('incomplete');
    expect(said).toEqual(said.map((_, pair) => (pair === open ? 'incomplete' : pair % 4 === 3 ? 'b' : 'a')));
    // Both images are of one colour each.
    const colourOf = async (side: string) => {
      const bytes = Buffer.from(await (await get(`/pairs/0/${side}?at=384`)).arrayBuffer());
      return (await sharp(bytes).stats()).channels.map(({ mean }) => mean);
    };
    const [colourA, colourB] = [await colourOf('a'), await colourOf('b')];
    const apart = colourA.reduce((sum, value, i) => sum + Math.abs(value - colourB[i]!), 0) / 3 / 255;
    expect(pairs[0]!.difference).toBeCloseTo(apart, 6);
    expect(apart).toBeGreaterThan(0);
    const asked = open === 0 ? 1 : 0;
    const { votes } = (await (await get(`/pairs/${asked}`)).json()) as PairVotes;
    expect(votes).toMatchObject([{ annotator: 'worker~ann', choice: 'a', status: 'counted', responseTimeMs: 900 }]);
    expect(((await (await get(`/pairs/${open}`)).json()) as PairVotes).votes).toEqual([]);
    const image = await get('/pairs/3/b?at=384');
    expect([image.status, image.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect((await sharp(Buffer.from(await image.arrayBuffer())).stats()).dominant.b).toBeGreaterThan(150);
    for (const [path, status] of [
      ['/pairs/5/a', 404],
      ['/pairs/x', 400],
      ['/pairs/3/c', 404],
      ['/pairs/3/a?at=1', 400],
    ] as const)
      expect((await get(path)).status, path).toBe(status);
    await server.close();
  });
});
