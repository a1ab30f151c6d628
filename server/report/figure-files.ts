/** @file One figure as a file. */
import PDFDocument from 'pdfkit';
import { fileURLToPath } from 'node:url';
import { stringify } from 'csv-stringify/sync';
import sharp from 'sharp';
import svgToPdf from 'svg-to-pdfkit';
import { escapeCell } from '../../evaluator/engine/files/spreadsheet.ts';
import { ServiceError } from '../errors.ts';
import { loadRenderer, type Result } from './renderer.ts';

export type FigureEnding = 'svg' | 'png' | 'pdf' | 'csv';

/** Of a PNG: four pixels for one of the drawing, of which an inch has 72. */
const density = 288;

/** @throws ServiceError not-found */
export async function figureFile(result: Result, name: string, ending: FigureEnding): Promise<Uint8Array> {
  const renderer = await loadRenderer();
  const entry = renderer.listFigures(result).find((each) => each.name === name);
  if (entry === undefined) throw new ServiceError('not-found', `There is no figure named "${name}".`);
  if (ending === 'csv')
    return Buffer.from(stringify([entry.table.columns, ...entry.table.rows], { cast: { string: escapeCell } }));
  const svg = renderer.figureSvg(result, name)!;
  if (ending === 'svg') return Buffer.from(svg);
  if (ending === 'png') return sharp(Buffer.from(svg), { density }).flatten({ background: '#ffffff' }).png().toBuffer();
  return pdfOf(svg, entry.title);
}

/** Letters that Arimo's file has, which has Helvetica's widths; publishers want every font in the file. */
const isLatin = (text: string) => /^[\u0020-\u00ff\u0152\u0153\u2000-\u206f\u20ac\u2122\u2212]*$/.test(text);
/** Letters that DejaVu has, which stands in for the others. */
const known = /[\u0020-\u058f\u1e00-\u1fff\u2000-\u22ff]/;

function fontOf(text: string, weight: 'regular' | 'bold'): string {
  const name = isLatin(text)
    ? `@fontsource/arimo/files/arimo-latin-${weight === 'bold' ? 700 : 400}-normal.woff`
    : `dejavu-fonts-ttf/ttf/DejaVuSansCondensed${weight === 'bold' ? '-Bold' : ''}.ttf`;
  return fileURLToPath(import.meta.resolve(name));
}

/** Names a letter that cannot be shown, as U+4E2D in brackets, rather than dropping it. */
export function codePoint(letter: string): string {
  return `[U+${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`;
}

function printable(text: string): string {
  return [...text].map((letter) => (known.test(letter) ? letter : codePoint(letter))).join('');
}

/** A page of the figure's size, an SVG pixel ¾ of a point. Without a date: the same figure gives the same bytes. */
export function pdfOf(drawing: string, title: string): Promise<Uint8Array> {
  const svg = printable(drawing.trim());
  const [, width, height] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg)!.map(Number) as [number, number, number];
  const size: [number, number] = [width * 0.75, height * 0.75];
  const document = new PDFDocument({
    size,
    margin: 0,
    info: { Title: title, CreationDate: new Date(0), ModDate: new Date(0) },
  });
  document.registerFont('regular', fontOf(svg, 'regular'));
  document.registerFont('bold', fontOf(svg, 'bold'));
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
