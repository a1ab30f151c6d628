/** @file The figures and the whole report as text, without a DOM: the same report gives the same bytes. */
import { render } from 'svelte/server';
import type { StudyVotes } from '../../evaluator/votes/study-votes.ts';
import Chart from './Chart.svelte';
import { figuresOf, type Figure } from './figures.ts';
import Page from './Page.svelte';
import type { AnyReport } from '../../contract/report.ts';
import type { ReportAbout } from './page-data.ts';

/** Names, captions and numbers; a report without decided pairs has none. */
export function listFigures(report: AnyReport): Pick<Figure, 'name' | 'title' | 'caption' | 'table'>[] {
  return figuresOf(report).map(({ name, title, caption, table }) => ({ name, title, caption, table }));
}

/** @returns undefined where the report has no such figure */
export function figureSvg(report: AnyReport, name: string): string | undefined {
  const figure = figuresOf(report).find((each) => each.name === name);
  if (figure === undefined) return undefined;
  // Outside the page there are no variables: what stands for each holds.
  return `${withoutMarkers(render(Chart, { props: { figure } }).body).replace(/var\(--[\w-]+, ([^)]+)\)/g, '$1')}\n`;
}

export function pageBody(about: ReportAbout, report: AnyReport, votes: StudyVotes): string {
  return withoutMarkers(render(Page, { props: { about, report, votes } }).body);
}

/** Without what would let the page be taken over in a browser. */
function withoutMarkers(html: string): string {
  return html.replace(/<!--.*?-->/g, '').trim();
}
