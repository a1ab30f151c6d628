/** @file What a report's own file carries. */
import type { Beside, WrittenVotes } from '../../evaluator/votes/study-votes.ts';

export interface GalleryPair {
  position: number;
  prompt: string;
  /** Index of its pairing, and of its item among that one's votes. */
  pairing: number;
  item: number;
  /** Images as data: addresses. */
  a: string;
  b: string;
}

export interface ReportAbout {
  models: string[];
  /** How the study was made and computed, a paragraph each: carried, not computed. */
  methods: string[];
  gallery?: GalleryPair[];
}

export interface PageData {
  about: ReportAbout;
  votes: WrittenVotes;
  beside: Beside;
}
