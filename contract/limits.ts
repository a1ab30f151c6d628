/** @file Bounds that the page needs too. Imports nothing, so that it does not load a validator. */

/** Characters of one answer to a survey, and of all of them together: they are one message. */
export const longestAnswer = 5000;
export const longestSurvey = 10_000;

/** Characters that each of so many answers may have, so that all of them are one message whatever is written. */
export function answerRoom(questions: number): number {
  return Math.min(longestAnswer, Math.floor(longestSurvey / questions));
}
