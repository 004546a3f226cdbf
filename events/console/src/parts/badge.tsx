import { wordText } from "../format";

// A verdict as a coloured word.
export function Badge({ word }: { word: string }) {
  return word ? <span className={`badge ${word}`}>{wordText(word)}</span> : null;
}
