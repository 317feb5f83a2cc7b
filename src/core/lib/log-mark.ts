/** The line that stands in a log where its middle was cut out. Whoever resumes at a place in the log has to know its length. */
export function cutMark(cut: number): string {
  return `\n[${cut} bytes of this log were cut here]\n`;
}
