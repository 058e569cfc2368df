// How far a roll-out may go.
export const smallestShare = 1;
export const largestShare = 99;
/** ms. */
export const longestRollOut = 30 * 24 * 3600 * 1000;
export const largestBound = 10_000;
