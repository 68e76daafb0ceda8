/** A module that can't be imported. */

function start(): never {
  throw new Error("the setting COLOUR\nis missing");
}

start();
