/** @file The client's figures and page, built by vite.report.config.ts for use without a DOM. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PrescreenResult } from '../../contract/prescreen.ts';
import type { AnyReport } from '../../contract/report.ts';
import type { StudyVotes } from '../../evaluator/votes/study-votes.ts';
import { packageRoot } from '../../evaluator/engine/files/package-root.ts';

export interface FigureEntry {
  name: string;
  title: string;
  caption: string;
  table: { columns: string[]; rows: (string | number)[][] };
}

/** What has figures. */
export type Result = AnyReport | PrescreenResult;

export interface Renderer {
  listFigures(result: Result): FigureEntry[];
  figureSvg(result: Result, name: string): string | undefined;
  allFiguresSvg(result: Result): string;
  pageBody(about: object, report: AnyReport, votes: StudyVotes): string;
}

const folder = () => join(packageRoot(), 'dist', 'report');

export async function loadRenderer(): Promise<Renderer> {
  return (await import(pathToFileURL(join(folder(), 'render.js')).href)) as Renderer;
}

/** What a report's own file carries beside its votes. */
export async function pageAssets(): Promise<{ script: string; style: string }> {
  const read = (name: string) => readFile(join(folder(), name), 'utf8');
  return { script: await read('page.js'), style: await read('page.css') };
}
