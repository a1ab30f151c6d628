/**
 * @file What surrounds the voting: a study's visit as its researcher writes it (`visit` in a study's file), and what the
 * annotator's page is told of it step by step.
 */
import { z } from 'zod';
import { assignmentSchema } from './annotate.ts';
import { longestAnswer, longestSurvey } from './limits.ts';
import { criterionSchema, textSchema } from './words.ts';

export const languages = ['en', 'de', 'es'] as const;
export type Language = (typeof languages)[number];
export const languageSchema = z.enum(languages);

/** The steps in the order in which they come; a study has some of them. */
export const steps = ['welcome', 'consent', 'device', 'instructions', 'practice', 'work', 'survey'] as const;
export type Step = (typeof steps)[number];

export const endReasons = ['finished', 'full', 'no-consent', 'device', 'checks'] as const;
export type EndReason = (typeof endReasons)[number];

/** Kept as it was written, so that a study's file comes out as it went in. */
const filled = (longest: number) => textSchema.max(longest).refine((value) => value.trim() !== '', 'is empty');
const text = filled(20_000);
export const line = filled(500);
/** One text, or one for each language. */
export const localised = <T extends z.ZodType<string>>(inner: T) =>
  z.union(
    [
      inner,
      z
        .partialRecord(languageSchema, inner)
        .refine((texts) => Object.keys(texts).length > 0, 'has a text in no language'),
    ],
    {
      error: 'must be a text, or one text for each language: { en: …, de: … }',
    },
  );
export type Localised = string | Partial<Record<Language, string>>;

const answerSchema = z.enum(['a', 'b']).describe('The image that should be chosen: of model a or of model b.');
const prompt = textSchema.min(1).describe("A prompt of the study's set, word for word.");
const httpUrl = z.url({ protocol: /^https?$/ }).max(2000);

const endingSchema = z.strictObject({
  code: filled(100).optional().describe('Completion code of the crowd platform.'),
  redirect: httpUrl.optional().describe('Where the person is sent from the last screen.'),
});

const practiceSchema = z.strictObject({
  prompt,
  criterion: criterionSchema.describe('The question.'),
  answer: answerSchema,
  why: localised(line).optional().describe('Shown after the answer.'),
});

export const visitSchema = z
  .strictObject({
    languages: z
      .array(languageSchema)
      .min(1)
      .refine((list) => new Set(list).size === list.length, 'names a language twice')
      .default(['en'])
      .describe('Languages in which the page may appear; the first one is for browsers that ask for none of them.'),
    about: z
      .strictObject({
        researcher: line.optional().describe('Who asks.'),
        minutes: z.number().positive().max(600).optional().describe('How long it takes.'),
        pay: line.optional().describe('What is paid.'),
        contact: line.optional().describe('Whom to write to.'),
      })
      .optional()
      .describe('Shown with the welcome.'),
    welcome: localised(text).optional().describe('Markdown.'),
    consent: localised(text).optional().describe('Markdown; without consent nobody goes on.'),
    device: z
      .strictObject({
        minWidth: z.int().min(1).max(20_000).optional().describe('Of the page, CSS pixels.'),
        minHeight: z.int().min(1).max(20_000).optional().describe('Of the page, CSS pixels.'),
        minColorDepth: z.int().min(1).max(64).optional().describe('Bits a pixel.'),
      })
      .refine((device) => Object.keys(device).length > 0, 'asks for nothing')
      .optional()
      .describe('A screen that shows less ends the visit.'),
    instructions: localised(text).optional().describe('Markdown.'),
    example: practiceSchema.optional().describe('Shown with the instructions, with its answer.'),
    practice: z.array(practiceSchema).min(1).max(50).optional().describe('Pairs before the work; the answer is told.'),
    gold: z
      .strictObject({
        every: z.int().min(1).max(1000).describe('One after so many pairs of the study.'),
        pairs: z
          .array(
            z
              .strictObject({
                prompt,
                answers: z
                  .partialRecord(criterionSchema, answerSchema)
                  .refine((answers) => Object.keys(answers).length > 0, 'has no answer')
                  .optional()
                  .describe('The known answers; only these criteria are asked.'),
                instruction: z
                  .strictObject({
                    say: line
                      .optional()
                      .describe(
                        'Stands in the place of the prompt. Without it the page says it in its own language and layout.',
                      ),
                    choose: z.enum(['left', 'right']).describe('The side that it asks for.'),
                  })
                  .optional()
                  .describe("Instead of answers: a sentence that says what to choose, on the study's last question."),
              })
              .refine(
                ({ answers, instruction }) => (answers === undefined) !== (instruction === undefined),
                'has one of answers and instruction',
              ),
          )
          .min(1)
          .max(500)
          .describe('Each is taken out of the pairs that are asked.'),
        screenOut: z
          .strictObject({
            after: z.int().min(1).max(500).describe('Answers to gold questions before the rule holds.'),
            below: z.number().gt(0).max(1).describe('A smaller share of right ones ends the visit.'),
          })
          .optional()
          .describe('When gold ends a visit.'),
      })
      .optional()
      .describe('Pairs with known answers among the work; they count in no result.'),
    repeat: z
      .strictObject({ every: z.int().min(2).max(1000).describe('One after so many pairs of the study.') })
      .optional()
      .describe('An earlier pair comes again with its sides swapped; it counts in no result.'),
    pairsPerAnnotator: z.int().min(1).max(100_000).optional().describe('At most so many pairs of the study a person.'),
    retentionDays: z
      .int()
      .min(1)
      .max(36_500)
      .optional()
      .describe(
        'So many days after the study was closed a pseudonym takes the place of each id; votes stay. The consent page says so.',
      ),
    order: z
      .enum(['fixed', 'rotated'])
      .optional()
      .describe('Of the questions: the same for everybody, or each place taken by each for an equal share of them.'),
    oneScreen: z
      .boolean()
      .optional()
      .describe(
        'All questions of a pair stand on one screen and may be answered in any order; all show the prompt, or none.',
      ),
    pointAt: z.boolean().default(false).describe('After an answer: where on the image did you decide? May be skipped.'),
    difference: z.boolean().default(false).describe('Whether what differs between both images can be shown.'),
    breakAfter: z.int().min(1).max(10_000).optional().describe('A break is offered each time so many pairs are done.'),
    undo: z.int().min(0).max(10).default(1).describe('Pairs that can be taken back, one after the other; 0: none.'),
    survey: z
      .array(
        z.strictObject({
          question: localised(line).describe('What is asked.'),
          choices: z.array(localised(line)).min(2).max(20).optional().describe('Without: free text.'),
        }),
      )
      .min(1)
      .max(20)
      .optional()
      .describe('Short questions at the end; each may be left empty.'),
    thanks: localised(text).optional().describe('Markdown, on the last screen.'),
    ends: z
      .partialRecord(z.enum(endReasons), endingSchema)
      .optional()
      .describe('Code and redirect for each way in which a visit ends.'),
  })
  .superRefine((visit, context) => {
    const checks = [...(visit.gold?.pairs ?? []), ...(visit.practice ?? []), ...(visit.example ? [visit.example] : [])];
    const seen = new Set<string>();
    for (const { prompt } of checks) {
      if (seen.has(prompt))
        context.addIssue(`uses the prompt "${prompt.slice(0, 80)}" twice among gold, practice and example`);
      seen.add(prompt);
    }
    if (visit.retentionDays !== undefined && visit.consent === undefined)
      context.addIssue('retentionDays goes with consent, whose page says it');
    if (visit.gold?.screenOut !== undefined && visit.gold.screenOut.after > goldQuestions(visit.gold.pairs))
      context.addIssue('gold.screenOut.after is more than there are gold answers');
  });
export type Visit = z.infer<typeof visitSchema>;

function goldQuestions(pairs: readonly { answers?: object | undefined }[]): number {
  return pairs.reduce((sum, { answers }) => sum + (answers === undefined ? 1 : Object.keys(answers).length), 0);
}

const html = z.string().describe('Safe HTML, made from the study’s Markdown.');
const imageOfCheck = assignmentSchema.shape.left;

export const shownPairSchema = z.object({
  id: z.string().describe('Of the assignment.'),
  criterion: criterionSchema.describe('The question.'),
  prompt: z.string().nullable().describe('Null where the question hides it.'),
  left: imageOfCheck,
  right: imageOfCheck,
  answer: z.enum(['left', 'right']).optional().describe('The side to choose; told of the example alone.'),
  why: z.string().optional().describe('Why; told of the example alone.'),
});
export type ShownPair = z.infer<typeof shownPairSchema>;

export const visitViewSchema = z.object({
  languages: z.array(languageSchema).describe('In which the page may appear.'),
  steps: z.array(z.enum(steps)).describe('The steps that this study has, in their order.'),
  at: z.enum([...steps, 'end']).describe('The step to take now.'),
  html: html
    .optional()
    .describe('Of the step that is at hand: welcome, consent, instructions, or the thanks at the end.'),
  retentionDays: z.int().optional().describe('With the consent: how many days after the end ids are kept.'),
  about: z
    .object({
      researcher: z.string().optional().describe('Who asks.'),
      minutes: z.number().optional().describe('How long it takes.'),
      pay: z.string().optional().describe('What is paid.'),
      contact: z.string().optional().describe('Whom to write to.'),
    })
    .optional()
    .describe('With the welcome.'),
  device: z
    .object({
      minWidth: z.int().optional().describe('CSS pixels.'),
      minHeight: z.int().optional().describe('CSS pixels.'),
      minColorDepth: z.int().optional().describe('Bits a pixel.'),
    })
    .optional()
    .describe('What the device check asks for.'),
  example: shownPairSchema.optional().describe('With the instructions.'),
  practice: z
    .object({
      index: z.int().nonnegative().describe('Which pair, from 0.'),
      of: z.int().positive().describe('How many there are.'),
      pair: shownPairSchema.describe('The pair.'),
    })
    .optional()
    .describe('The practice pair at hand.'),
  feedback: z
    .object({
      right: z.boolean().describe('Whether the answer was the expected one.'),
      why: z.string().optional().describe("The study's own word on it."),
    })
    .optional()
    .describe('On the practice answer that was just given.'),
  survey: z
    .array(
      z.object({
        question: z.string().describe('What is asked.'),
        choices: z.array(z.string()).optional().describe('Without: free text.'),
      }),
    )
    .optional()
    .describe('The questions at the end.'),
  questions: z
    .array(
      z.object({
        id: z.string().describe('The criterion.'),
        question: z.string().describe('What is asked.'),
        help: z.string().optional().describe('What is meant.'),
        hidesPrompt: z.boolean().describe('Whether the prompt is hidden meanwhile.'),
      }),
    )
    .optional()
    .describe("Of the study's own; the others the page asks in its own words."),
  oneScreen: z.boolean().optional().describe('Whether all questions of a pair stand on one screen.'),
  pointAt: z.boolean().describe('Whether the place that decided is asked for.'),
  difference: z.boolean().describe('Whether what differs between both images may be shown.'),
  breakAfter: z.int().positive().optional().describe('A break is offered each time so many pairs are done.'),
  undo: z.int().nonnegative().describe('Pairs that can be taken back.'),
  follows: z.boolean().describe('Whether something follows the work, if only a last screen with its code.'),
  end: z
    .object({
      reason: z
        .enum([...endReasons, 'withdrawn'])
        .describe(
          'Why the visit is over; withdrawn: the crowd platform says that they gave it back or ran out of time.',
        ),
      code: z.string().optional().describe('Completion code.'),
      redirect: z.string().optional().describe('Where to go from here.'),
    })
    .optional()
    .describe('When the visit is over.'),
});
export type VisitView = z.infer<typeof visitViewSchema>;

export const visitLookSchema = z
  .object({ language: languageSchema.optional().describe('In which texts are wanted.') })
  .nullish();
export type VisitLook = NonNullable<z.infer<typeof visitLookSchema>>;

const answered = z.object({ language: languageSchema.optional().describe('In which texts are wanted.') });
export const visitStepSchema = z.discriminatedUnion('step', [
  answered.extend({ step: z.literal('welcome').describe('Which step is taken.') }),
  answered.extend({
    step: z.literal('consent').describe('Which step is taken.'),
    agreed: z.boolean().describe('False ends the visit.'),
  }),
  answered.extend({
    step: z.literal('device').describe('Which step is taken.'),
    width: z.number().finite().nonnegative().max(1e6).describe('Of the page, CSS pixels.'),
    height: z.number().finite().nonnegative().max(1e6).describe('Of the page, CSS pixels.'),
    colorDepth: z.number().finite().nonnegative().max(1000).describe('Bits a pixel.'),
  }),
  answered.extend({ step: z.literal('instructions').describe('Which step is taken.') }),
  answered.extend({
    step: z.literal('practice').describe('Which step is taken.'),
    index: z.int().nonnegative().describe('Which practice pair was answered.'),
    choice: z.enum(['left', 'right', 'skipped']).describe('The answer; skipped where an image cannot be shown.'),
  }),
  answered.extend({ step: z.literal('work').describe('Which step is taken.') }).describe('Nothing is left to judge.'),
  answered.extend({
    step: z.literal('survey').describe('Which step is taken.'),
    answers: z
      .array(textSchema.max(longestAnswer))
      .max(20)
      .refine((answers) => answers.join('').length <= longestSurvey, `has more than ${longestSurvey} characters in all`)
      .describe('In the order of the questions; empty: not answered.'),
  }),
]);
export type VisitStep = z.infer<typeof visitStepSchema>;
