/** @file The figures and the whole report as text, without a DOM: the same report gives the same bytes. */
import type { Component } from 'svelte';
import { render } from 'svelte/server';
import type { PrescreenResult } from '../../contract/prescreen.ts';
import type { AnyReport } from '../../contract/report.ts';
import type { StudyVotes } from '../../evaluator/votes/study-votes.ts';
import Chart from './Chart.svelte';
import FigureTitle from './FigureTitle.svelte';
import { figuresOf, type Figure } from './figures.ts';
import Page from './Page.svelte';
import type { ReportAbout } from './page-data.ts';
import { prescreenFigures } from './prescreen-figures.ts';

/** What has figures. */
export type Result = AnyReport | PrescreenResult;

function figuresIn(result: Result): Figure[] {
  return 'promptSet' in result ? prescreenFigures(result) : figuresOf(result);
}

/** Names, captions and numbers; where nothing is decided or scored there are none. */
export function listFigures(result: Result): Pick<Figure, 'name' | 'title' | 'caption' | 'table'>[] {
  return figuresIn(result).map(({ name, title, caption, table }) => ({ name, title, caption, table }));
}

/** @returns undefined where there is no such figure */
export function figureSvg(result: Result, name: string): string | undefined {
  const figure = figuresIn(result).find((each) => each.name === name);
  return figure === undefined ? undefined : `${drawingOf(figure)}\n`;
}

/** All figures below one another under their titles, on a white page. */
export function allFiguresSvg(result: Result): string {
  const [margin, titleHeight] = [16, 36];
  let [width, height] = [320, margin];
  const parts = figuresIn(result).map((figure) => {
    const drawing = drawingOf(figure);
    const [, across, down] = /^<svg [^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(drawing)!.map(Number);
    const title = drawn(FigureTitle, { title: figure.title, x: margin, y: height + 18 });
    const part = `${title}${drawing.replace('<svg ', `<svg x="${margin}" y="${height + titleHeight}" `)}`;
    width = Math.max(width, across! + 2 * margin);
    height += down! + titleHeight + margin;
    return part;
  });
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  const page = `<rect width="${width}" height="${height}" fill="#ffffff"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${page}${parts.join('')}</svg>\n`;
}

export function pageBody(about: ReportAbout, report: AnyReport, votes: StudyVotes): string {
  return withoutMarkers(render(Page, { props: { about, report, votes } }).body);
}

function drawingOf(figure: Figure): string {
  return drawn(Chart, { figure });
}

/** Outside a page there are no variables: what stands for each holds. */
function drawn<Props extends Record<string, unknown>>(component: Component<Props>, props: Props): string {
  const { body } = render(component as Component<Record<string, unknown>>, { props });
  return withoutMarkers(body).replace(/var\(--[\w-]+, ([^)]+)\)/g, '$1');
}

/** Without what would let the page be taken over in a browser. */
function withoutMarkers(html: string): string {
  return html.replace(/<!--.*?-->/g, '').trim();
}
