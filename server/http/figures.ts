/** @file A figure's file in a request and in a response. */
import type { Response } from 'express';
import type { FigureEnding } from '../report/figure-files.ts';
import { ServiceError } from '../errors.ts';

const types: Record<FigureEnding, string> = {
  svg: 'image/svg+xml',
  png: 'image/png',
  pdf: 'application/pdf',
  csv: 'text/csv',
};

export interface FigureName {
  figure: string;
  ending: FigureEnding;
}

/**
 * @param file as win-rates.svg
 * @throws ServiceError bad-request
 */
export function figureName(file: string): FigureName {
  const [, figure, ending] = /^([\w-]+)\.(\w+)$/.exec(file) ?? [];
  if (figure === undefined || ending === undefined || !Object.hasOwn(types, ending))
    throw new ServiceError('bad-request', `A figure is a name and ${Object.keys(types).join(', ')}.`);
  return { figure, ending: ending as FigureEnding };
}

export function sendFigure(response: Response, { figure, ending }: FigureName, content: Uint8Array): void {
  response
    .type(types[ending])
    .set('Content-Disposition', `attachment; filename="${figure}.${ending}"`)
    .send(Buffer.from(content));
}
