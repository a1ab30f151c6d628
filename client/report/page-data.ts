/** @file What a report's own file carries. */
import type { ManyModelsReport, Report } from '../../contract/report.ts';
import type { Beside, WrittenVotes } from '../../evaluator/votes/study-votes.ts';

export type AnyReport = Report | ManyModelsReport;

export interface GalleryPair {
  position: number;
  prompt: string;
  modelA: string;
  modelB: string;
  /** Images as data: addresses. */
  a: string;
  b: string;
  votes: { criterion: string; a: number; b: number; tie: number }[];
}

export interface ReportAbout {
  models: string[];
  /** How the study was made and computed, a paragraph each. */
  methods: string[];
  gallery?: GalleryPair[];
}

export interface PageData {
  about: ReportAbout;
  votes: WrittenVotes;
  beside: Beside;
}
