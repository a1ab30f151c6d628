/** @file A report as a folder for LaTeX: a table, figures, the methods, a checklist, and a document that shows them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../db/open.ts';
import { nameOfCriterion } from '../../contract/criteria.ts';
import type { Population } from '../../db/tables.ts';
import { BadInput } from '../../evaluator/engine/files/bad-input.ts';
import { pairingsOf } from '../../evaluator/votes/models.ts';
import { studyReport } from '../study/study-report.ts';
import { aboutStudy } from './about.ts';
import { codePoint, pdfOf } from './figure-files.ts';
import { checklist, methods } from './methods.ts';
import type { AnyReport } from '../../contract/report.ts';
import { loadRenderer } from './renderer.ts';

export interface LatexOptions {
  population?: Population | undefined;
  version: string;
}

/** Of LaTeX's article, points; what is wider is made to fit. */
const columnWidth = 345;

/**
 * @returns the files' names
 * @throws ServiceError not-found; BadInput for a folder that cannot be written
 */
export async function writeLatex(
  db: Database,
  name: string,
  folder: string,
  { population, version }: LatexOptions,
): Promise<string[]> {
  const report = await studyReport(db, name, population);
  const about = await aboutStudy(db, name);
  const { listFigures, figureSvg } = await loadRenderer();
  const files = new Map<string, string | Uint8Array>();
  const figures = [];
  for (const { name: figure, title, caption } of listFigures(report)) {
    const svg = figureSvg(report, figure)!;
    files.set(`${figure}.svg`, svg);
    files.set(`${figure}.pdf`, await pdfOf(svg, title));
    figures.push({ name: figure, caption, isWide: Number(/width="(\d+)/.exec(svg)![1]) * 0.75 > columnWidth });
  }
  files.set('table.tex', table(report));
  files.set('methods.tex', `${methods(about, report, version).map(latex).join('\n\n')}\n`);
  files.set('checklist.tex', checklistTable(checklist(about, report)));
  files.set('report.tex', document(name, figures));
  try {
    await mkdir(folder, { recursive: true });
    for (const [file, content] of files) await writeFile(join(folder, file), content);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC') throw error;
    throw new BadInput(`Cannot write into ${folder}: ${code ?? String(error)}.`);
  }
  return [...files.keys()];
}

function table(report: AnyReport): string {
  const pairings = pairingsOf(report);
  const criteria = pairings.flatMap((pairing) => pairing.criteria);
  const hasTies = criteria.some(({ ties, split }) => ties + split > 0);
  const percent = (value: number | null) => (value === null ? '--' : (100 * value).toFixed(1));
  const p = (value: number | null) =>
    value === null ? '--' : value < 0.001 ? '$<$ .001' : value.toFixed(3).replace(/^0/, '');
  const rows = pairings.flatMap(({ modelA, modelB, criteria: of }) => [
    ...(pairings.length > 1
      ? [`\\multicolumn{${hasTies ? 9 : 8}}{l}{\\emph{${latex(modelA)} against ${latex(modelB)}}} \\\\`]
      : []),
    ...of.map(({ criterion, winRate, wins, losses, ties, split, signTest, agreement }) =>
      [
        latex(nameOfCriterion(criterion)),
        percent(winRate.value),
        winRate.low === null ? '--' : `${percent(winRate.low)}--${percent(winRate.high)}`,
        wins,
        ...(hasTies ? [ties + split] : []),
        losses,
        winRate.n,
        p(signTest.pScore),
        agreement.krippendorffAlpha === null ? '--' : agreement.krippendorffAlpha.toFixed(2),
      ]
        .join(' & ')
        .concat(' \\\\'),
    ),
  ]);
  const [{ modelA, modelB }] = pairings as [(typeof pairings)[number]];
  const compared =
    pairings.length > 1 ? 'the first model against the second' : `${latex(modelA)} against ${latex(modelB)}`;
  return `% Written by visavis. It needs the booktabs package.
\\begin{table}
  \\centering
  \\caption{Majority win rate (\\%) of ${compared}${report.simulated ? ' (simulated votes)' : ''}, with its 95\\,\\% interval over pairs, and Krippendorff's $\\alpha$.${hasTies ? ' Ties and pairs without a majority count one half.' : ''}}
  \\label{tab:win-rates}
  \\begin{tabular}{lr@{\\quad}crrrr${hasTies ? 'r' : ''}r}
    \\toprule
    Criterion & Win rate & 95\\,\\% & Won & ${hasTies ? 'Tied & ' : ''}Lost & $n$ & $p$ & $\\alpha$ \\\\
    \\midrule
${rows.map((row) => `    ${row}`).join('\n')}
    \\bottomrule
  \\end{tabular}
\\end{table}
`;
}

function checklistTable(items: ReturnType<typeof checklist>): string {
  return `% Written by visavis, after the points that Otani et al. (2023, arXiv:2304.01816) ask for. What it cannot know is in \\emph.
\\begin{description}
${items.map(({ point, answer }) => `  \\item[${latex(point)}] ${answer === undefined ? '\\emph{to be filled in}' : latex(answer)}`).join('\n')}
\\end{description}
`;
}

function document(name: string, figures: readonly { name: string; caption: string; isWide: boolean }[]): string {
  return `% Written by visavis: shows all that is in this folder. Take what you need.
\\documentclass{article}
\\usepackage[T1]{fontenc}
\\IfFileExists{lmodern.sty}{\\usepackage{lmodern}}{}
\\usepackage{textcomp}
\\usepackage{booktabs}
\\usepackage{graphicx}
\\begin{document}
\\section*{${latex(name)}}
\\input{methods}
\\input{table}
${figures
  .map(
    (figure) => `\\begin{figure}
  \\centering
  \\includegraphics${figure.isWide ? '[width=\\linewidth]' : ''}{${figure.name}}
  \\caption{${latex(figure.caption)}}
  \\label{fig:${figure.name}}
\\end{figure}`,
  )
  .join('\n')}
\\clearpage
\\section*{Checklist}
\\input{checklist}
\\end{document}
`;
}

const commands: Record<string, string> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  _: '\\_',
  '%': '\\%',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '$<$',
  '>': '$>$',
  '|': '$|$',
  '"': '\\textquotesingle\\textquotesingle{}',
  '“': '``',
  '”': "''",
  '‘': '`',
  '’': "'",
  '–': '--',
  '—': '---',
  '…': '\\ldots{}',
  '×': '$\\times$',
  '½': '$\\frac{1}{2}$',
  α: '$\\alpha$',
  κ: '$\\kappa$',
  '\u00a0': '~',
  '€': '\\texteuro{}',
  '£': '\\pounds{}',
};

/** Letters that T1 and textcomp have. */
const latin = /[\u0020-\u007e\u00a1-\u0125\u0128-\u0137\u0139-\u013e\u0141-\u0148\u014a-\u0165\u0168-\u017e]/;

/** What plain pdfLaTeX cannot set is named by its code point rather than dropped. */
export function latex(text: string): string {
  return [...text]
    .map((character) => {
      const command = commands[character];
      if (command !== undefined) return command;
      return latin.test(character) ? character : codePoint(character);
    })
    .join('');
}
