/** @file The report's JSON. Fields stay once released; more may come. A number that is undefined is null with a `why`. */
import { z } from 'zod';

const number = z.number().nullable();
const why = z.string().optional().describe('Why a number is undefined, in words.');
const interval = {
  low: number.describe('Lower end of the 95 % interval.'),
  high: number.describe('Upper end of the 95 % interval.'),
};
const intervalSchema = z.object(interval);
const p = number.describe('Two-sided p value, 0 … 1.');
const counts = {
  wins: z.int().describe('Pairs that the majority gives to A.'),
  losses: z.int().describe('Pairs that the majority gives to B.'),
  ties: z.int().describe('Pairs whose majority is a tie.'),
  split: z.int().describe('Decided pairs without a majority; they count ½ in a win rate.'),
};

export const winRateSchema = z.object({
  value: number.describe('Share, 0 … 1.'),
  ...interval,
  n: z.int().describe('Pairs that it is of.'),
  rule: z.string().describe('The formula, W wins, L losses, T ties and splits, N = W + L + T.'),
  method: z.string().describe("The interval's method."),
  why,
});

export const sliceSchema = z.object({
  name: z.string().describe('The category or challenge.'),
  ...counts,
  winRate: winRateSchema.describe('(W + T/2)/N of this slice.'),
  p: p.describe('Exact two-sided sign test.'),
  pScore: number.describe("McNemar's score test, which the interval belongs to."),
  pHolm: number.describe('The exact p corrected (Holm) for the number of slices of its kind.'),
  pScoreHolm: number.describe('The score p corrected in the same way; the verdict goes with it.'),
});

const bootstrapSchema = z.object({
  ...interval,
  resamples: z.int().describe('Samples drawn.'),
  seed: z.int().describe('Of the draws.'),
  why,
});

export const criterionReportSchema = z.object({
  criterion: z.string().describe('general, appeal, alignment, or what the file calls it.'),
  votesPerPair: z.int().describe('Votes that a pair needs for this criterion.'),
  pairs: z.int().describe('Pairs of the study, or items of the file.'),
  decided: z.int().describe('Pairs with all their votes.'),
  incomplete: z.int().describe('Pairs with fewer votes than they need; undecided.'),
  ...counts,
  winRate: winRateSchema.describe('(W + T/2)/N over decided pairs.'),
  winRateNoTies: winRateSchema.describe('W/(W + L) over won and lost pairs.'),
  winRateWeighted: z
    .object({
      value: number.describe('Share, 0 … 1.'),
      ...interval,
      effectiveN: number.describe('Pairs of a simple random sample with the same variance.'),
      strata: z.int().describe('Groups of prompts that were sampled at different rates.'),
      rule: z.string().describe('The formula.'),
      method: z.string().describe("The interval's method."),
      why,
    })
    .nullable()
    .describe(
      "Unbiased for the whole prompt set, when the study's sample took some prompts more than others; else null.",
    ),
  bootstrap: bootstrapSchema
    .extend({
      unit: z.literal('prompt').describe('What is drawn with replacement.'),
      method: z.literal('percentile').describe("The interval's method."),
      bca: intervalSchema.describe('The bias-corrected and accelerated interval from the same draws.'),
    })
    .describe('The win rate over prompts drawn with replacement.'),
  otherPeople: z
    .object({
      value: number.describe('The share of the votes that are for A, a tie ½: as votes.shareA.'),
      ...interval,
      degreesOfFreedom: number.describe("Satterthwaite's, of the t quantile."),
      components: z
        .object({
          prompt: z.number().describe('Variance between prompts.'),
          annotator: z.number().describe('Variance between annotators.'),
          residual: z.number().describe('Variance of what is left.'),
        })
        .nullable()
        .describe("What one vote's variance is made of."),
      method: z.string().describe("The interval's method."),
      says: z.string().describe('What would narrow the interval, in words.'),
      why,
    })
    .describe('Would other people agree? Prompts and annotators both drawn: of votes, not of majorities.'),
  signTest: z
    .object({
      p: number.describe('Exact two-sided sign test of won against lost pairs.'),
      pScore: number.describe("McNemar's score test without correction: the test that winRate's interval belongs to."),
      pHolm: number.describe('pScore corrected (Holm) for the number of criteria: is A preferred on some criterion?'),
      why,
      note: z.string().optional().describe('Where the two tests differ at 5 %.'),
    })
    .describe('Is the win rate ½? The verdict goes with pScore.'),
  breakdown: z
    .object({
      votes: z.int().nullable().describe('The fewest votes that, changed, turn the verdict.'),
      of: z.int().describe('Votes on decided pairs.'),
      verdict: z.enum(['a', 'b', 'none']).describe('Which model wins more pairs by pScore at 5 %.'),
      why,
    })
    .describe('How firm the verdict is.'),
  evidence: z
    .object({
      eValue: number.describe(
        'The null hypothesis may be rejected at 5 % once it reaches 20, however often one looks.',
      ),
      low: number.describe('Lower end of the 95 % confidence sequence for W/(W + L).'),
      high: number.describe('Upper end of the 95 % confidence sequence for W/(W + L).'),
      n: z.int().describe('Won and lost pairs.'),
      says: z.string().describe('What may be said, in words.'),
    })
    .describe('Holds however often the study is watched while it runs.'),
  detectableWinRate: number.describe(
    'Smallest win rate that this many won and lost pairs detect with power .8 at 5 %.',
  ),
  votes: z
    .object({
      a: z.int().describe('Votes for A.'),
      b: z.int().describe('Votes for B.'),
      tie: z.int().describe('Votes for a tie.'),
      bothBad: z
        .int()
        .optional()
        .describe('Of the ties, those given because neither would do; absent where nobody could say so.'),
      shareA: number.describe('(a + tie/2) over all votes, 0 … 1; not the majority win rate.'),
      why,
    })
    .describe('Votes, not majorities.'),
  agreement: z
    .object({
      fleissKappa: number.describe("Fleiss' κ over pairs with all their votes."),
      fleissKappaInterval: intervalSchema.describe('Over prompts drawn with replacement.'),
      krippendorffAlpha: number.describe("Krippendorff's α, nominal, over pairs with two or more votes."),
      krippendorffAlphaInterval: intervalSchema.describe('Over prompts drawn with replacement.'),
      unanimous: number.describe('Share of complete pairs on which all votes are the same.'),
      why,
    })
    .describe('How far annotators agree.'),
  sideBias: z
    .object({
      leftShare: number.describe('Share of the votes for an image that are for the left one.'),
      ...interval,
      n: z.int().describe('Votes for an image whose side is on record.'),
      why,
    })
    .describe('½ is no bias.'),
  byCategory: z.array(sliceSchema).describe('Alphabetical.'),
  byChallenge: z.array(sliceSchema).describe('Alphabetical.'),
});

const checkRate = z
  .object({
    value: z.number().describe('The share.'),
    low: z.number().describe("Lower end of Wilson's 95 % interval."),
    high: z.number().describe("Upper end of Wilson's 95 % interval."),
    n: z.int().describe('Answers.'),
  })
  .nullable();

export const annotatorReportSchema = z.object({
  id: z.string().describe("The annotator's id, as the crowd platform or the file has it."),
  votes: z.int().describe('Votes that count.'),
  medianResponseTimeMs: number.describe('Milliseconds; null where no vote has a time.'),
  agreementWithMajority: number.describe(
    "Share of this person's votes, on pairs on which the others have a majority, that the others' majority confirms.",
  ),
  excluded: z.boolean().describe('Whether the votes are left out of the results.'),
  excludedBecause: z.string().optional().describe('The reason that was given.'),
  gold: checkRate
    .optional()
    .describe(
      'Share of right answers to pairs whose answer is known; null before the first one. In studies with a visit.',
    ),
  repeats: checkRate
    .optional()
    .describe(
      'Share of repeated pairs answered as the first time; null before the first one. In studies with a visit.',
    ),
});

const agreementSchema = z.object({
  value: number.describe('1 where both name the same image, ½ where one says tie, 0 else; the mean over pairs.'),
  ...interval,
  n: z.int().describe('Pairs that people have decided and the reward has scored.'),
  why,
});

/** A reward on the study's own pairs. */
export const rewardReportSchema = z.object({
  reward: z.string().describe('Name of the reward.'),
  winRate: winRateSchema.describe('Share of pairs whose image of A scores higher; equal scores count ½.'),
  medianA: number.describe("Median score of A's images."),
  medianB: number.describe("Median score of B's images."),
  agreementWithPeople: agreementSchema.describe(
    "On general preference, or the study's first criterion where that was not asked.",
  ),
  byCriterion: z
    .array(
      z.object({
        criterion: z.string().describe('The criterion.'),
        agreement: agreementSchema.describe('Over all its pairs.'),
        byDifference: z
          .array(
            z.object({
              difference: z.number().describe("Mean of A's score less B's in the group."),
              winRate: winRateSchema.describe('How often people prefer A there.'),
            }),
          )
          .describe(
            'Groups of as many decided pairs each, by how much more the reward gives A; ten at most, of ten pairs at least.',
          ),
        predictionPowered: z
          .object({
            value: number.describe('Win rate of A, 0 … 1, with the help of the scores of pairs without votes.'),
            ...interval,
            n: z.int().describe('Pairs that people have decided and the reward has scored.'),
            others: z
              .int()
              .describe('Pairs that the reward has scored and people have not decided, in the study or not.'),
            lambda: number.describe('How far the reward is listened to, 0 … 1.'),
            worth: number.describe('Decided pairs that would narrow the interval as much as these scores do.'),
            says: z.string().describe('The same in words.'),
            why,
          })
          .describe('What the reward is worth in votes (PPI++).'),
        byCategory: z
          .array(agreementSchema.extend({ name: z.string().describe('The category.') }))
          .describe('Alphabetical.'),
      }),
    )
    .describe('The same for every criterion.'),
});

export const comparisonSchema = z.object({
  criteria: z.tuple([z.string(), z.string()]).describe('The two criteria.'),
  onlyFirst: z.int().describe('Pairs that go to A on the first and to B on the second.'),
  onlySecond: z.int().describe('Pairs that go to B on the first and to A on the second.'),
  p,
});

const displayShareSchema = z.object({
  value: number.describe('Share of the votes for A, ties ½.'),
  ...interval,
  n: z.int().describe('Votes.'),
  why,
});

/** What a study set out to show, and whether it did. */
export const planReportSchema = z.object({
  sha256: z.string().describe("SHA-256 of the study's file as canonical JSON, taken when it was made."),
  primary: z.string().describe('The criterion that the verdict is on.'),
  hypothesis: z.enum(['superiority', 'non-inferiority', 'equivalence']).describe('What is to be shown.'),
  margin: number.describe('In the win rate; null for superiority.'),
  alpha: z.number().describe('Level of the test.'),
  stopping: z.enum(['fixed', 'e-value']).describe('When it ends.'),
  exclusions: z.string().nullable().describe('The rule by which annotators are left out.'),
  preset: z.string().nullable().describe('The paper that it replicates.'),
  published: z
    .object({
      value: z.number().describe("The paper's figure for the primary criterion."),
      says: z.string().describe('Of what.'),
      paper: z.string().describe('Where.'),
    })
    .nullable()
    .describe('Where the paper has one.'),
  verdicts: z
    .array(
      z.object({
        modelA: z.string().describe('Model A.'),
        modelB: z.string().describe('Model B.'),
        verdict: z.enum(['holds', 'fails', 'open']).describe('Whether the hypothesis was shown.'),
        says: z.string().describe('The same in words.'),
      }),
    )
    .describe('One for each two models.'),
  departures: z.array(z.string()).describe('What was done otherwise than planned.'),
});

const twoModels = {
  modelA: z.string().describe('Whose wins a win rate counts.'),
  modelB: z.string().describe('The other model.'),
};
const leftOut = {
  annotators: z.int().describe('People whose votes are left out above.'),
  votes: z.int().describe('Their votes.'),
};

export const reportSchema = z.object({
  study: z.string().describe('Name of the study, or of the file.'),
  ...twoModels,
  simulated: z.boolean().describe("True when the votes are simulated annotators'."),
  votesPerPair: z.int().describe('Votes that a pair needs for each criterion.'),
  criteria: z.array(criterionReportSchema).describe('In the order in which they are asked.'),
  comparisons: z
    .array(comparisonSchema)
    .describe("McNemar's exact test: do two criteria favour A equally often on the pairs that both decide?"),
  annotators: z.array(annotatorReportSchema).describe('By id.'),
  rewards: z.array(rewardReportSchema).describe("Rewards that have scored the study's images, by name."),
  withExcluded: z
    .object({
      ...leftOut,
      criteria: z.array(criterionReportSchema).describe('The same results with their votes.'),
    })
    .optional()
    .describe('What the results were if nobody were left out; absent while nobody is.'),
  display: z
    .object({
      votes: z.int().describe('Votes that tell what was on screen.'),
      untold: z.int().describe('Votes that do not.'),
      slices: z
        .array(
          z.object({
            name: z.string().describe('What holds for these votes.'),
            votes: z.int().describe('How many.'),
            byCriterion: z
              .array(
                z.object({
                  criterion: z.string().describe('The criterion.'),
                  with: displayShareSchema.describe('Of the votes for which it holds.'),
                  without: displayShareSchema.describe('Of those for which it does not.'),
                }),
              )
              .describe('In the order in which they are asked.'),
          }),
        )
        .describe('Those that hold for some vote.'),
    })
    .optional()
    .describe('What people had on screen while they voted, where the page has told it.'),
  evidenceOverTime: z
    .array(
      z.object({
        criterion: z.string().describe('The criterion.'),
        points: z
          .array(
            z.object({
              pairs: z.int().describe('Pairs decided by then.'),
              eValue: z.number().describe('The e-value of the won and lost ones among them.'),
            }),
          )
          .describe('In the order in which pairs were decided; two hundred at most.'),
      }),
    )
    .optional()
    .describe('How the evidence grew, of studies whose votes have times here.'),
  plan: planReportSchema
    .optional()
    .describe('What was set out to be shown, and whether it was; absent without a plan.'),
});

/** Of three and more models: a report for each pair of them, and all on one scale. */
export const manyModelsReportSchema = z.object({
  study: reportSchema.shape.study,
  models: z.array(z.string()).describe('First those that stand as A somewhere, then those that stand as B alone.'),
  simulated: reportSchema.shape.simulated,
  votesPerPair: reportSchema.shape.votesPerPair,
  pairings: z
    .array(
      z.object({
        ...twoModels,
        criteria: reportSchema.shape.criteria,
        comparisons: reportSchema.shape.comparisons,
        rewards: reportSchema.shape.rewards,
        display: reportSchema.shape.display,
        evidenceOverTime: reportSchema.shape.evidenceOverTime,
      }),
    )
    .describe('Every two models that were compared.'),
  ratings: z
    .array(
      z.object({
        criterion: z.string().describe('The criterion.'),
        model: z.string().describe('The model.'),
        rating: number.describe("Log strength (Bradley–Terry), the models' mean 0."),
        ...interval,
        why,
      }),
    )
    .describe('By criterion, then model.'),
  matrix: z
    .array(
      z.object({
        criterion: z.string().describe('The criterion.'),
        winRates: z.array(z.array(number)).describe("[row][column] in the models' order; null where not compared."),
      }),
    )
    .describe('How often each model wins against each other one.'),
  cycles: z
    .array(
      z.object({
        criterion: z.string().describe('The criterion.'),
        models: z.tuple([z.string(), z.string(), z.string()]).describe('Each beats the next, the last the first.'),
      }),
    )
    .describe('Threes without an order: a rating alone does not tell of them.'),
  drawn: z
    .boolean()
    .optional()
    .describe(
      'Which models were compared was drawn while people voted: ratings weight each vote by the inverse of its pair’s chance.',
    ),
  annotators: reportSchema.shape.annotators,
  withExcluded: z
    .object({
      ...leftOut,
      pairings: z
        .array(z.object({ ...twoModels, criteria: reportSchema.shape.criteria }))
        .describe('The same results with their votes.'),
    })
    .optional()
    .describe('What the results were if nobody were left out; absent while nobody is.'),
  plan: reportSchema.shape.plan,
});

const importedRows = {
  skipped: z
    .array(z.object({ reason: z.string().describe('Why.'), rows: z.int().describe('How many.') }))
    .describe('Rows that are no votes here.'),
  notes: z.array(z.string()).describe('What was read in a way that is worth knowing.'),
};

/** What `analyze` adds: what became of the file's rows. */
export const analysisSchema = reportSchema.extend({
  ...importedRows,
  rows: z
    .object({
      read: z.int().describe('Rows of the file, without the header.'),
      used: z.int().describe('Rows that are votes in this report.'),
      skipped: z
        .array(
          z.object({
            reason: z.string().describe('Why.'),
            count: z.int().describe('Rows.'),
            examples: z.array(z.string()).describe('The first few, with row and column.'),
          }),
        )
        .describe('Rows that are no votes here.'),
      notes: z.array(z.string()).describe('What was read in a way that is worth knowing.'),
    })
    .describe("What became of the file's rows."),
});

export type PlanReport = z.infer<typeof planReportSchema>;
export type Report = z.infer<typeof reportSchema>;
export type Analysis = z.infer<typeof analysisSchema>;
export type ManyModelsReport = z.infer<typeof manyModelsReportSchema>;
export type ManyModelsAnalysis = ManyModelsReport & Pick<Analysis, 'rows' | 'skipped' | 'notes'>;

export type AnyReport = Report | ManyModelsReport;

export type CriterionReport = z.infer<typeof criterionReportSchema>;
export type AnnotatorReport = z.infer<typeof annotatorReportSchema>;
export type RewardReport = z.infer<typeof rewardReportSchema>;
export type WinRate = z.infer<typeof winRateSchema>;
export type Slice = z.infer<typeof sliceSchema>;
