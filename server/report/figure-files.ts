/** @file One figure as a file. */
import PDFDocument from 'pdfkit';
import { fileURLToPath } from 'node:url';
import { stringify } from 'csv-stringify/sync';
import sharp from 'sharp';
import svgToPdf from 'svg-to-pdfkit';
import { escapeCell } from '../../evaluator/engine/files/spreadsheet.ts';
import { ServiceError } from '../errors.ts';
import { loadRenderer, type AnyReport } from './renderer.ts';

export const figureEndings = ['svg', 'png', 'pdf', 'csv'] as const;
export type FigureEnding = (typeof figureEndings)[number];

/** Of a PNG: four pixels for one of the drawing, of which an inch has 72. */
const density = 288;

/** @throws ServiceError not-found */
export async function figureFile(report: AnyReport, name: string, ending: FigureEnding): Promise<Uint8Array> {
  const renderer = await loadRenderer();
  const entry = renderer.listFigures(report).find((each) => each.name === name);
  if (entry === undefined) throw new ServiceError('not-found', `The report has no figure named "${name}".`);
  if (ending === 'csv')
    return Buffer.from(stringify([entry.table.columns, ...entry.table.rows], { cast: { string: escapeCell } }));
  const svg = renderer.figureSvg(report, name)!;
  if (ending === 'svg') return Buffer.from(svg);
  if (ending === 'png') return sharp(Buffer.from(svg), { density }).flatten({ background: '#ffffff' }).png().toBuffer();
  return pdfOf(svg, entry.title);
}

/** Arimo, which has Helvetica's widths, is embedded: publishers want every font in the file. */
const fontOf = (weight: 400 | 700) =>
  fileURLToPath(import.meta.resolve(`@fontsource/arimo/files/arimo-latin-${weight}-normal.woff`));

/** A page of the figure's size, an SVG pixel ¾ of a point. Without a date: the same figure gives the same bytes. */
export function pdfOf(svg: string, title: string): Promise<Uint8Array> {
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)!.map(Number) as [number, number, number];
  const size: [number, number] = [width * 0.75, height * 0.75];
  const document = new PDFDocument({
    size,
    margin: 0,
    info: { Title: title, CreationDate: new Date(0), ModDate: new Date(0) },
  });
  document.registerFont('regular', fontOf(400));
  document.registerFont('bold', fontOf(700));
  const chunks: Uint8Array[] = [];
  document.on('data', (chunk: Uint8Array) => chunks.push(chunk));
  const done = new Promise<void>((resolve, reject) => {
    document.on('end', resolve);
    document.on('error', reject);
  });
  svgToPdf(document, svg, 0, 0, {
    width: size[0],
    height: size[1],
    fontCallback: (_family: string, bold: boolean) => (bold ? 'bold' : 'regular'),
  });
  document.end();
  return done.then(() => Buffer.concat(chunks));
}
