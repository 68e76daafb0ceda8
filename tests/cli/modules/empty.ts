/** A module without a processor. */

export const nothing = "to do";
