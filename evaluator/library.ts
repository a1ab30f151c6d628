/**
 * @file What `import … from 'visavis'` gives: the statistics of pairs, the report on a file of votes, one image, one score.
 * The rest of the package is the command line's and may change.
 */
export { BadInput } from './engine/files/bad-input.ts';
export { renderImage, type ImageRequest, type RenderedImage } from './renders/generate.ts';
export { scoreImages, type ScoreRequest } from './rewards/reward.ts';
export { analyze, analyzeAny, type AnalysisOptions } from './votes/analyze.ts';
export { isOfMany } from './votes/models.ts';
export type { Analysis, CriterionReport, ManyModelsAnalysis, Report, WinRate } from '../contract/report.ts';

export { ArgumentError } from './statistics/argument-error.ts';
export { predictionPowered, type PredictionPowered } from './statistics/prediction-powered.ts';
export { breakdown, type PairVotes } from './statistics/breakdown.ts';
export { binomialTest, signTest } from './statistics/binomial-test.ts';
export {
  bradleyTerry,
  type Battle,
  type BradleyTerryFit,
  type BradleyTerryOptions,
} from './statistics/bradley-terry.ts';
export { clopperPearson } from './statistics/clopper-pearson.ts';
export { cochranQ } from './statistics/cochran-q.ts';
export { dawidSkene } from './statistics/dawid-skene.ts';
export { fleissKappa, randolphKappa, type Kappa } from './statistics/fleiss-kappa.ts';
export { holm } from './statistics/holm.ts';
export { krippendorffAlpha, type Alpha, type Metric } from './statistics/krippendorff-alpha.ts';
export { decide, majority, points, type Decision } from './statistics/majority.ts';
export { mcnemarChiSquared, mcnemarExact } from './statistics/mcnemar.ts';
export { detectableWinRate, promptsNeeded, signTestPower } from './statistics/power.ts';
export { confidenceSequence, eValue } from './statistics/sequential.ts';
export { wilson, type Interval } from './statistics/wilson.ts';
